"""Where the results of predicted images lie: the images' own paths, mirrored below one folder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from tocoad.data.naming import NAME_MAX, is_shortened, name_bytes, shortened_name

OVERLAY_ENDING, MAP_ENDING = ".overlay.png", ".map.tiff"
_ENDINGS = (OVERLAY_ENDING, MAP_ENDING)
_ROOM = NAME_MAX - max(map(len, _ENDINGS))
_LIKE_A_RESULT = re.compile("|".join(map(re.escape, _ENDINGS)) + "$")


def common_folder(sources: Sequence[Path]) -> Path:
    """The deepest folder that holds all of the sources, which are absolute: with one folder given, that folder."""
    folders = [source if source.is_dir() else source.parent for source in sources]
    return Path(os.path.commonpath(folders))


def result_stem(image: Path, root: Path) -> Path:
    """The relative path of the image's results, which an ending completes: `2024-01-02/cam1/part.jpg` and
    `.overlay.png`. `root` holds the image; both are absolute and without `..`.

    No two images below a root share a result, and no result is the folder of another. For that a name that is too long
    with an ending, that looks shortened, or that is a folder's and looks like a result gives way to a shortened one.
    Names that differ in letter case alone differ here; a file system that does not tell them apart keeps the last.
    """
    *folders, name = image.relative_to(root).parts
    parents = [shortened_name(part, NAME_MAX) if _unfit_folder(part) else part for part in folders]
    return Path(*parents, shortened_name(name, _ROOM) if _unfit(name) else name)


def _unfit(name: str) -> bool:
    return name_bytes(name) > _ROOM or is_shortened(name)


def _unfit_folder(name: str) -> bool:
    return is_shortened(name) or _LIKE_A_RESULT.search(name) is not None
