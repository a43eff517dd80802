"""What was found of the images of a data set, kept for the next look: only what has changed since is decoded again.

It may be lost, or be another data set's: then everything is decoded.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from tocoad.data.depth import Reach
from tocoad.data.layouts.source import SourceImage
from tocoad.data.mask_shares import MaskShare
from tocoad.data.stamps import Stamp, stamp
from tocoad.data.validation import CheckedCategory, CheckedImage
from tocoad.files.replacing import write_whole

_FORMAT = b"1"


class Memory:
    """Of the data set in `folder`, read from `file`. It tells of an image once, and keeps no more of it then."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._folder = f"{folder}/"
        self._lines = dict(_read(file))

    def recall(self, image: SourceImage) -> CheckedImage | None:
        """None of an image that is unknown, or that is no longer as it was."""
        place = str(image.file)
        if not place.startswith(self._folder):
            return None
        line = self._lines.pop(json.dumps(place.removeprefix(self._folder)), None)
        if line is None:
            return None
        stamps, sha256, md5, width, height, mask_sha256, reach, share, notes = json.loads(line)
        try:
            now = [list(stamp(file)) for file in (image.file, image.mask) if file is not None]
        except OSError:
            return None
        if stamps != now:
            return None
        return CheckedImage(
            source=image,
            sha256=sha256,
            md5=md5,
            width=width,
            height=height,
            mask_sha256=mask_sha256,
            reach=None if reach is None else Reach(*reach),
            mask_share=None if share is None or image.mask is None else MaskShare(image.mask, *share),
            mask_notes=tuple(notes),
            stamps=tuple(tuple(found) for found in stamps),
        )


def contents(file: Path) -> Iterator[tuple[str, str, Stamp]]:
    """Of every image that `file` tells of its path in the data set, its md5, and the stamp of the file that had it."""
    for path, line in _read(file):
        stamps, _, md5, *_ = json.loads(line)
        yield json.loads(path), md5, tuple(stamps[0])


def remember(file: Path, categories: Sequence[CheckedCategory], folder: Path, written: Path) -> None:
    """What was found of the images of a data set. They lie in `folder`, or come from elsewhere; all lie in `written`
    too, which takes the place of `folder`.
    """
    body = "\n".join(line for category in categories for line in _lines(category, f"{folder}/", written)).encode()
    head = b"%s %s\n" % (_FORMAT, hashlib.sha256(body).hexdigest().encode())
    with contextlib.suppress(OSError):  # without it the next look takes longer
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, head + body)


def _lines(category: CheckedCategory, folder: str, written: Path) -> Iterator[str]:
    for image in category.images:
        source, place = image.source, f"{category.name}/{image.source.path}"
        stamps = image.stamps
        if str(source.file) != folder + place or not (source.mask is None or str(source.mask).startswith(folder)):
            mask = source.mask_path and written / category.name / source.mask_path
            stamps = tuple(stamp(file) for file in (written / place, mask) if file is not None)
        reach = None if image.reach is None else [image.reach.declared, image.reach.packed, image.reach.greatest]
        share = None if image.mask_share is None else [image.mask_share.image, image.mask_share.edge]
        found = [stamps, image.sha256, image.md5, image.width, image.height, image.mask_sha256, reach, share]
        yield f"{json.dumps(place)}\t{json.dumps([*found, image.mask_notes])}"


def _read(file: Path) -> Iterator[tuple[str, str]]:
    try:
        head, _, body = file.read_bytes().partition(b"\n")
    except OSError:
        return
    if head == b"%s %s" % (_FORMAT, hashlib.sha256(body).hexdigest().encode()):
        for line in body.decode().split("\n"):
            path, _, found = line.partition("\t")
            yield path, found
