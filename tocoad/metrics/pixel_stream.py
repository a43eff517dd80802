"""The pixels of a test split, one image at a time: the defect pixels, which are few, are kept; the normal ones pass by.

`maps` and `masks` may compute what they return when it is asked for: nothing they return is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Maps: TypeAlias = Sequence[NDArray[np.float32]]
Masks: TypeAlias = Sequence[NDArray[np.bool_] | None]

# Normal pixels that are sorted at a time: 256 MiB.
CHUNK = 2**26


@dataclass(frozen=True)
class DefectPixels:
    """`scores` (m,), in the order of the images and of `map[mask]`: those of image i are at `ends[i] : ends[i + 1]`.

    `shares` (m,): 1 / pixels of the pixel's region, a connected component with 8-neighbourhood. `regions` (N,): the
    number of them in each image.
    """

    scores: NDArray[np.floating]
    shares: NDArray[np.float64]
    ends: NDArray[np.intp]
    regions: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.intp]:
        """Defect pixels of each image, (N,)."""
        return np.diff(self.ends)


def defect_pixels(maps: Maps, masks: Masks) -> DefectPixels:
    """Asks for all masks, and for the maps of those images that have a defect pixel."""
    scores: list[NDArray[np.floating]] = [np.empty(0, np.float32)]
    shares: list[NDArray[np.float64]] = [np.empty(0)]
    counts, regions = [0], []
    if len(maps) != len(masks):
        raise ValueError(f"{len(maps)} maps, but {len(masks)} masks")
    for index, mask in enumerate(masks):
        count, share = (0, shares[0]) if mask is None else region_shares(mask)
        regions.append(count)
        counts.append(share.size)
        if mask is not None and count:
            scores.append(maps[index][mask])
            shares.append(share)
    ends = np.cumsum(np.array(counts, np.intp))
    return DefectPixels(np.concatenate(scores), np.concatenate(shares), ends, np.array(regions, np.int64))


def region_shares(mask: NDArray[np.bool_]) -> tuple[int, NDArray[np.float64]]:
    """The regions of `mask` (H, W), and 1 / pixels of its region for every defect pixel in the order of `map[mask]`."""
    count, labels = cv2.connectedComponents(np.ascontiguousarray(mask).view(np.uint8), connectivity=8)
    inside = labels[mask]
    pixels = np.bincount(inside, minlength=count)
    return count - 1, (1.0 / np.maximum(pixels, 1))[inside]


def normal_pixels(anomaly_map: NDArray[np.float32], mask: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    return anomaly_map.ravel() if mask is None else anomaly_map[~mask]


def normal_chunks(
    maps: Maps, masks: Masks, images: Iterable[int], chunk: int = CHUNK
) -> Iterator[NDArray[np.floating]]:
    """All normal pixels of `images`, `chunk` at a time; a chunk that is not full is the last.

    The chunks are one array that is filled again: it is the caller's, to sort in place, until the next is asked for.
    """
    buffer: NDArray[np.floating] | None = None
    used = 0
    for index in images:
        pixels = normal_pixels(maps[index], masks[index])
        if buffer is None:
            buffer = np.empty(chunk, pixels.dtype)
        while pixels.size:
            part = pixels[: chunk - used]
            buffer[used : used + part.size] = part
            used += part.size
            pixels = pixels[part.size :]
            if used == chunk:
                yield buffer
                used = 0
    if buffer is not None and used:
        yield buffer[:used]
