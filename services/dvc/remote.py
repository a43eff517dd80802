"""DVC's default remote: the store that a workspace's data and results are pushed to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvc.config import Config

from services.dvc.calls import told
from services.dvc.data import cache_dir
from services.dvc.repository import opened
from services.store.patience import PATIENCE_SECONDS
from services.store.store import Store, open_store
from tocoad.errors import SettingsError
from tocoad.files.remote_url import S3, checked_url
from tocoad.files.replacing import sync
from tocoad.files.workspace import Workspace

_NAME = "store"
_TRACKED = "repo"  # DVC's word for .dvc/config


@dataclass(frozen=True)
class Remote:
    """`url` is S3's, or a folder in full; `name` is DVC's. `settings` are what else DVC is told of it, which may be
    secret where the user's own, untracked file tells it.
    """

    name: str
    url: str
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def store(self, patience: float = PATIENCE_SECONDS) -> Store:
        """One that is away is waited for `patience` seconds in a row."""
        return open_store(self.url, self.settings, patience)


def configured_remote(workspace: Workspace) -> Remote | None:
    """What `dvc push` would push to; None where there is no default remote.

    Raises:
        SettingsError: its URL holds a key, or is no place that we know.
    """
    folder = workspace.root.resolve() / ".dvc"
    with told(folder.parent):
        config: dict[str, Any] = Config(str(folder)) if folder.is_dir() else {}
        name = config.get("core", {}).get("remote")
        settings = dict(config["remote"].get(name, {})) if name else {}
    if name is None:
        return None
    if (url := settings.pop("url", None)) is None:
        raise SettingsError(f"{folder / 'config'}: the default remote {name!r} has no URL: tocoad remote set URL")
    return Remote(name, checked_url(str(url)), settings)


def remote_store(workspace: Workspace) -> Store | None:
    """The default remote; None where there is none.

    Raises:
        SettingsError: as `configured_remote`.
    """
    remote = configured_remote(workspace)
    return None if remote is None else remote.store()


def local_store(workspace: Workspace) -> Store:
    """The workspace's own cache."""
    return open_store(str(cache_dir(workspace)))


def configure_remote(workspace: Workspace, url: str) -> Remote:
    """Makes the place the default remote, in `.dvc/config`, which git tracks: a clone has it. A relative folder is one
    of the process's own folder, and is kept relative to that file, as DVC does; of the remote nothing but the URL is
    written.

    Raises:
        SettingsError: it is no place, holds a key, or is a folder of the workspace or behind a link; or the user's own
            `.dvc/config.local` names another remote.
    """
    root = workspace.root.resolve()
    url = checked_url(url)
    if not url.startswith(S3):
        _refuse_folder(root, Path(os.path.abspath(Path(url).expanduser())))  # noqa: PTH100  (it must not follow links)
    with opened(workspace) as repo:
        _write(repo.config, url)
    remote = configured_remote(workspace)
    if remote is None or remote.name != _NAME:
        raise SettingsError(f"{root / '.dvc/config.local'} names another default remote: dvc remote default --local -u")
    return remote


def _write(config: Config, url: str) -> None:
    """In one step: a half of the file would leave no DVC command working."""
    file = Path(config.files[_TRACKED])
    incoming = file.with_name(".config.incoming")
    try:
        shutil.copyfile(file, incoming)
        # Beside the file itself, so that what is relative to it stays so.
        config.files[_TRACKED] = str(incoming)
        with config.edit(_TRACKED) as entries:
            entries["remote"][_NAME] = {"url": url}
            entries["core"]["remote"] = _NAME
        sync(incoming)
        incoming.replace(file)
    finally:
        config.files[_TRACKED] = str(file)
        incoming.unlink(missing_ok=True)


def _refuse_folder(root: Path, folder: Path) -> None:
    for place in (folder, *folder.parents):
        if place.is_symlink():
            raise SettingsError(
                f"{place} is a link, which may come to lead elsewhere: name the folder itself ({folder.resolve()})"
            )
    if folder.is_relative_to(root):
        raise SettingsError(f"{folder} is in the workspace: a store is to outlive it; name a folder outside")
    if root.is_relative_to(folder):
        raise SettingsError(f"{folder} holds the workspace: name a folder beside it")
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder} is a file: a store is a folder")
