"""How deep the pixels of 16-bit files are, decided once for a category: brightness means the same in every image.

A camera of 10, 12 or 14 bits mostly writes 16-bit files. The high byte of these would leave 4, 16 or 64 levels of 256;
a range of each image's own would hide that one is darker than another. So a file's own word counts where it has one
(TIFF of fewer bits, PNG with a chunk sBIT), and else one depth for the category: the smallest of a camera that holds
all its training images.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from tocoad.data.decoding import DeepImage, decode, may_be_deep
from tocoad.data.listing import first_names
from tocoad.data.problems import DataError, Problem

_CAMERAS = (8, 10, 12, 14, 16)


class Depth(BaseModel):
    """Of a category's 16-bit files. The default is that of a category which has none, or whose files use all 16 bits.

    `bits` is the depth of files that declare none. `declared` says what those of the training images that do declare
    one hold: the sensor's own numbers, or these spread over all 16 bits, as the PNG standard wants; None without any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: int = Field(16, ge=8, le=16)
    declared: Literal["sensor", "spread"] | None = Field(None, exclude_if=lambda value: value is None)

    def high_bytes(self, image: DeepImage) -> npt.NDArray[np.uint8]:
        """The values in 8 bits; those above the depth's range are white."""
        bits = image.declared or self.bits
        if image.declared and not image.packed and (self.declared == "spread" or int(image.values.max()) >> bits):
            bits = 16
        in_range = np.minimum(image.values, (1 << bits) - 1)
        pixels: npt.NDArray[np.uint8] = (in_range >> (bits - 8) if bits >= 8 else in_range << (8 - bits)).astype(
            np.uint8
        )
        return pixels

    @property
    def key(self) -> str:
        """Of this and no other depth; empty for the default, which is how everything was read before there was one."""
        return "" if self == FULL_DEPTH else f"{self.bits} {self.declared}"


FULL_DEPTH = Depth()


@dataclass(frozen=True)
class Reach:
    """What one deep image tells of its category's depth: its declaration, and its greatest value."""

    declared: int | None
    packed: bool
    greatest: int

    @classmethod
    def of(cls, image: DeepImage) -> Self:
        return cls(image.declared, image.packed, int(image.values.max()))


def common_depth(images: Iterable[Reach]) -> Depth:
    """The depth of a category by its deep training images."""
    images = list(images)
    greatest = max((image.greatest for image in images if image.declared is None), default=None)
    bits = 16 if greatest is None else next(bits for bits in _CAMERAS if not greatest >> bits)
    speaking = [image for image in images if image.declared is not None and image.declared < 16]
    spread = any(image.greatest >> image.declared for image in speaking if image.declared and not image.packed)
    return Depth(bits=bits, declared=("spread" if spread else "sensor") if speaking else None)


def depth_note(depth: Depth, trained: Sequence[tuple[str, Reach]], every: Sequence[tuple[str, Reach]]) -> str | None:
    """What a person should know of a category whose 16-bit files declare no depth; images are given by their paths."""
    greatest = [reach.greatest for _, reach in trained if reach.declared is None]
    silent = [(path, reach) for path, reach in every if reach.declared is None]
    if not silent:
        return None
    if not greatest:
        # An image of `train/good` that is here was put aside for the threshold: its path alone would deny what is said.
        said = "16-bit files without a declared depth, none of them trained on to tell it (calibration has no say)"
        way_out = "; where that is wrong save them with 8 bits"
        return f"{said}; taken as {depth.bits} bit: {first_names(path for path, _ in silent)}{way_out}"
    beyond = [(path, reach) for path, reach in silent if reach.greatest >> depth.bits]
    clipped = f"; greater values become white: {first_names(path for path, _ in beyond)}" if beyond else ""
    said = f"16-bit files without a declared depth, taken as {depth.bits} bit"
    return f"{said} (greatest value in training {max(greatest)}){clipped}"


def reach_of(file: Path) -> Reach | None:
    """None of an image of 8 bits, which is not decoded. Raises DataError for a file that is no whole image."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError([Problem(file, f"cannot be read ({error.strerror or error})")]) from None
    image = decode(file, data) if may_be_deep(data) else None
    return Reach.of(image) if isinstance(image, DeepImage) else None
