"""APTOS 2019: photographs of the retina's fundus, graded 0 to 4 in a table and without masks.

Kaggle, aptos2019-blindness-detection:

    train.csv            id_code,diagnosis
    train_images/<id_code>.png
    test.csv, test_images/, sample_submission.csv      no labels

It has no split of its own. As in Guo et al., ReContrast, NeurIPS 2023, who took 1,000 of the 1,805 images of grade 0,
five ninths of them are for training; here those with the lowest sha256 of the id.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from tocoad.data.layouts.copies import leave_out_copies
from tocoad.data.layouts.source import Source, SourceCategory, SourceImage, named_after
from tocoad.data.layouts.table import Row, labelled_images
from tocoad.data.manifest import GOOD

CSV, IMAGES = "train.csv", "train_images"

_UNLABELLED = ("test.csv", "test_images", "sample_submission.csv")
_TYPES = {"0": GOOD, "1": "mild", "2": "moderate", "3": "severe", "4": "proliferative"}


def is_aptos(root: Path) -> bool:
    return (root / CSV).is_file() and (root / IMAGES).is_dir()


def read_aptos(source: Source, root: Path) -> None:
    if not is_aptos(root):
        source.refuse(root, f"expected {CSV} and {IMAGES} here; give the folder that holds them")
        return
    category = SourceCategory(named_after(root), root)
    source.categories.append(category)
    _name_others(source, root)
    labelled = labelled_images(source, root / CSV, root / IMAGES, ("id_code", "diagnosis"), _defect_type)
    normal = sorted((file for file, defect_type in labelled if defect_type == GOOD), key=_order)
    train = set(normal[: len(normal) * 5 // 9])
    category.images += [
        SourceImage(file, "train" if file in train else "test", defect_type) for file, defect_type in labelled
    ]
    leave_out_copies(source, category)


def _defect_type(row: Row) -> str:
    diagnosis = row["diagnosis"]
    if diagnosis not in _TYPES:
        raise ValueError(f"diagnosis {diagnosis!r} is unknown; grades are 0 to 4")
    return _TYPES[diagnosis]


def _order(file: Path) -> str:
    return hashlib.sha256(file.stem.encode(errors="surrogateescape")).hexdigest()


def _name_others(source: Source, root: Path) -> None:
    for entry in source.entries(root):
        if entry.name in _UNLABELLED:
            source.warn(entry, "has no labels; not imported")
        elif entry.name not in (CSV, IMAGES):
            source.warn(entry, "not part of the layout; not imported")
