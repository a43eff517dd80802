"""Area under the per-image overlap curve at very low false-positive rates. (Bertoldo et al., 2024, arXiv 2401.01984.)

An image's overlap is the share of its defect pixels at or above a threshold; its axis is the false-positive rate that
the same threshold gives on the good images, on a logarithmic scale from 1e-5 to 1e-4. The figure is the mean of the
images' areas, each divided by the length of the axis.
"""

from __future__ import annotations

import math

import numpy as np

from tocoad.metrics.pixel_stream import DefectPixels, Maps, Masks, defect_pixels, normal_chunks
from tocoad.metrics.ranking import Ranker, Ranking

FPR_BOUNDS = (1e-5, 1e-4)


def pixel_AUPIMO(maps: Maps, masks: Masks) -> float | None:
    """None without a good image or without a defect pixel. A good image is one without a defect pixel."""
    defects = defect_pixels(maps, masks)
    ranker = Ranker(defects.scores)
    for normal in normal_chunks(maps, masks, np.flatnonzero(defects.regions == 0).tolist()):
        ranker.add(normal)
    ranking = ranker.ranking()
    return None if ranking is None else aupimo(ranking, defects)


def aupimo(ranking: Ranking, defects: DefectPixels) -> float:
    """From the ranks of the defect pixels among the pixels of the good images alone.

    Exact: a defect pixel is found from the rate f of the normal pixels at or above it on, so it adds the part of the
    axis beyond f. The rate is that of all good pixels together; the paper's mean of the rates of each good image is the
    same figure where the images are of one size.
    """
    lower, upper = FPR_BOUNDS
    first = int(np.searchsorted(-ranking.not_below, -int(upper * ranking.normal_count)))  # those below add nothing
    rate = np.maximum(ranking.not_below[first:] / ranking.normal_count, lower)
    found = np.log(upper / rate) / math.log(upper / lower)
    image = np.searchsorted(defects.ends, ranking.order[first:], "right") - 1
    areas = np.bincount(image, weights=found, minlength=defects.counts.size)
    defective = defects.counts > 0
    return float((areas[defective] / defects.counts[defective]).mean())
