"""The image threshold: a conformal quantile of the calibration normals' scores.

Where calibration and future normal images are exchangeable, a future normal score is among the r greatest of the n + 1
with probability r / (n + 1) at most (Vovk, Gammerman & Shafer 2005; Angelopoulos & Bates 2021). So the r-th greatest
calibration score, exceeded strictly, rejects a good part with probability r / (n + 1) at most, ties included.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, FiniteFloat
from scipy.special import betaincinv

from tocoad.errors import StageError


class CalibrationError(StageError):
    """The calibration images cannot give a threshold; one line."""


class Threshold(BaseModel):
    """An image is predicted anomalous where `pred_score > value`, strictly.

    `alpha` is the false-reject rate asked for, `expected_false_reject_rate` the bound that holds (for one future normal
    image, over the draw of the `n` calibration images). No threshold from n images can promise less than
    `smallest_rate`; `sufficient` is False where less was asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: FiniteFloat
    method: Literal["conformal"] = "conformal"
    n: int
    alpha: float
    expected_false_reject_rate: float
    smallest_rate: float
    sufficient: bool

    def rate_bound(self, confidence: float = 0.95) -> float:
        """The false-reject rate of this very threshold, which an unlucky draw of calibration images makes higher than
        `expected_false_reject_rate`: with `confidence` over that draw it is at most this.

        Without ties the rate is distributed as Beta(r, n + 1 - r), where the threshold is the r-th greatest score
        (Vovk 2012, conditional validity); ties only lower it.
        """
        rejected = round(self.expected_false_reject_rate * (self.n + 1))
        return float(betaincinv(rejected, self.n + 1 - rejected, confidence))

    @property
    def message(self) -> str:
        """One line for the report."""
        promise = (
            f"expected false-reject rate at most {self.expected_false_reject_rate:.2%} from {self.n} calibration images"
        )
        if self.sufficient:
            return promise
        needed = math.ceil(1 / _decimal(self.alpha)) - 1
        return f"{promise}, the smallest they can promise; the {self.alpha:.2%} asked for needs {needed} of them"


def conformal_threshold(scores: ArrayLike, alpha: float) -> Threshold:
    """The lowest threshold that keeps the false-reject rate at `alpha`; the greatest score where n is too small for it.

    `scores` (n,) of calibration normals, none of which took part in training; 0 < alpha < 1.

    Raises:
        CalibrationError: there is no score, or one is not finite.
    """
    ordered = np.sort(np.asarray(scores).ravel())
    n = ordered.size
    if n == 0:
        raise CalibrationError("no calibration image: raise split.calibration_fraction or split.calibration_min")
    if not np.isfinite(ordered).all():
        raise CalibrationError("a calibration image has a score that is not finite: look at its file and the training")
    # Exact arithmetic on the decimal that was asked for: 0.07 * 100 is 7, not 7.000000000000001.
    rejected = math.floor(_decimal(alpha) * (n + 1))
    sufficient = rejected >= 1
    rejected = max(rejected, 1)
    return Threshold(
        value=float(ordered[n - rejected]),
        n=n,
        alpha=alpha,
        expected_false_reject_rate=rejected / (n + 1),
        smallest_rate=1 / (n + 1),
        sufficient=sufficient,
    )


def _decimal(alpha: float) -> Fraction:
    return Fraction(repr(float(alpha)))
