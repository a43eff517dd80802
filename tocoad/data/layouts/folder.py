"""A plain folder of good images: one category of the folder's name, or one for each sub-folder."""

from __future__ import annotations

from pathlib import Path

from tocoad.data.layouts.source import Source, SourceCategory, SourceImage
from tocoad.data.layouts.words import means_defective, means_good
from tocoad.data.listing import is_image_name
from tocoad.data.manifest import GOOD


def has_images(folder: Path) -> bool:
    return any(is_image_name(entry.name) and entry.is_file() for entry in folder.iterdir())


def read_folder(source: Source, root: Path) -> None:
    if has_images(root):
        _read_category(source, root, root.resolve().name)
        return
    for folder in source.folders(root):
        if means_defective(folder.name) or means_good(folder.name):
            source.refuse(
                folder,
                f"every folder here is a category of good images, and {folder.name!r} does not sound like one; put "
                "good images into CATEGORY/train/good and defective ones into CATEGORY/test/DEFECT",
            )
        _read_category(source, folder, folder.name)


def _read_category(source: Source, folder: Path, name: str) -> None:
    images = [SourceImage(file, "train", GOOD) for file in source.images(folder)]
    source.categories.append(SourceCategory(name, folder, images))
