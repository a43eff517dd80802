"""What an image of feedback is called in the data set: no two contents ever have the same name."""

from __future__ import annotations

import re
from pathlib import PurePath

from tocoad.data.naming import LONGEST_NAME, cut_name

_DIGITS = 16
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")


def stored_name(name: str, sha256: str) -> str:
    """`part_07-3fa9c2d41b7e8a90.png`: of the old name what every file system and every table takes."""
    mark = f"-{sha256[:_DIGITS]}"
    stem = PurePath(name).stem.removesuffix(mark)  # of an image that was held under such a name
    end = f"{mark}{PurePath(name).suffix.lower()}"
    return cut_name(_UNFIT.sub("_", stem).strip("_") or "image", LONGEST_NAME - len(end)) + end
