"""What a detector's package knows of the images that it was calibrated on."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tocoad.watch.axes import Axes
from tocoad.watch.light import LIGHT, light

AXES = 4
SCORE, BESIDE = "score", "beside"


@dataclass(frozen=True)
class Reference:
    """`values` (n, M) of the calibration normals: a column for each of `names`. `axes` are of training images, so that
    calibration normals and new ones are strangers to them alike.
    """

    axes: Axes
    values: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        axes: Axes,
        images: NDArray[np.uint8],
        scores: NDArray[np.float32],
        embeddings: NDArray[np.float32],
    ) -> Self:
        """Of calibration normals (n, S, S, 3), with what the detector says of them: (n,) and (n, D)."""
        return cls(axes, _values(axes, images, scores, embeddings))

    @property
    def names(self) -> tuple[str, ...]:
        """Score, light, a coordinate on each axis, and the distance from them all."""
        axes = (f"axis {number}" for number in range(1, len(self.axes.directions) + 1))
        return (SCORE, *LIGHT, *axes, BESIDE)

    def measured(
        self, images: NDArray[np.uint8], scores: NDArray[np.float32], embeddings: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """The same (N, M) of other images."""
        return _values(self.axes, images, scores, embeddings)

    def content(self) -> bytes:
        """As a file; the same values are the same bytes."""
        stream = BytesIO()
        axes = self.axes
        np.savez(stream, values=self.values, centre=axes.centre, scale=axes.scale, directions=axes.directions)
        return stream.getvalue()

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Raises ValueError, KeyError or BadZipFile where `content` did not make it."""
        with np.load(BytesIO(content), allow_pickle=False) as file:
            axes = Axes(file["centre"], file["scale"], file["directions"])
            return cls(axes, file["values"])


def _values(
    axes: Axes, images: NDArray[np.uint8], scores: NDArray[np.float32], embeddings: NDArray[np.float32]
) -> NDArray[np.float64]:
    return np.column_stack([scores.astype(np.float64), light(images), axes.coordinates(embeddings)])
