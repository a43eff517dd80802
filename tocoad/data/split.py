"""train/good divided into train and calibration by content alone, so that adding images moves no other one."""

from __future__ import annotations

from collections.abc import Iterable

from tocoad.errors import StageError
from tocoad.settings.sections import SplitSettings


class TooFewError(StageError):
    """Not enough different good images for both parts."""


def calibration_digests(sha256: Iterable[str], split: SplitSettings) -> frozenset[str]:
    """The contents (hexadecimal digests) that are kept for calibration; equal contents are never parted.

    A digest counts as a number in [0, 1); those below `calibration_fraction` are kept. Where these are fewer than
    `calibration_min`, the next higher ones join them, and where training would keep fewer than `train_min`, the highest
    leave: in so small a category a new image may move another one. Raises TooFewError where both minima cannot be met.
    """
    ordered = sorted(set(sha256))
    most = len(ordered) - split.train_min
    if most < split.calibration_min:
        raise TooFewError(
            f"{len(ordered)} different good images; at least {split.train_min + split.calibration_min} are needed "
            f"(split.train_min {split.train_min} + split.calibration_min {split.calibration_min}): add good images"
        )
    below = sum(int(digest, 16) / 2.0**256 < split.calibration_fraction for digest in ordered)
    return frozenset(ordered[: min(max(below, split.calibration_min), most)])
