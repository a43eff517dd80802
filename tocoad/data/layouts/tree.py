"""The trees of MVTec AD (`train/good`) and BTAD (`train/ok`, `test/ko`); the first is also our own.

    <category>/train/good/<stem>.png
    <category>/test/<good | defect type>/<stem>.png
    <category>/ground_truth/<defect type>/<stem>_mask.png

`test` and `ground_truth` may be absent. Masks may also be named like their image (BTAD, the converted VisA).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tocoad.data.layouts.source import Source, SourceCategory, SourceImage
from tocoad.data.layouts.words import means_good
from tocoad.data.manifest import GOOD
from tocoad.data.naming import MASK_ENDING


def is_category(folder: Path) -> bool:
    return (folder / "train").is_dir() or (folder / "test").is_dir()


def read_trees(source: Source, root: Path, good: str) -> None:
    """`root` is a category, or every folder in it is one. `good` is the layout's name for good images."""
    if is_category(root):
        read_tree(source, root, root.resolve().name, good)
        return
    for folder in source.folders(root):
        read_tree(source, folder, folder.name, good)


def read_tree(source: Source, folder: Path, name: str, good: str = GOOD) -> None:
    category = SourceCategory(name, folder)
    source.categories.append(category)
    for entry in source.folders(folder):
        if entry.name not in ("train", "test", "ground_truth"):
            source.warn(entry, "not part of the layout; not imported")
    read_train(source, category, good)
    _read_test(source, category, good)


def read_train(source: Source, category: SourceCategory, good: str = GOOD) -> None:
    """Adds the training images to the category; no other folder of it is listed."""
    train = category.folder / "train"
    for entry in source.folders(train) if train.is_dir() else ():
        if entry.name == good:
            category.images += [SourceImage(file, "train", GOOD) for file in source.images(entry)]
        elif means_good(entry.name):
            source.refuse(entry, _meant(train, entry.name, good))
        else:
            source.refuse(entry, f"training uses train/{good} alone; move these images to test or remove them")


def _read_test(source: Source, category: SourceCategory, good: str) -> None:
    test, truth = category.folder / "test", category.folder / "ground_truth"
    types = source.folders(test) if test.is_dir() else []
    for entry in types:
        images = source.images(entry)
        if not images:
            source.warn(entry, "holds no images")
        if entry.name == good:
            category.images += [SourceImage(file, "test", GOOD) for file in images]
        elif entry.name == GOOD:
            source.refuse(entry, f"this layout calls good images {good!r}; rename one of the two folders")
        elif means_good(entry.name):
            source.refuse(entry, f"good images? they would count as defective; {_meant(test, entry.name, good)}")
        else:
            masks = source.images(truth / entry.name)
            category.images += pair_masks(source, images, masks, entry.name)
    known = {entry.name for entry in types}
    for entry in source.folders(truth) if truth.is_dir() else ():
        if means_good(entry.name):
            source.warn(entry, "good images need no masks; not imported")
        elif entry.name not in known:
            for mask in source.images(entry):
                source.refuse(mask, f"mask without an image in test/{entry.name}")


def _meant(folder: Path, name: str, good: str) -> str:
    """The way out for a folder of good images that bears another name than the layout's."""
    if (folder / good).is_dir():
        return f"move these images to {folder.name}/{good}"
    return f"rename {folder.name}/{name} to {folder.name}/{good}"


def pair_masks(source: Source, images: Sequence[Path], masks: Sequence[Path], defect_type: str) -> list[SourceImage]:
    """A mask belongs to the image whose stem, with or without `_mask`, it bears. Masks left over are problems."""
    stems = {image.stem for image in images}
    by_stem: dict[str, Path] = {}
    for mask in masks:
        stem = mask.stem.removesuffix(MASK_ENDING)
        if stem not in stems:
            stem = mask.stem
        if stem not in stems:
            source.refuse(mask, f"mask without an image of the same name in test/{defect_type}")
        elif stem in by_stem:
            source.refuse(mask, f"a second mask for the image {stem!r}, beside {by_stem[stem].name}; keep one")
        else:
            by_stem[stem] = mask
    return [SourceImage(image, "test", defect_type, by_stem.get(image.stem)) for image in images]
