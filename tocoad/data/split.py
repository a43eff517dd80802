"""train/good divided into train and calibration by content alone, so that adding images moves no other one.

Images of one group stay together: the group's name decides where a picture's content would.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from tocoad.errors import StageError
from tocoad.settings.sections import SplitSettings


class TooFewError(StageError):
    """Not enough different good images for both parts."""


def calibration_digests(
    sha256: Iterable[str], split: SplitSettings, groups: Mapping[str, str] | None = None
) -> frozenset[str]:
    """The contents (hexadecimal digests) that are kept for calibration; equal contents are never parted, nor are those
    of one group. `groups` gives the group of those contents that have one.

    A digest, of the content or of the group's name, counts as a number in [0, 1); those below `calibration_fraction`
    are kept. Where these are fewer images than `calibration_min`, the next higher ones join them, and where training
    would keep fewer than `train_min`, the highest leave: in so small a category a new image may move another one. A
    group for which there is no room is passed over. Raises TooFewError where both minima cannot be met.
    """
    units = _units(set(sha256), groups or {})
    count = sum(map(len, units.values()))
    most = count - split.train_min
    kept: set[str] = set()
    for number, contents in sorted(units.items()):
        wanted = int(number, 16) / 2.0**256 < split.calibration_fraction or len(kept) < split.calibration_min
        if wanted and len(kept) + len(contents) <= most:
            kept.update(contents)
    if len(kept) < split.calibration_min:
        raise TooFewError(_too_few(count, len(units), split))
    return frozenset(kept)


def _units(sha256: Iterable[str], groups: Mapping[str, str]) -> dict[str, list[str]]:
    """What is not parted, by the digest that decides."""
    units: dict[str, list[str]] = {}
    for digest in sha256:
        group = groups.get(digest)
        number = digest if group is None else hashlib.sha256(f"group {group}".encode()).hexdigest()
        units.setdefault(number, []).append(digest)
    return units


def _too_few(count: int, units: int, split: SplitSettings) -> str:
    needed = split.train_min + split.calibration_min
    sums = f"split.train_min {split.train_min} + split.calibration_min {split.calibration_min}"
    if count < needed:
        return f"{count} different good images; at least {needed} are needed ({sums}): add good images"
    return f"{count} different good images in {units} groups, which cannot be parted so ({sums}): add smaller groups"
