"""How rare it is that a threshold rejects so many good images as it did, where it holds what it promises."""

from __future__ import annotations

import numpy as np


def chance_of_rejects(rejected: int, tested: int, calibration_images: int, rank: int) -> float:
    """P(of `tested` normal images at least `rejected` have scores above the `rank`-th greatest of the calibration
    normals'), where all are exchangeable.

    Given the threshold they are independent, with a rate that is Beta(r, n + 1 - r) over the draw of the calibration
    images (Vovk 2012): their number is beta-binomial. Exact without ties, which only lower it.
    """
    from scipy.stats import betabinom

    # Summed, and not 1 less the others: what is rarer than rounding errors is a figure too.
    number = betabinom(tested, rank, calibration_images + 1 - rank)
    return min(1.0, float(number.pmf(np.arange(rejected, tested + 1)).sum()))
