"""The figures beside those of anomalib and adeval, where these are installed: the lock has neither.

Scores lie in (0, 1): torchmetrics, below anomalib, sends all others through a sigmoid.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skip_report import reason

from tocoad.metrics.aupimo import pixel_AUPIMO
from tocoad.metrics.image import image_AP, image_AUROC, image_F1Max
from tocoad.metrics.pixel import pixel_AP, pixel_AUPRO, pixel_AUROC, pixel_F1Max

Maps = NDArray[np.float32]
Masks = NDArray[np.bool_]


def installed(module: str) -> Any:
    missing = reason("neither anomalib nor adeval is installed", ".venv/bin/pip install -e '.[compare]'")
    return pytest.importorskip(module, reason=missing)


def _smooth(
    images: int = 12, good: int = 4, shape: tuple[int, int] = (96, 96), levels: int | None = None
) -> tuple[Maps, Masks]:
    """Smooth maps (N, H, W) in (0, 1) and their masks; the first `good` have no defect."""
    maps, masks = np.empty((images, *shape), np.float32), np.zeros((images, *shape), bool)
    for index in range(images):
        rng = np.random.default_rng((11, index))
        drawn = np.zeros(shape, np.uint8)
        for _ in range(0 if index < good else int(rng.integers(1, 4))):
            center, axes = (
                rng.integers(shape[0] // 6, 5 * shape[0] // 6, 2),
                rng.integers(shape[0] // 16, shape[0] // 8, 2),
            )
            cv2.ellipse(drawn, center.tolist(), axes.tolist(), float(rng.uniform(0, 180)), 0.0, 360.0, 1, -1)
        noise = cv2.GaussianBlur(rng.normal(size=shape).astype(np.float32), (0, 0), 3) * 4
        maps[index] = 1 / (1 + np.exp(-noise - 2 * cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), 2)))
        masks[index] = drawn.astype(bool)
    return (maps if levels is None else np.round(maps * levels) / np.float32(levels)), masks


def _lists(maps: Maps, masks: Masks) -> tuple[list[Maps], list[Masks | None]]:
    return list(maps), [mask if mask.any() else None for mask in masks]


@pytest.mark.parametrize("levels", [None, 50])
@pytest.mark.parametrize("limit", [0.05, 0.3])
def test_aupro_is_anomalibs(limit: float, levels: int | None) -> None:
    # The same definition: data-set level, every threshold, interpolated at the limit, divided by it, 8-neighbourhood.
    anomalib = installed("anomalib.metrics.aupro")
    maps, masks = _smooth(levels=levels)
    metric = anomalib._AUPRO(fpr_limit=limit)
    metric.update(torch.from_numpy(maps), torch.from_numpy(masks.astype(np.int64)))
    # anomalib adds up in float32: an error of some 1e-7 for each of the sums of up to 1e5 pixels.
    assert pixel_AUPRO(*_lists(maps, masks), limit) == pytest.approx(float(metric.compute()), abs=1e-6)


@pytest.mark.parametrize("levels", [None, 50])
def test_auroc_ap_and_f1_are_anomalibs(levels: int | None) -> None:
    auroc, aupr, f1 = (installed(f"anomalib.metrics.{name}") for name in ("auroc", "aupr", "f1_score"))
    maps, masks = _smooth(levels=levels)
    labels, scores = masks.any(axis=(1, 2)), maps.max(axis=(1, 2))

    def theirs(metric: Any, prediction: NDArray[np.float32], truth: Masks) -> float:
        metric.update(torch.from_numpy(prediction.ravel()), torch.from_numpy(truth.ravel().astype(np.int64)))
        return float(metric.compute())

    pixels = _lists(maps, masks)
    for metric, image, pixel in (
        (auroc._AUROC, image_AUROC, pixel_AUROC),
        (aupr._AUPR, image_AP, pixel_AP),
        (f1._F1Max, image_F1Max, pixel_F1Max),
    ):
        assert image(labels, scores) == pytest.approx(theirs(metric(), scores, labels), abs=1e-6)
        assert pixel(*pixels) == pytest.approx(theirs(metric(), maps, masks), abs=1e-6)


def test_aupimo_is_anomalibs_up_to_its_thresholds() -> None:
    # A million good pixels, so that both ends of the range, 10 and 100 of them, are reached exactly: anomalib leaves
    # out what lies between an end and its nearest threshold. It joins the 90 points between by straight lines, where
    # we count steps, so it adds half of each rise of the overlap over one of 90 intervals of the axis.
    anomalib = installed("anomalib.metrics.pimo.pimo")
    maps, masks = _smooth(images=16, good=10, shape=(250, 400))
    metric = anomalib._AUPIMO(num_thresholds=300_000)
    metric.update(torch.from_numpy(maps), torch.from_numpy(masks.astype(np.int64)))
    theirs, ours = float(metric.compute()), pixel_AUPIMO(*_lists(maps, masks))
    assert 0.1 < theirs < 0.9
    assert ours == pytest.approx(theirs, abs=2e-3)


def test_aupro_and_auroc_are_adevals_up_to_its_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    adeval = installed("adeval")
    # numpy 2.4 has no longer the name that adeval 1.1 calls.
    monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)
    maps, masks = _smooth()
    auroc, aupr, aupro = adeval.auroc_aupr_aupro(maps, masks.astype(np.uint8), nstrips=20_000)
    # Counts in `nstrips` bins of equal width between the least and the greatest score: approximate by definition.
    pixels = _lists(maps, masks)
    assert pixel_AUROC(*pixels) == pytest.approx(auroc, abs=1e-6)
    assert pixel_AUPRO(*pixels) == pytest.approx(aupro, abs=1e-4)
    # Its AUPR joins the points by straight lines (trapezoids), which average precision does not.
    assert pixel_AP(*pixels) == pytest.approx(aupr, abs=1e-3)
