"""The store that a cluster's nodes and the driver have in common."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.shared_store import shared_store
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import RaySettings

ADDRESS = "10.0.0.7:6379"


def told(workspace: Workspace, store: str | None) -> str:
    address = shared_store(workspace, RaySettings(address=ADDRESS, store=store))
    assert address is not None
    return address.url


def test_a_folder_is_named_whole_as_seen_from_the_workspace(tmp_path: Path) -> None:
    """Whatever the current folder is, here or on a node."""
    workspace = Workspace(Path(os.path.relpath(tmp_path)))
    assert told(workspace, "the store") == f"{tmp_path}/the store"
    assert told(workspace, "/mnt/store/") == "/mnt/store"
    assert told(workspace, "s3://bucket/prefix") == "s3://bucket/prefix"


def test_a_local_ray_needs_none_and_a_cluster_one(tmp_path: Path) -> None:
    assert shared_store(Workspace(tmp_path), RaySettings()) is None
    with pytest.raises(SettingsError, match=rf"the nodes at {ADDRESS} need a store .* tocoad remote set URL"):
        shared_store(Workspace(tmp_path), RaySettings(address=ADDRESS))
