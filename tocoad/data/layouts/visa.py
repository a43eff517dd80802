"""VisA as published (`split_csv/1cls.csv` over `<object>/Data`), and the tree that its own script converts it to.

Zou et al., SPot-the-Difference, ECCV 2022. The `1cls` split: object, split, label, image, mask; paths from the root.
"""

from __future__ import annotations

from pathlib import Path

from tocoad.data.layouts.source import Source, SourceCategory, SourceImage
from tocoad.data.layouts.table import Row, name_unlisted, read_rows
from tocoad.data.layouts.tree import read_trees
from tocoad.data.manifest import GOOD

CSV = Path("split_csv", "1cls.csv")
CONVERTED = "1cls"

_COLUMNS = ("object", "split", "label", "image", "mask")
_DEFECT_TYPE = "bad"


def read_visa(source: Source, root: Path) -> None:
    if not (root / CSV).is_file():
        converted = root / CONVERTED
        read_trees(source, converted if converted.is_dir() else root, GOOD)
        return
    categories: dict[str, SourceCategory] = {}
    for line, row in read_rows(source, root / CSV, _COLUMNS):
        image = _image(source, root, line, row)
        if image is not None:
            category = categories.setdefault(row["object"], SourceCategory(row["object"], root / row["object"]))
            category.images.append(image)
    for category in categories.values():
        category.images.sort(key=lambda image: image.path)
        source.categories.append(category)
        _name_unlisted(source, category)
    for folder in source.folders(root):
        if folder.name not in categories and folder.name != CSV.parent.name:
            source.warn(folder, f"not listed in {CSV.name}; not imported")


def _image(source: Source, root: Path, line: int, row: Row) -> SourceImage | None:
    label, split = row["label"], row["split"]
    if label not in ("normal", "anomaly") or split not in ("train", "test"):
        source.refuse(root / CSV, f"line {line}: label {label!r} in split {split!r} is unknown")
        return None
    if split == "train" and label == "anomaly":
        source.refuse(root / CSV, f"line {line}: a defective image in the training split")
        return None
    file = _file(source, root, line, row["image"])
    mask = _file(source, root, line, row["mask"]) if row["mask"] and label == "anomaly" else None
    if file is None or (row["mask"] and label == "anomaly" and mask is None):
        return None
    if split == "train":
        return SourceImage(file, "train", GOOD)
    return SourceImage(file, "test", GOOD if label == "normal" else _DEFECT_TYPE, mask)


def _file(source: Source, root: Path, line: int, name: str) -> Path | None:
    file = root / name
    if not name or not file.is_file():
        source.refuse(root / CSV, f"line {line}: no file {name!r} in {root}")
    elif not source.is_inside(file):
        source.refuse(root / CSV, f"line {line}: {name!r} leads out of the source folder")
    else:
        return file
    return None


def _name_unlisted(source: Source, category: SourceCategory) -> None:
    listed = {image.file for image in category.images} | {image.mask for image in category.images}
    for part in ("Images/Normal", "Images/Anomaly", "Masks/Anomaly"):
        folder = category.folder / "Data" / part
        name_unlisted(source, folder, [file for file in source.images(folder) if file not in listed], CSV.name)
