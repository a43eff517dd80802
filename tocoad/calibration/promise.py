"""How rare it is that a threshold rejects so many good images as it did, where it holds what it promises."""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, gammaln


def chance_of_rejects(rejected: int, tested: int, calibration_images: int, rank: int) -> float:
    """P(of `tested` normal images at least `rejected` have scores above the `rank`-th greatest of the calibration
    normals'), where all are exchangeable.

    Given the threshold they are independent, with a rate that is Beta(r, n + 1 - r) over the draw of the calibration
    images (Vovk 2012): their number is beta-binomial. Exact without ties, which only lower it.
    """
    count = np.arange(rejected, tested + 1)
    ways = gammaln(tested + 1) - gammaln(count + 1) - gammaln(tested - count + 1)
    others = calibration_images + 1 - rank
    logarithms = ways + betaln(count + rank, tested - count + others) - betaln(rank, others)
    return min(1.0, float(np.exp(logarithms).sum()))
