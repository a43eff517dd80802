"""Folders of a workspace that are links to another disk: what lies behind them DVC refuses to record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace


def refuse_links(workspace: Workspace, folders: Iterable[Path]) -> None:
    """For folders that need not be there yet, each of them and those between it and the workspace's root.

    Raises:
        SettingsError: one is a link; the line says what to do instead.
    """
    sound: set[Path] = set()
    for folder in folders:
        for place in (folder, *folder.parents):
            if place == workspace.root or place in sound:
                break
            if place.is_symlink():
                raise SettingsError(
                    f"{place} is a link, and DVC records nothing behind links: move the whole workspace to the other "
                    "disk (a link may lead to it), or mount a folder of that disk here (mount --bind)"
                )
            sound.add(place)
