"""Which images a category of the data set has, by what they show."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tocoad.data.decoding import decode
from tocoad.data.layouts.source import Source, SourceImage
from tocoad.data.layouts.tree import read_tree
from tocoad.data.problems import DataError
from tocoad.data.threads import cores, thread_pool
from tocoad.feedback.pixels import pixel_digest
from tocoad.stages.stage import Progress, ProgressCallback


def present_images(folder: Path, progress: ProgressCallback) -> Mapping[str, SourceImage]:
    """By pixel digest; `folder` is the category's. Of images that are there twice the first.

    Raises:
        DataError: one cannot be read, so that nothing can be said of it.
    """
    source = Source()  # no root: DVC may put links to its cache in place of the files
    read_tree(source, folder, folder.name)
    images = source.categories[0].images
    found: dict[str, SourceImage] = {}
    with thread_pool(cores()) as pool:
        for done, (image, digest) in enumerate(zip(images, pool.map(partial(_digest, source), images), strict=True), 1):
            found.setdefault(digest, image)
            progress(Progress(done, len(images)))
    if source.problems:
        raise DataError(source.problems)
    return found


def _digest(source: Source, image: SourceImage) -> str:
    try:
        return pixel_digest(decode(image.file))
    except DataError as error:
        source.problems += error.problems
        return ""
