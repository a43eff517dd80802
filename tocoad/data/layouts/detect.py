"""Which layout a source folder has, and reading it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args

from tocoad.data.layouts import visa
from tocoad.data.layouts.folder import has_images, read_folder
from tocoad.data.layouts.source import Source
from tocoad.data.layouts.tree import is_category, read_trees
from tocoad.data.manifest import GOOD
from tocoad.data.problems import DataError, Problem
from tocoad.workspace import Category

Layout = Literal["auto", "mvtec", "visa", "btad", "folder"]

_BTAD_GOOD = "ok"


def read_source(root: Path, layout: Layout) -> tuple[Layout, Source]:
    """The layout (never `auto`) and what was found. Raises DataError where the folder cannot be read as that layout."""
    if layout not in get_args(Layout):
        raise DataError([Problem(root, f"unknown layout {layout!r}; use {', '.join(get_args(Layout))}")])
    if not root.is_dir():
        way_out = "unpack it and give the folder" if root.is_file() else "check the path"
        raise DataError([Problem(root, f"not a folder; {way_out}")])
    source = Source(root)
    try:
        layout = detect(root) if layout == "auto" else layout
        _read(source, root, layout)
    except OSError as error:
        raise DataError([Problem(Path(error.filename or root), f"cannot be read ({error.strerror})")]) from None
    if not source.categories:
        source.refuse(root, "holds no category")
    for category in source.categories:
        _check_name(source, category.folder, category.name)
    return layout, source


def _read(source: Source, root: Path, layout: Layout) -> None:
    if layout == "visa":
        visa.read_visa(source, root)
    elif layout == "folder":
        read_folder(source, root)
    else:
        read_trees(source, root, GOOD if layout == "mvtec" else _BTAD_GOOD)


def detect(root: Path) -> Layout:
    """By the folders alone. A tree without good training images still counts as MVTec AD's, so that they are missed."""
    if (root / visa.CSV).is_file() or (root / visa.CONVERTED).is_dir():
        return "visa"
    folders = [root, *(entry for entry in root.iterdir() if entry.is_dir())]
    trees = [folder for folder in folders if is_category(folder)]
    if any((folder / "train" / GOOD).is_dir() for folder in trees):
        return "mvtec"
    if any((folder / "train" / _BTAD_GOOD).is_dir() for folder in trees):
        return "btad"
    if trees:
        return "mvtec"
    if any(has_images(folder) for folder in folders):
        return "folder"
    expected = (
        "CATEGORY/train/good (MVTec AD), CATEGORY/train/ok (BTAD), split_csv/1cls.csv (VisA) or good images alone"
    )
    raise DataError([Problem(root, f"no known layout; expected {expected}")])


def _check_name(source: Source, folder: Path, name: str) -> None:
    try:
        Category("dataset", name)
    except ValueError:
        proposal = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")[:63] or "category"
        reason = f"a category's name has letters, digits, '_' and '-' only; rename it, for example to {proposal!r}"
        source.refuse(folder, reason)
