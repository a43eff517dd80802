"""A store of a test's own, in each kind of place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.store.store import Store, open_store
from tests.helpers.s3_servers import S3Server

PATIENCE = 2.5


@pytest.fixture
def s3(rclone_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """rclone's server, to which the environment leads."""
    use(rclone_server, monkeypatch)
    return rclone_server


@pytest.fixture(params=["folder", "rclone", "moto"])
def far(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store."""
    if request.param == "folder":
        return open_store(str(tmp_path / "far"))
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    use(server, monkeypatch)
    return open_store(f"{server.url}/{tmp_path.name}", patience=PATIENCE)


def use(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
