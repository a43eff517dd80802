"""Data sets under DVC: their version, and where DVC keeps what they hold."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.exceptions import CacheLinkError
from dvc.repo import Repo

from services.dvc import moved_links
from services.dvc.adding import add_copies
from services.dvc.calls import DvcError, told
from services.dvc.damage import absent_objects, data_file_md5, healing, remove_damaged_listing
from services.dvc.known import Known, tell_known
from services.dvc.repository import opened
from services.dvc.staging import listings_dropped
from tocoad.files.workspace import Workspace


def track_dataset(workspace: Workspace, dataset: str, changed: bool = False, known: Known = ()) -> str:
    """Brings the data set's folder under DVC as it is now (`data/NAME.dvc`); returns its data version. DVC is not asked
    first whether one that is known to have `changed` has, and reads no file whose md5 is known.
    """
    folder = workspace.dataset_dir(dataset)
    if not folder.is_dir():
        raise DvcError(f"data set {dataset!r}: {folder} is missing")
    return track_folder(workspace, folder, changed, known)


@healing
def track_folder(workspace: Workspace, folder: Path, changed: bool = False, known: Known = ()) -> str:
    """The same of any folder of the workspace, with its `.dvc` file beside it."""
    folder = folder.resolve()
    with opened(workspace) as repo:
        if known:
            tell_known(repo, folder, known)
        if (before := folder_version(folder)) is not None:
            remove_damaged_listing(repo, before)
        _add(repo, folder, before is not None, changed)
        version = folder_version(folder)
        assert version is not None
        if remove_damaged_listing(repo, version):
            _add(repo, folder, again=True, changed=True)
        if absent := absent_objects(repo, version):
            place, images = repo.cache.local.path, f"{len(absent)} files of {folder.name}"
            raise DvcError(f"{place}: {images} could not be copied there: make room, then run the same again")
    return version


def _add(repo: Repo, folder: Path, again: bool, changed: bool) -> None:
    """As `Repo.add`, which reads all stages first, to see that none writes there: of a folder that it has added before
    it has seen so.
    """
    stage = repo.stage.load_one(str(folder.with_name(f"{folder.name}.dvc"))) if again else None
    if stage is None or [out.fs_path for out in stage.outs] != [str(folder)]:
        repo.add(str(folder))
        return
    with listings_dropped(), repo.scm_context():
        if changed or stage.outs[0].status():
            if not add_copies(repo, stage):
                # The cache has what cannot be linked to it.
                with suppress(CacheLinkError):
                    stage.add_outs()
            stage.dump()


def data_version(workspace: Workspace, dataset: str) -> str | None:
    """The content hash in `data/NAME.dvc`, or None where the data set was never brought under DVC."""
    try:
        return folder_version(workspace.dataset_dir(dataset))
    except ValueError as error:
        raise DvcError(f"{error}; tocoad retrain {dataset} makes it anew") from None


def folder_version(folder: Path) -> str | None:
    """The same of any folder. Raises ValueError where its `.dvc` file is damaged."""
    file = folder.with_name(f"{folder.name}.dvc")
    try:
        return data_file_md5(file) if file.is_file() else None
    except ValueError as error:
        raise ValueError(f"{file}: damaged ({error})") from None


def cache_dir(workspace: Workspace) -> Path:
    """Where DVC keeps contents, and where the files of a data set are links to if `cache.type` is `symlink`."""
    return moved_links.cache_dir(workspace.root.resolve(), _cache_settings(workspace))


def follow_links(workspace: Workspace) -> None:
    """Where the workspace has moved, or is a copy: lets DVC's links lead to its own cache."""
    moved_links.follow_links(workspace.root.resolve(), _cache_settings(workspace))


def _cache_settings(workspace: Workspace) -> dict[str, Any]:
    folder = workspace.root.resolve() / ".dvc"
    with told(folder.parent):
        return dict(Config(str(folder))["cache"]) if folder.is_dir() else {}
