"""One look at the newest images of a category: do they come from where its champion's calibration images came from?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tocoad.watch.reference import BESIDE, SCORE, Reference
from tocoad.watch.two_samples import can_tell, compare

IMAGES_MIN = 8
"""Fewer new images are not compared."""

_WORDS = {
    SCORE: ("lower scores", "higher scores"),
    "brightness": ("darker", "brighter"),
    "contrast": ("less contrast", "more contrast"),
    "sharpness": ("less sharp", "sharper"),
    BESIDE: ("nearer to the mean of the training images", "unlike any training image"),
}


@dataclass(frozen=True)
class Moved:
    """A statistic that has changed. `higher` is the share of pairs of a new and a calibration image in which the new
    one has the greater value.
    """

    name: str
    p: float
    higher: float

    @property
    def words(self) -> str:
        lower, higher = _WORDS.get(self.name, (f"other features ({self.name})",) * 2)
        return higher if self.higher > 0.5 else lower


@dataclass(frozen=True)
class Look:
    """What `images` new images are beside the reference. Without `p` they are too few to say. `moved` has what changed,
    the most certain first, where it is an alarm; `farthest` are the images that lie farthest off in the first of it.
    """

    images: int
    p: float | None = None
    moved: tuple[Moved, ...] = ()
    farthest: tuple[int, ...] = ()

    @property
    def is_alarm(self) -> bool:
        return bool(self.moved)

    @property
    def sentence(self) -> str:
        if self.p is None:
            return f"{self.images} images are too few to compare"
        if not self.moved:
            return f"the newest {self.images} images are as those of the calibration (p = {self.p:.2g})"
        changes = ", ".join(dict.fromkeys(one.words for one in self.moved))
        return f"the newest {self.images} images are not as those of the calibration (p = {self.p:.2g}): {changes}"


def look(reference: Reference, values: NDArray[np.float64], rate: float) -> Look:
    """Compares `values` (w, M) with the reference's; `rate` is the share of windows of unchanged images that raise an
    alarm.
    """
    count = len(values)
    if count < IMAGES_MIN or not can_tell(len(reference.values), count, rate):
        return Look(count)
    found = compare(reference.values, values)
    order = np.lexsort((-np.abs(found.higher - 0.5), found.p_each))
    certain = [int(index) for index in order if found.p_each[index] <= rate]
    moved = tuple(
        Moved(reference.names[index], float(found.p_each[index]), float(found.higher[index])) for index in certain
    )
    farthest = _farthest(reference.values[:, certain[0]], values[:, certain[0]]) if certain else ()
    return Look(count, found.p, moved, tuple(farthest))


def _farthest(reference: NDArray[np.float64], values: NDArray[np.float64]) -> Sequence[int]:
    """The three whose value lies farthest from the reference's median."""
    return [int(index) for index in np.argsort(-np.abs(values - np.median(reference)), kind="stable")[:3]]
