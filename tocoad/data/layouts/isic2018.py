"""ISIC 2018, task 3: photographs of skin lesions, one of seven diagnoses each, without masks.

challenge.isic-archive.com/data (Codella et al., arXiv 1902.03368; Tschandl et al., HAM10000, Scientific Data 2018):

    ISIC2018_Task3_Training_Input/<image>.jpg
    ISIC2018_Task3_Training_GroundTruth/ISIC2018_Task3_Training_GroundTruth.csv      image,MEL,NV,BCC,AKIEC,BKL,DF,VASC
    ISIC2018_Task3_Validation_...      likewise

Each folder also holds ATTRIBUTION.txt and LICENSE.txt. Nevi (NV) count as normal: those of the training part are for
training, and the validation part is the test, as in Guo et al., ReContrast, NeurIPS 2023.
"""

from __future__ import annotations

from pathlib import Path

from tocoad.data.layouts.copies import leave_out_copies
from tocoad.data.layouts.source import Source, SourceCategory, SourceImage, named_after
from tocoad.data.layouts.table import Row, labelled_images
from tocoad.data.manifest import GOOD

_DIAGNOSES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
_NORMAL = "NV"
_TRAIN, _TEST = "Training", "Validation"


def is_isic2018(root: Path) -> bool:
    return _input(root, _TRAIN).is_dir() or _truth(root, _TRAIN).parent.is_dir()


def read_isic2018(source: Source, root: Path) -> None:
    if not is_isic2018(root):
        source.refuse(root, f"expected {_input(root, _TRAIN).name} here; give the folder that holds it")
        return
    category = SourceCategory(named_after(root), root)
    source.categories.append(category)
    for folder in source.folders(root):
        if folder not in _folders(root):
            source.warn(folder, "not part of the layout; not imported")
    train = _read_part(source, root, _TRAIN)
    category.images += [SourceImage(file, "train", GOOD) for file, defect_type in train if defect_type == GOOD]
    unused = len(train) - len(category.images)
    if unused:
        folder = _input(root, _TRAIN)
        source.warn(folder, f"{unused} images other than {_NORMAL} are not imported: training takes good ones alone")
    if _input(root, _TEST).is_dir() or _truth(root, _TEST).parent.is_dir():
        category.images += [SourceImage(file, "test", label) for file, label in _read_part(source, root, _TEST)]
    else:
        source.warn(root, f"without {_input(root, _TEST).name} there is nothing to test with")
    leave_out_copies(source, category)


def _read_part(source: Source, root: Path, part: str) -> list[tuple[Path, str]]:
    table, folder = _truth(root, part), _input(root, part)
    for entry in source.entries(table.parent) if table.parent.is_dir() else ():
        if entry != table:
            source.warn(entry, "not part of the layout; not imported")
    if not table.is_file() or not folder.is_dir():
        missing, other = (folder, table) if table.is_file() else (table, folder)
        source.refuse(root, f"{missing.relative_to(root)} is missing beside {other.name}; unpack it here")
        return []
    return labelled_images(source, table, folder, ("image", *_DIAGNOSES), _defect_type)


def _defect_type(row: Row) -> str:
    diagnoses = []
    for name in _DIAGNOSES:
        if row[name] in ("1.0", "1"):
            diagnoses.append(name)
        elif row[name] not in ("0.0", "0"):
            raise ValueError(f"{row[name]!r} in column {name} is neither 0.0 nor 1.0")
    if len(diagnoses) != 1:
        raise ValueError(f"exactly one diagnosis expected, found {' and '.join(diagnoses) or 'none'}")
    return GOOD if diagnoses == [_NORMAL] else diagnoses[0].lower()


def _input(root: Path, part: str) -> Path:
    return root / f"ISIC2018_Task3_{part}_Input"


def _truth(root: Path, part: str) -> Path:
    name = f"ISIC2018_Task3_{part}_GroundTruth"
    return root / name / f"{name}.csv"


def _folders(root: Path) -> list[Path]:
    return [folder for part in (_TRAIN, _TEST) for folder in (_input(root, part), _truth(root, part).parent)]
