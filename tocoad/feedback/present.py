"""Which images a category of the data set has, by what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocoad.data.decoding import decode
from tocoad.data.layouts.source import SourceImage
from tocoad.data.problems import DataError, Problem
from tocoad.data.threads import cores, thread_pool
from tocoad.feedback.pixels import pixel_digest
from tocoad.stages.stage import Progress, ProgressCallback


def present_images(images: Sequence[SourceImage], progress: ProgressCallback) -> Mapping[str, SourceImage]:
    """By pixel digest; of images that are there twice the first.

    Raises:
        DataError: some cannot be read, so that nothing can be said of them.
    """
    found: dict[str, SourceImage] = {}
    problems: list[Problem] = []
    with thread_pool(cores()) as pool:
        for done, (image, digest) in enumerate(zip(images, pool.map(_digest, images), strict=True), start=1):
            if isinstance(digest, Problem):
                problems.append(digest)
            else:
                found.setdefault(digest, image)
            progress(Progress(done, len(images)))
    if problems:
        raise DataError(problems)
    return found


def _digest(image: SourceImage) -> str | Problem:
    try:
        return pixel_digest(decode(image.file))
    except DataError as error:
        return error.problems[0]
