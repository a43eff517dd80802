"""Data sets under DVC: their version, and where DVC keeps what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.exceptions import DvcException

from services.dvc import moved_links
from services.dvc.damage import absent_objects, data_file_md5, healing, remove_damaged_listing
from services.dvc.repository import DvcError, one_line, opened
from tocoad.files.workspace import Workspace


@healing
def track_dataset(workspace: Workspace, dataset: str) -> str:
    """Brings the data set's folder under DVC as it is now (`data/NAME.dvc`); returns its data version."""
    folder = workspace.dataset_dir(dataset)
    if not folder.is_dir():
        raise DvcError(f"data set {dataset!r}: {folder} is missing")
    with opened(workspace) as repo:
        repo.add(str(folder))
        version = data_version(workspace, dataset)
        assert version is not None
        if remove_damaged_listing(repo, version):
            repo.add(str(folder))
        if absent := absent_objects(repo, version):
            place, images = repo.cache.local.path, f"{len(absent)} files of {dataset}"
            raise DvcError(f"{place}: {images} could not be copied there: make room, then run the same again")
    return version


def data_version(workspace: Workspace, dataset: str) -> str | None:
    """The content hash in `data/NAME.dvc`, or None where the data set was never brought under DVC."""
    file = workspace.dataset_dir(dataset).with_name(f"{dataset}.dvc")
    try:
        return data_file_md5(file) if file.is_file() else None
    except ValueError as error:
        raise DvcError(f"{file}: damaged ({error}); tocoad retrain {dataset} makes it anew") from None


def cache_dir(workspace: Workspace) -> Path:
    """Where DVC keeps contents, and where the files of a data set are links to if `cache.type` is `symlink`."""
    return moved_links.cache_dir(workspace.root.resolve(), _cache_settings(workspace))


def follow_links(workspace: Workspace) -> None:
    """Where the workspace has moved, or is a copy: lets DVC's links lead to its own cache."""
    moved_links.follow_links(workspace.root.resolve(), _cache_settings(workspace))


def _cache_settings(workspace: Workspace) -> dict[str, Any]:
    folder = workspace.root.resolve() / ".dvc"
    try:
        return dict(Config(str(folder))["cache"]) if folder.is_dir() else {}
    except DvcException as error:
        raise DvcError(f"DVC: {one_line(error)}") from error
