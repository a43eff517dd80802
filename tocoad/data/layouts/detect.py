"""Which layout a source folder has, and reading it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from tocoad.data.groups import GROUPS_FILE
from tocoad.data.layouts import visa
from tocoad.data.layouts.aptos import is_aptos, read_aptos
from tocoad.data.layouts.folder import has_images, read_folder
from tocoad.data.layouts.group_file import attach_groups
from tocoad.data.layouts.isic2018 import is_isic2018, read_isic2018
from tocoad.data.layouts.oct2017 import find_oct2017, read_oct2017
from tocoad.data.layouts.source import Source
from tocoad.data.layouts.tree import is_category, read_trees
from tocoad.data.manifest import GOOD
from tocoad.data.problems import DataError, Problem
from tocoad.files.workspace import Category

Layout = Literal["auto", "mvtec", "visa", "btad", "folder", "oct2017", "aptos", "isic2018"]

_BTAD_GOOD = "ok"
_READERS: Mapping[Layout, Callable[[Source, Path], None]] = {
    "mvtec": lambda source, root: read_trees(source, root, GOOD),
    "visa": visa.read_visa,
    "btad": lambda source, root: read_trees(source, root, _BTAD_GOOD),
    "folder": read_folder,
    "oct2017": read_oct2017,
    "aptos": read_aptos,
    "isic2018": read_isic2018,
}


def read_source(root: Path, layout: Layout, store: Path | None = None) -> tuple[Layout, Source]:
    """The layout (never `auto`) and what was found; links may lead to the folder `store` too.

    Raises DataError where the folder cannot be read as that layout.
    """
    if layout not in get_args(Layout):
        raise DataError([Problem(root, f"unknown layout {layout!r}; use {', '.join(get_args(Layout))}")])
    if not root.is_dir():
        way_out = "unpack it and give the folder" if root.is_file() else "check the path"
        raise DataError([Problem(root, f"not a folder; {way_out}")])
    source = Source(root, store=store)
    try:
        layout = detect(root) if layout == "auto" else layout
        _READERS[layout](source, root)
        table = root / GROUPS_FILE
        attach_groups(source, table if table.is_file() else None)
    except OSError as error:
        raise DataError([Problem(Path(error.filename or root), f"cannot be read ({error.strerror})")]) from None
    if not source.categories and not source.problems:
        source.refuse(root, "holds no category")
    for category in source.categories:
        _check_name(source, category.folder, category.name)
    return layout, source


def detect(root: Path) -> Layout:
    """By the folders alone. A tree without good training images still counts as MVTec AD's, so that they are missed."""
    if (root / visa.CSV).is_file() or (root / visa.CONVERTED).is_dir():
        return "visa"
    if is_aptos(root):
        return "aptos"
    if is_isic2018(root):
        return "isic2018"
    if find_oct2017(root) is not None:
        return "oct2017"
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
        "CATEGORY/train/good (MVTec AD), CATEGORY/train/ok (BTAD), split_csv/1cls.csv (VisA), train/NORMAL (OCT2017), "
        "train.csv beside train_images (APTOS), ISIC2018_Task3_Training_Input or good images alone"
    )
    raise DataError([Problem(root, f"no known layout; expected {expected}")])


def _check_name(source: Source, folder: Path, name: str) -> None:
    try:
        Category("dataset", name)
    except ValueError:
        proposal = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")[:63] or "category"
        reason = f"a category's name has letters, digits, '_' and '-' only; rename it, for example to {proposal!r}"
        source.refuse(folder, reason)
