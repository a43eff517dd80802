"""Which images a category of the data set has, by what they show.

The digests are kept for the next look, by what a file is taken for unchanged: only new images are decoded again.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tocoad.data.decoding import decode
from tocoad.data.layouts.source import SourceImage
from tocoad.data.problems import DataError, Problem
from tocoad.data.stamps import stamp
from tocoad.data.threads import cores, thread_pool
from tocoad.feedback.pixels import pixel_digest
from tocoad.files.replacing import write_whole
from tocoad.files.sealed import seal, unseal
from tocoad.stages.stage import Progress, ProgressCallback


def present_images(
    images: Sequence[SourceImage], memory: Path, progress: ProgressCallback
) -> Mapping[str, SourceImage]:
    """By pixel digest; of images that are there twice the first. The file `memory` may be lost or damaged: then all are
    decoded.

    Raises:
        DataError: some cannot be read, so that nothing can be said of them.
    """
    known = _read(memory)
    found: dict[str, SourceImage] = {}
    seen: dict[str, str] = {}
    problems: list[Problem] = []
    with thread_pool(cores()) as pool:
        looked = pool.map(partial(_look, known), images)
        for done, (image, entry) in enumerate(zip(images, looked, strict=True), start=1):
            if isinstance(entry, Problem):
                problems.append(entry)
            else:
                key, digest = entry
                seen[key] = digest
                found.setdefault(digest, image)
            progress(Progress(done, len(images)))
    if problems:
        raise DataError(problems)
    if seen != known:
        with contextlib.suppress(OSError):  # without it the next look takes longer
            memory.parent.mkdir(parents=True, exist_ok=True)
            write_whole(memory, seal(seen, indent=None).encode())
    return found


def _look(known: Mapping[str, str], image: SourceImage) -> tuple[str, str] | Problem:
    """How the file is known, and its digest."""
    try:
        key = json.dumps(stamp(image.file))
        return key, known.get(key) or pixel_digest(decode(image.file))
    except DataError as error:
        return error.problems[0]
    except OSError as error:
        return Problem(image.file, f"cannot be read ({error.strerror})")


def _read(memory: Path) -> Mapping[str, str]:
    try:
        return unseal(memory.read_bytes())
    except (OSError, ValueError):
        return {}
