"""The folders that the evaluation of a package reads, by name: so it can be asked for where no workspace is."""

from __future__ import annotations

from pathlib import Path

from tocoad.files.workspace import Category, Workspace
from tocoad.stages.graph import manifest_dir

TEXTURES = "textures"
"""The folder of textures, which a generator of anomalies may need beside them."""


def evaluation_folders(workspace: Workspace, category: Category, package: Path) -> dict[str, Path]:
    """Of a category's present evaluation set and a package that may be another's."""
    return {
        "manifest": manifest_dir(workspace, category),
        "images": workspace.data_dir(category),
        "package": package,
    }


def comparison_folders(workspace: Workspace, category: Category, challenger: Path, champion: Path) -> dict[str, Path]:
    """The same of two packages."""
    return {
        "manifest": manifest_dir(workspace, category),
        "images": workspace.data_dir(category),
        "challenger": challenger,
        "champion": champion,
    }
