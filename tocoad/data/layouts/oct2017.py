"""OCT2017: retinal scans, labelled by folder and without masks.

Kermany et al., Cell 172 (2018); Mendeley Data rscbjbr9sj, where it is `CellData/OCT`, and Kaggle's kermany2018, where
the folder's name ends with a blank.

    OCT2017/train/{NORMAL,CNV,DME,DRUSEN}/<disease>-<patient>-<number>.jpeg
    OCT2017/test/...
    OCT2017/val/...      Kaggle's alone

Training takes `train/NORMAL`, as in Guo et al., ReContrast, NeurIPS 2023; the whole of `test` is the test. Two scans of
one eye look alike, so a patient who is tested leaves training: the authors parted them by patient, copies of the data
set that were parted anew may not have.
"""

from __future__ import annotations

import re
from pathlib import Path

from tocoad.data.layouts.copies import leave_out_copies
from tocoad.data.layouts.source import Source, SourceCategory, SourceImage, named_after
from tocoad.data.layouts.words import means_good
from tocoad.data.listing import list_images
from tocoad.data.manifest import GOOD

_FOLDER, _NORMAL = "OCT2017", "NORMAL"
_NAME = re.compile(r"[A-Za-z]+-(?P<patient>\d+)-\d+")


def find_oct2017(root: Path) -> Path | None:
    """The folder of `train` and `test`: the root, or the one in it that bears the data set's name."""
    if _has_normal(root):
        return root
    found = [entry for entry in root.iterdir() if entry.name.strip().upper() == _FOLDER and _has_normal(entry)]
    return found[0] if len(found) == 1 else None


def read_oct2017(source: Source, root: Path) -> None:
    folder = find_oct2017(root)
    if folder is None:
        source.refuse(root, f"expected train/{_NORMAL} here or in one folder {_FOLDER}; give the folder that holds it")
        return
    if folder != root:
        _name_others(source, root, (folder.name,))
    category = SourceCategory(named_after(folder), folder)
    source.categories.append(category)
    _name_others(source, folder, ("train", "test", "val"))
    _read_train(source, category)
    _read_test(source, category)
    unused = _count(folder / "val")
    if unused:
        source.warn(folder / "val", f"{unused} images are not imported: no part of training or test")
    leave_out_copies(source, category)
    _leave_out_tested_patients(source, category)


def _has_normal(folder: Path) -> bool:
    return (folder / "train" / _NORMAL).is_dir()


def _name_others(source: Source, folder: Path, known: tuple[str, ...]) -> None:
    for entry in source.folders(folder):
        if entry.name not in known:
            source.warn(entry, "not part of the layout; not imported")


def _read_train(source: Source, category: SourceCategory) -> None:
    train = category.folder / "train"
    defective = [entry for entry in source.folders(train) if entry.name != _NORMAL]
    category.images += [SourceImage(file, "train", GOOD) for file in source.images(train / _NORMAL)]
    unused = sum(map(_count, defective))
    if unused:
        names = ", ".join(entry.name for entry in defective)
        source.warn(train, f"{unused} defective images ({names}) are not imported: training takes good ones alone")


def _read_test(source: Source, category: SourceCategory) -> None:
    test = category.folder / "test"
    for entry in source.folders(test) if test.is_dir() else ():
        defect_type = GOOD if entry.name == _NORMAL else entry.name.lower()
        if entry.name != _NORMAL and means_good(entry.name):
            source.refuse(entry, f"this layout calls good images {_NORMAL!r}; rename the folder")
            continue
        images = source.images(entry)
        if not images:
            source.warn(entry, "holds no images")
        category.images += [SourceImage(file, "test", defect_type) for file in images]


def _leave_out_tested_patients(source: Source, category: SourceCategory) -> None:
    tested = {_patient(image.file) for image in category.images if image.part == "test"} - {None}
    leaked = {image for image in category.images if image.part == "train" and _patient(image.file) in tested}
    source.leave_out(category, leaked, "for training are of patients who are in test")


def _patient(file: Path) -> str | None:
    """None where the name is not as published: then nothing is known."""
    named = _NAME.fullmatch(file.stem)
    return named["patient"] if named else None


def _count(folder: Path) -> int:
    return len(list_images(folder).images) if folder.is_dir() else 0
