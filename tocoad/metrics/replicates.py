"""The seven metrics on every bootstrap draw, from counts above a list of thresholds: no draw sorts anything.

A table of counts has a column pair for each of K edges e, descending: what is above e, and what is not below it. Ties
with an edge lie between the columns of a pair, all other scores between two pairs. Where every distinct anomalous score
is an edge, the metrics are exact; else the curves are straight between the edges, which on real detectors' maps was
within 1e-5 of the exact AUROC, AP and AUPRO of a draw, and within 1e-4 of its best F1.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tocoad.metrics.names import MetricName
from tocoad.metrics.pixel_stream import DefectPixels
from tocoad.metrics.ranking import Ranking

EDGES = 2048
# Anomalous scores that are looked at for edges.
_CANDIDATES = 2**20
# Numbers in one table of a block of draws: 8 MiB.
_BLOCK = 2**20

Counts = NDArray[np.float64]
Values = dict[MetricName, NDArray[np.float64]]


def image_replicates(draws: NDArray[np.uint16], gt_labels: ArrayLike, pred_scores: ArrayLike) -> Values:
    """Exact values of the image metrics on `draws` (B, N), which must hold good and defective images."""
    labels, scores = np.asarray(gt_labels).astype(bool), np.asarray(pred_scores)
    descending = np.argsort(-scores)
    good, defective = descending[~labels[descending]], descending[labels[descending]]
    edges = np.unique(scores[labels])[::-1]
    good_above, defective_above = above_edges(scores[good][::-1], edges), above_edges(scores[defective][::-1], edges)
    values: Values = {name: np.empty(len(draws)) for name in ("image_AUROC", "image_AP", "image_F1Max")}
    for block in _blocks(len(draws), 2 * edges.size + labels.size):
        fp, n = _drawn_above(draws[block, good], good_above)
        tp, m = _drawn_above(draws[block, defective], defective_above)
        values["image_AUROC"][block] = _auroc(fp, tp, n, m)
        values["image_AP"][block] = _average_precision(fp, tp, m)
        values["image_F1Max"][block] = _f1_max(fp, tp, m)
    return values


@dataclass(frozen=True)
class PixelTables:
    """Counts of N images, each (N, 2 K): `normal` and `anomalous` pixels, and `covered` regions (shares summed)."""

    edges: NDArray[np.floating]
    normal: Counts
    anomalous: Counts
    covered: Counts
    normal_total: NDArray[np.float64]

    @classmethod
    def empty(cls, images: int, edges: NDArray[np.floating]) -> PixelTables:
        shape = (images, 2 * edges.size)
        return cls(edges, np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(images))

    def add_normal(self, image: int, ascending: NDArray[np.floating]) -> None:
        self.normal[image] = above_edges(ascending, self.edges)
        self.normal_total[image] = ascending.size

    def add_anomalous(self, image: int, scores: NDArray[np.floating], shares: NDArray[np.float64]) -> None:
        order = np.argsort(scores)
        above = above_edges(scores[order], self.edges)
        self.anomalous[image] = above
        self.covered[image] = np.concatenate(([0.0], np.cumsum(shares[order][::-1])))[above]


def pixel_replicates(draws: NDArray[np.uint16], tables: PixelTables, defects: DefectPixels, pro_limit: float) -> Values:
    """Values of the pixel metrics on `draws` (B, N), which must hold normal and defect pixels."""
    values: Values = {name: np.empty(len(draws)) for name in ("pixel_AUROC", "pixel_AP", "pixel_F1Max", "pixel_AUPRO")}
    rows = np.flatnonzero(defects.regions)
    anomalous, covered = tables.anomalous[rows], tables.covered[rows]
    pixels, regions = defects.counts[rows, None].astype(np.float64), defects.regions[rows, None].astype(np.float64)
    for block in _blocks(len(draws), 2 * tables.edges.size):
        drawn = draws[block].astype(np.float64)
        defective = drawn[:, rows]
        fp, n = drawn @ tables.normal, drawn @ tables.normal_total[:, None]
        tp, m = defective @ anomalous, defective @ pixels
        values["pixel_AUROC"][block] = _auroc(fp, tp, n, m)
        values["pixel_AP"][block] = _average_precision(fp, tp, m)
        values["pixel_F1Max"][block] = _f1_max(fp, tp, m)
        values["pixel_AUPRO"][block] = _aupro(fp / n, defective @ covered / (defective @ regions), pro_limit)
    return values


def choose_edges(ranking: Ranking, defects: DefectPixels, pro_limit: float, edges: int = EDGES) -> NDArray[np.floating]:
    """At most `edges` of the anomalous scores, descending: all of them, if they are so few.

    Half of them are even in the sum of what the metrics run over: recall, false-positive rate, false-positive rate
    below the limit, region overlap, the logarithm of recall, because precision varies most among the first pixels
    found, and twice the neighbourhood of the best F1. The others have the best F1 between two of these.
    """
    scores, m = ranking.scores, ranking.scores.size
    distinct = np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))
    if distinct.size <= edges:
        return scores[distinct][::-1]
    some = np.append(np.arange(m - 1, 0, -(m // _CANDIDATES + 1)), 0)
    found, false = m - some, ranking.not_below[some]
    f1 = 2 * found / (found + false + m)
    fpr = false / ranking.normal_count
    overlap = np.cumsum(defects.shares[ranking.order][::-1])[found - 1]
    near_best = np.cumsum(f1 > 0.98 * f1.max())
    progress = found / m + fpr + np.minimum(fpr, pro_limit) / pro_limit + overlap / overlap[-1]
    progress += np.log(found) / np.log(m) + 2 * near_best / near_best[-1]
    even = np.unique(np.searchsorted(progress, np.linspace(progress[0], progress[-1], edges // 2)))
    best = [left + int(np.argmax(f1[left:right])) for left, right in itertools.pairwise(even)]
    return np.unique(scores[some[np.append(even, best)]])[::-1]


def above_edges(ascending: NDArray[np.floating], edges: NDArray[np.floating]) -> NDArray[np.intp]:
    """Scores above, and not below, each of the edges (K,), descending; (2 K,)."""
    increasing = np.ascontiguousarray(edges[::-1])
    above = np.searchsorted(ascending, increasing, "right")[::-1]
    not_below = np.searchsorted(ascending, increasing, "left")[::-1]
    return ascending.size - np.stack([above, not_below], axis=1).ravel()


def _drawn_above(draws: NDArray[np.uint16], above: NDArray[np.intp]) -> tuple[Counts, Counts]:
    """From `draws` (b, k) of images in descending order: the first `above` (c,) of them, and all, with repetition."""
    drawn = np.cumsum(draws, axis=1, dtype=np.float64)
    return np.concatenate((np.zeros((len(drawn), 1)), drawn), axis=1)[:, above], drawn[:, -1:]


def _auroc(fp: Counts, tp: Counts, n: Counts, m: Counts) -> NDArray[np.float64]:
    # No anomalous score is above the first edge, and none is below the last.
    lost = np.sum(np.diff(tp, axis=1) * (fp[:, 1:] + fp[:, :-1]), axis=1) / 2
    result: NDArray[np.float64] = 1.0 - lost / (n * m)[:, 0]
    return result


def _average_precision(fp: Counts, tp: Counts, m: Counts) -> NDArray[np.float64]:
    predicted = fp + tp
    precision = tp / np.maximum(predicted, 1)
    before = np.where(predicted[:, :-1] > 0, precision[:, :-1], precision[:, 1:])
    # Ties, at the even steps, have the precision of their end; between the edges it is the mean of both ends.
    before[:, ::2] = precision[:, 1::2]
    result: NDArray[np.float64] = np.sum(np.diff(tp, axis=1) * (before + precision[:, 1:]), axis=1) / (2 * m[:, 0])
    return result


def _f1_max(fp: Counts, tp: Counts, m: Counts) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.max(2 * tp / (fp + tp + m), axis=1)
    return result


def _aupro(fpr: Counts, overlap: Counts, limit: float) -> NDArray[np.float64]:
    inside = np.diff(np.minimum(fpr, limit), axis=1)
    run = np.diff(fpr, axis=1)
    part = inside / np.where(run > 0, run, 1.0)
    area = np.sum(inside * (overlap[:, :-1] + np.diff(overlap, axis=1) * part / 2), axis=1)
    # Beyond the last edge everything is found.
    area += np.maximum(limit - fpr[:, -1], 0.0)
    result: NDArray[np.float64] = area / limit
    return result


def _blocks(draws: int, columns: int) -> list[slice]:
    size = max(_BLOCK // columns, 1)
    return [slice(start, start + size) for start in range(0, draws, size)]
