"""How long a file's name may be, in bytes: what the file system takes, and what our writers add to an image's name."""

from __future__ import annotations

import hashlib
import os
import re
import sys

NAME_MAX = 255  # bytes, of every common file system
MASK_ENDING = "_mask"
MAP_SUFFIX = ".tiff"
_NUMBERS = 6  # digits of the number that tells maps of the same stem apart

# The longest name of an image that is taken into a data set. A mask is `<stem>_mask<its suffix>`, a raw map
# `<stem>-<number>.tiff`; all else that is written there has a name of its own, or one that is shortened.
LONGEST_NAME = NAME_MAX - max(len(MASK_ENDING + MAP_SUFFIX), len("-") + _NUMBERS + len(MAP_SUFFIX))

_DIGEST = 32  # hexadecimal digits, 128 bits
_SHORTENED = re.compile(rf"~[0-9a-f]{{{_DIGEST}}}$")


def name_bytes(name: str) -> int:
    """As the file system counts, names that are no text included."""
    return len(os.fsencode(name))


def cut_name(name: str, longest: int) -> str:
    """The beginning of `name` that has at most `longest` bytes; no character is cut in two."""
    if name_bytes(name) <= longest:
        return name
    kept = os.fsencode(name)[:longest]
    return kept.decode(sys.getfilesystemencoding(), "ignore")


def is_shortened(name: str) -> bool:
    """Whether `shortened_name` could have made it."""
    return _SHORTENED.search(name) is not None


def shortened_name(name: str, longest: int) -> str:
    """`<beginning>~<digest>` of at most `longest` bytes; another one for every name, whatever `longest`."""
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:_DIGEST]
    return f"{cut_name(name, longest - _DIGEST - 1)}~{digest}"
