"""How long does AUPRO take, in units of one `numpy.sort` over all pixels of the same maps? (Wanted: at most 5.)

83 maps are a category of MVTec AD; 900 are a large one. Masks and maps are in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from bench.maps import RenderedMaps, RenderedMasks
from bench.timing import Row, median_seconds
from tocoad.metrics.pixel import pixel_AUPRO
from tocoad.metrics.predictions import Predictions, evaluate_metrics


def run() -> list[Row]:
    return [row for count in (83, 900) for row in _rows(count, 256)]


def _rows(count: int, size: int) -> list[Row]:
    rendered = RenderedMasks(count, size)
    masks, maps = list(rendered), list(RenderedMaps(rendered))
    labels = np.array([mask is not None for mask in masks], np.int64)
    predictions = Predictions(labels, np.array([anomaly_map.max() for anomaly_map in maps]), maps, masks)
    pixels = np.concatenate([anomaly_map.ravel() for anomaly_map in maps])
    sort = median_seconds(partial(np.sort, pixels))
    del pixels
    evaluate = partial(evaluate_metrics, predictions, pro_limit=0.3, seed=0)
    ours: dict[str, Callable[[], object]] = {
        "pixel_AUPRO alone": lambda: pixel_AUPRO(maps, masks),
        "all figures": lambda: evaluate(resamples=0),
        "all figures, bootstrap of 1000 draws": lambda: evaluate(resamples=1000),
    }
    rows = [Row(f"{count} maps: np.sort of all pixels", sort, "s", 1.0)]
    for name, function in {**ours, **_others(maps, masks)}.items():
        seconds = median_seconds(function)
        rows.append(Row(f"{count} maps: {name}", seconds, "s", seconds / sort))
    return rows


def _others(maps: list[NDArray[np.float32]], masks: list[NDArray[np.bool_] | None]) -> dict[str, Callable[[], object]]:
    """Other packages' functions on the same maps, of those that are installed."""
    others: dict[str, Callable[[], object]] = {}
    stacked = np.stack(maps)
    truth = np.stack(
        [np.zeros(m.shape, np.uint8) if k is None else k.view(np.uint8) for m, k in zip(maps, masks, strict=True)]
    )
    if find_spec("anomalib"):
        torch, anomalib = import_module("torch"), import_module("anomalib.metrics.aupro")

        def anomalib_aupro() -> float:
            metric = anomalib._AUPRO(fpr_limit=0.3)
            metric.update(torch.from_numpy(stacked), torch.from_numpy(truth))
            return float(metric.compute())

        others["anomalib's AUPRO"] = anomalib_aupro
    if find_spec("adeval"):
        adeval = import_module("adeval")
        # numpy 2.4 has no longer the name that adeval 1.1 calls.
        np.trapz = np.trapezoid  # type: ignore[attr-defined]
        others["adeval's AUROC, AUPR and AUPRO (1000 bins)"] = lambda: adeval.auroc_aupr_aupro(stacked, truth)
    return others
