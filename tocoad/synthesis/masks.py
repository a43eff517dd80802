"""The mask sources by name, and how much of an image a defect may cover (methods.md: synthetic anomalies)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tocoad.synthesis.nsa import nsa_mask, patch_count
from tocoad.synthesis.perlin import perlin_mask, two_perlin_mask
from tocoad.synthesis.rectangle import rectangle_mask
from tocoad.synthesis.scar import scar_mask

SMALLEST_AREA = 0.0005
LARGEST_AREA = 0.3


def _one(rng: np.random.Generator) -> int:
    return 1


@dataclass(frozen=True)
class MaskSource:
    """`draw(rng, size)` gives one bool region `(size, size)`, maybe empty; a sample has `count(rng)` of them.

    A `placed` region is a patch that may be moved onto the object; others are cut to it. `zoomed` patches show their
    source at another scale (NSA) instead of in other colours (CutPaste).
    """

    draw: Callable[[np.random.Generator, int], NDArray[np.bool_]]
    count: Callable[[np.random.Generator], int] = _one
    placed: bool = True
    zoomed: bool = False


MASK_SOURCES: Mapping[str, MaskSource] = MappingProxyType(
    {
        "perlin": MaskSource(perlin_mask, placed=False),
        "two_perlin": MaskSource(two_perlin_mask, placed=False),
        "rectangle": MaskSource(rectangle_mask),
        "scar": MaskSource(scar_mask),
        "nsa": MaskSource(nsa_mask, count=patch_count, zoomed=True),
    }
)


def area_allowed(mask: NDArray[np.bool_]) -> bool:
    """Whether the mask covers 0.05 % to 30 % of the image."""
    return bool(SMALLEST_AREA <= np.count_nonzero(mask) / mask.size <= LARGEST_AREA)
