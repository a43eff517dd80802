"""How far does an exported detector differ from the detector, how long does an image take it, and how large is it?

Every method on the built-in data set's `gear`, in networks and sizes of the profile `default`. Writes
docs/results/export.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.export_detectors import detectors, images_to_judge
from bench.export_page import write_page
from bench.machine import machine
from bench.timing import Row, median_seconds
from tocoad.data.images import load_images
from tocoad.data.listing import list_images
from tocoad.export.formats import FORMATS
from tocoad.export.graph import traced
from tocoad.export.metadata import metadata
from tocoad.export.openvino_file import write_from_onnx
from tocoad.package.detector import Detector, Prediction, load_detector
from tocoad.settings.sections import ComputeSettings

BATCH, FURTHER = 16, 48
Images = NDArray[np.uint8]


def run() -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="tocoad-bench-") as scratch:
        root = Path(scratch)
        for name, package in detectors(root / "workspace"):
            detector = load_detector(package, ComputeSettings(device="cpu"))
            files = list_images(images_to_judge(root / "workspace")).images[:FURTHER]
            images = load_images(files, detector.image_size, detector.card.depth)
            rows += _rows(name, detector, package, root / "out", images)
    write_page(rows, machine())
    return rows


def _rows(name: str, detector: Detector, package: Path, out: Path, images: Images) -> list[Row]:
    expected = detector.predict(images)
    ours = _milliseconds(detector.predict, images[:1])
    rows = [
        Row(f"{name}: an image, the detector", ours, "ms", 1.0),
        Row(f"{name}: bytes, the detector", _mebibytes(package), "MiB"),
    ]
    program, said = traced(detector), metadata(package, detector.card)
    for form_name, form in FORMATS.items():
        folder = out / f"{name} {form_name}"
        folder.mkdir(parents=True)
        if form_name == "openvino":  # as it would write it, without making the ONNX file once more
            write_from_onnx(out / f"{name} onnx" / FORMATS["onnx"].file, said, folder / form.file)
        else:
            form.write(program, said, folder)
        run = form.opened(folder)
        alone = _milliseconds(run, images[:1])
        together = _milliseconds(run, images[:BATCH]) / BATCH
        found = [run(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        score, map_, labels = _differences(detector, expected, found)
        rows += [
            Row(f"{name}: an image, {form_name}", alone, "ms", alone / ours),
            Row(f"{name}: an image of {BATCH}, {form_name}", together, "ms", together / ours),
            Row(f"{name}: bytes, {form_name}", _mebibytes(folder), "MiB"),
            Row(f"{name}: scores apart, {form_name}", score, "share"),
            Row(f"{name}: maps apart, {form_name}", map_, "share"),
            Row(f"{name}: labels apart of {len(images)}, {form_name}", labels, "images"),
        ]
    return rows


def _differences(detector: Detector, expected: Prediction, found: list[Prediction]) -> tuple[float, float, float]:
    """Of images that the export was not checked with: as shares of the greatest score and of the fixed scale."""
    low, high = detector.card.calibration.scale
    scores = np.concatenate([part.pred_score for part in found])
    maps = np.concatenate([part.anomaly_map for part in found])
    labels = np.concatenate([part.pred_label for part in found])
    score = np.abs(scores - expected.pred_score) / np.abs(expected.pred_score).max()
    map_ = np.abs(maps - expected.anomaly_map) / (high - low)
    return float(score.max()), float(map_.max()), float((labels != expected.pred_label).sum())


def _milliseconds(predict: Callable[[Images], Prediction], images: Images) -> float:
    return 1e3 * median_seconds(lambda: predict(images), runs=9, budget=10)


def _mebibytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) / 2**20
