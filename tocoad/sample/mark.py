"""The mark printed on the plate: a company sign, a type number and a bar code.

The letters are strokes of our own, since a library's fonts differ between its versions.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 1024, 512

# Strokes in a cell of 2 by 4.
_STROKES: dict[str, tuple[tuple[tuple[int, int], ...], ...]] = {
    "T": (((0, 0), (2, 0)), ((1, 0), (1, 4))),
    "C": (((2, 0), (0, 0), (0, 4), (2, 4)),),
    "-": (((0, 2), (2, 2)),),
    "2": (((0, 0), (2, 0), (2, 2), (0, 2), (0, 4), (2, 4)),),
    "0": (((0, 0), (2, 0), (2, 4), (0, 4), (0, 0)),),
    "8": (((0, 0), (2, 0), (2, 4), (0, 4), (0, 0)), ((0, 2), (2, 2))),
}
_BARS = (3, 1, 2, 1, 1, 3, 2, 1, 3, 1, 1, 2, 3, 1, 2, 2, 1, 3, 1, 2, 1, 1, 3)


def mark() -> npt.NDArray[np.uint8]:
    """Coverage of the ink, 0..255, `(512, 1024)`: much larger than it is ever printed."""
    sheet = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(sheet, (130, 160), 88, 255, 26, cv2.LINE_AA)
    cv2.fillPoly(sheet, [np.array([(130, 100), (182, 196), (78, 196)], np.int32)], 255, cv2.LINE_AA)
    left = 270
    for letter in "TC-208":
        for stroke in _STROKES[letter]:
            points = np.array([(left + 42 * x, 82 + 39 * y) for x, y in stroke], np.int32)
            cv2.polylines(sheet, [points], False, 255, 26, cv2.LINE_AA)
        left += 128
    left = 40
    for bar in _BARS:
        cv2.rectangle(sheet, (left, 320), (left + bar * 12, 460), 255, -1)
        left += bar * 12 + 20
    return sheet
