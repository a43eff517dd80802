"""A workspace as it was, which is put back while servers have its registry open."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

_REGISTRY = Path(".services", "mlflow.db")


class Kept:
    """Of `root`, in `folder`."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root, self._files, self._registry = root, folder / "files", folder / _REGISTRY.name

    @property
    def is_there(self) -> bool:
        return self._registry.exists()

    def keep(self) -> None:
        _copy(self._root, self._files)
        (self._files / _REGISTRY).rename(self._registry)

    def put_back(self) -> None:
        """At the same places, which the registry names. Of its database the content is put back."""
        services = self._root / _REGISTRY.parent
        services.mkdir(exist_ok=True)
        for entry in (*self._root.iterdir(), *services.iterdir()):
            if entry != services and not entry.name.startswith(_REGISTRY.name):
                _remove(entry)
        with closing(sqlite3.connect(self._registry)) as kept, closing(sqlite3.connect(self._root / _REGISTRY)) as here:
            kept.backup(here)
        _copy(self._files, self._root)


def emptied(folder: Path) -> None:
    """If it is there."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        _remove(entry)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _copy(source: Path, target: Path) -> None:
    """With the links of files to each other, which DVC knows again by their times."""
    target.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", f"{source}/.", str(target)], check=True)
