"""A category as the stage `manifest` leaves it, with drawn calibration normals, and the folders of its evaluation."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image

from tests.helpers.toys import draw
from tocoad.data.manifest import TEST_FILE, TRAIN_FILE, ImageRecord, Manifest, Split
from tocoad.evaluation.folders import evaluation_folders
from tocoad.files.workspace import Category, Workspace
from tocoad.stages.graph import manifest_dir

DISC = Category("toys", "disc")


def draw_calibrated(root: Path, package: Path, calibration: int = 4) -> dict[str, Path]:
    """So many discs to calibrate with, 4 to train on and 2 good ones to test with."""
    workspace = Workspace(root)
    parts: list[tuple[Split, str, range]] = [
        ("train", "train/good", range(4)),
        ("calibration", "train/good", range(10, 10 + calibration)),
        ("test", "test/good", range(50, 52)),
    ]
    records, folder = [], workspace.data_dir(DISC)
    for split, place, numbers in parts:
        (folder / place).mkdir(parents=True, exist_ok=True)
        for number in numbers:
            path = f"{place}/{number:03d}.png"
            Image.fromarray(draw("disc", number)).save(folder / path)
            records.append(_record(folder, path, split))
    manifests = manifest_dir(workspace, DISC)
    manifests.mkdir(parents=True)
    for file, splits in ((TRAIN_FILE, ("train", "calibration")), (TEST_FILE, ("test",))):
        images = tuple(record for record in records if record.split in splits)
        Manifest(dataset=DISC.dataset, category=DISC.name, images=images).save(manifests / file)
    return evaluation_folders(workspace, DISC, package)


def _record(folder: Path, path: str, split: Split) -> ImageRecord:
    return ImageRecord(
        path=path,
        sha256=hashlib.sha256((folder / path).read_bytes()).hexdigest(),
        md5="0",
        split=split,
        gt_label=0,
        defect_type="good",
        width=64,
        height=64,
    )
