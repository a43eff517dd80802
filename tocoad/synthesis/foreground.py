"""Where the object is, and whether there is one: decided once per category, from normal images only.

See methods.md: synthetic anomalies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tocoad.synthesis.augment import Image
from tocoad.synthesis.placement import Mask

Kind = Literal["object", "texture"]
Threshold = Literal["otsu", "triangle"]

# An object on a background: all but the worst tenth of the images show an empty border and an object that stands out
# from an even background, and it covers about the same area in all of them. An evenly growing grey level cut in two
# has a contrast of 3.5, a normal distribution 2.7.
WORST_SHARE = 0.1
BORDER_BACKGROUND = 0.9
CONTRAST = 4.5
FAINTEST_NOISE = 2.0
AREA = (0.01, 0.9)
AREA_VARIATION = 0.3
LARGEST_HOLE = 0.02
REFERENCE_SIZE = 256

_FLAGS = {"otsu": cv2.THRESH_OTSU, "triangle": cv2.THRESH_TRIANGLE}


@dataclass(frozen=True)
class ForegroundRule:
    """How to find the object: brighter or darker than a threshold that each image sets for itself.

    For `kind` texture there is no object and the masks are all ones.
    """

    kind: Kind
    threshold: Threshold = "otsu"
    bright: bool = False

    def masks(self, images: Image) -> Mask:
        """`(N, S, S)` for uint8 `(N, S, S, 3)`; an image in which nothing is found is foreground everywhere."""
        if self.kind == "texture":
            return np.ones(images.shape[:3], dtype=np.bool_)
        masks = np.stack([_object(_grey(image), self.threshold, bright=self.bright) for image in images])
        masks[~masks.any(axis=(1, 2))] = True
        return masks


def foreground_masks(images: Image) -> Mask:
    """Masks `(N, S, S)` of one category's normal images `(N, S, S, 3)` by the rule they themselves suggest."""
    return decide_foreground(images).masks(images)


def decide_foreground(images: Image) -> ForegroundRule:
    """The rule for one category, from its normal images uint8 `(N, S, S, 3)`."""
    greys = [_grey(image) for image in images]
    best, best_separation = ForegroundRule("texture"), 0.0
    thresholds: tuple[Threshold, ...] = ("otsu", "triangle")
    for threshold in thresholds:
        # The border shows the background: the object is what lies on the other side of the threshold.
        border_bright = [_border(_bright_side(grey, threshold)).mean() for grey in greys]
        bright = bool(np.median(border_bright) < 0.5)
        masks = [_object(grey, threshold, bright=bright) for grey in greys]
        separation = float(np.median([_separation(g, m) for g, m in zip(greys, masks, strict=True)]))
        if _is_object(greys, masks) and separation > best_separation:
            best, best_separation = ForegroundRule("object", threshold, bright), separation
    return best


def _is_object(greys: list[NDArray[np.uint8]], masks: list[Mask]) -> bool:
    areas = np.array([mask.mean() for mask in masks])
    background = np.quantile([1.0 - _border(mask).mean() for mask in masks], WORST_SHARE)
    contrast = np.quantile([_contrast(g, m) for g, m in zip(greys, masks, strict=True)], WORST_SHARE)
    return bool(
        background >= BORDER_BACKGROUND
        and contrast >= CONTRAST
        and AREA[0] <= np.median(areas) <= AREA[1]
        and areas.std() <= AREA_VARIATION * areas.mean()
    )


def _contrast(grey: NDArray[np.uint8], mask: Mask) -> float:
    """How many standard deviations of the background the object's mean lies away from the background's."""
    if mask.all() or not mask.any():
        return 0.0
    background = grey[~mask]
    return abs(float(grey[mask].mean() - background.mean())) / max(float(background.std()), FAINTEST_NOISE)


def _separation(grey: NDArray[np.uint8], mask: Mask) -> float:
    """Otsu's criterion: the share of the grey levels' variance that lies between the two sides. In [0, 1]."""
    share = float(mask.mean())
    variance = float(grey.var())
    if share in (0.0, 1.0) or variance == 0.0:
        return 0.0
    return share * (1.0 - share) * float(grey[mask].mean() - grey[~mask].mean()) ** 2 / variance


def _object(grey: NDArray[np.uint8], threshold: Threshold, *, bright: bool) -> Mask:
    """The object's side of the threshold, closed, opened, and without small holes."""
    side = _bright_side(grey, threshold)
    found = (side if bright else ~side).view(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_odd(5 * len(grey) / REFERENCE_SIZE),) * 2)
    mask = cv2.morphologyEx(cv2.morphologyEx(found, cv2.MORPH_CLOSE, kernel), cv2.MORPH_OPEN, kernel)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    holes = statistics[:, cv2.CC_STAT_AREA] <= LARGEST_HOLE * grey.size
    holes[0] = False
    holes[np.unique(_border(labels))] = False
    return np.asarray((mask > 0) | holes[labels])


def _bright_side(grey: NDArray[np.uint8], threshold: Threshold) -> Mask:
    _, side = cv2.threshold(grey, 0, 1, _FLAGS[threshold])
    return np.asarray(side, dtype=np.bool_)


def _grey(image: Image) -> NDArray[np.uint8]:
    side = _odd(5 * len(image) / REFERENCE_SIZE)
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (side, side), 0), dtype=np.uint8)


def _border(mask: NDArray[Any]) -> NDArray[Any]:
    """Values of the frame, 1/64 of the side wide."""
    width = max(1, len(mask) // 64)
    return np.concatenate(
        [mask[:width].ravel(), mask[-width:].ravel(), mask[:, :width].ravel(), mask[:, -width:].ravel()]
    )


def _odd(length: float) -> int:
    return max(3, 2 * round((length - 1) / 2) + 1)
