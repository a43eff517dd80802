"""All pixel figures of a test split in three passes: defect pixels, ranks, and each image by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tocoad.metrics.aupimo import aupimo
from tocoad.metrics.aupro import aupro, pro_curve
from tocoad.metrics.aupro_per_image import image_AUPRO
from tocoad.metrics.curves import auroc, average_precision, f1_max, precision_recall
from tocoad.metrics.names import CurveName, FurtherName, MetricName
from tocoad.metrics.pixel_stream import DefectPixels, Maps, Masks, defect_pixels, normal_chunks, normal_pixels
from tocoad.metrics.ranking import Ranker, Ranking
from tocoad.metrics.replicates import PixelTables, choose_edges

CURVE_POINTS = 512
_STRICT_PRO_LIMIT = 0.05

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class PixelFigures:
    """`tables`, None unless asked for, are what the bootstrap needs."""

    metrics: dict[MetricName, float | None]
    further: dict[FurtherName, float | None]
    curves: dict[CurveName, Curve]
    defects: DefectPixels
    tables: PixelTables | None


def pixel_figures(maps: Maps, masks: Masks, pro_limit: float, resampled: bool) -> PixelFigures | None:
    """None where no defect or no normal pixel is known.

    Memory: about 60 bytes for each defect pixel, one chunk of normal pixels (256 MiB), and for the bootstrap 96 KiB for
    each image.
    """
    defects = defect_pixels(maps, masks)
    ranker = Ranker(defects.scores)
    has_defect = defects.regions > 0
    _add(ranker, maps, masks, ~has_defect)
    among_good = ranker.ranking()
    further: dict[FurtherName, float | None] = {
        "pixel_AUPIMO": None if among_good is None else aupimo(among_good, defects)
    }
    _add(ranker, maps, masks, has_defect)
    ranking = ranker.ranking()
    if ranking is None:
        return None
    regions = int(defects.regions.sum())
    tables = PixelTables.empty(len(maps), choose_edges(ranking, defects, pro_limit)) if resampled else None
    further["pixel_AUPRO_at_0.05"] = aupro(ranking, defects.shares, regions, _STRICT_PRO_LIMIT)
    further["pixel_AUPRO_per_image"] = _each_image(maps, masks, defects, tables)
    metrics: dict[MetricName, float | None] = {
        "pixel_AUROC": auroc(ranking),
        "pixel_AP": average_precision(ranking),
        "pixel_F1Max": f1_max(ranking)[0],
        "pixel_AUPRO": aupro(ranking, defects.shares, regions, pro_limit),
    }
    curves: dict[CurveName, Curve] = {
        "pixel_pr": _thinned(*_recall_precision(ranking)),
        "pro": pro_curve(ranking, defects.shares, regions, pro_limit, CURVE_POINTS),
    }
    return PixelFigures(metrics, further, curves, defects, tables)


def _add(ranker: Ranker, maps: Maps, masks: Masks, images: NDArray[np.bool_]) -> None:
    for normal in normal_chunks(maps, masks, np.flatnonzero(images).tolist()):
        ranker.add(normal)


def _each_image(maps: Maps, masks: Masks, defects: DefectPixels, tables: PixelTables | None) -> float | None:
    """Fills the tables, and gives the AUPRO per image: both from one sort of each image's normal pixels."""
    areas = []
    for index, regions in enumerate(defects.regions.tolist()):
        if tables is None and not regions:
            continue
        normal = np.sort(normal_pixels(maps[index], masks[index]))
        if tables is not None:
            tables.add_normal(index, normal)
        if regions:
            pixels = slice(defects.ends[index], defects.ends[index + 1])
            scores, shares = defects.scores[pixels], defects.shares[pixels]
            if tables is not None:
                tables.add_anomalous(index, scores, shares)
            if normal.size:
                areas.append(image_AUPRO(normal, scores, shares, regions))
    return float(np.mean(areas)) if areas else None


def _recall_precision(ranking: Ranking) -> Curve:
    precision, recall, _ = precision_recall(ranking)
    return recall, precision


def _thinned(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> Curve:
    """At most `CURVE_POINTS` of the points, even in recall, with both ends."""
    chosen = np.unique(np.searchsorted(recall, np.linspace(recall[0], recall[-1], CURVE_POINTS)))
    return recall[chosen], precision[chosen]
