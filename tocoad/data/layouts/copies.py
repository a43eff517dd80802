"""Files that a published data set holds twice, byte for byte. Its user cannot mend that, so its reader does."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from tocoad.data.layouts.source import Source, SourceCategory, SourceImage
from tocoad.data.manifest import GOOD


def leave_out_copies(source: Source, category: SourceCategory) -> None:
    """Takes out of the category what would make a test dishonest, with one warning for each of the two reasons.

    Copies that are called good here and defective there tell nothing: all of them go. A copy in both train and test
    leaves train. Copies within a part stay.
    """
    contradictory: set[SourceImage] = set()
    leaked: set[SourceImage] = set()
    for copies in _copies(category.images):
        if len({image.defect_type == GOOD for image in copies}) > 1:
            contradictory.update(copies)
        elif len({image.part for image in copies}) > 1:
            leaked.update(image for image in copies if image.part == "train")
    source.leave_out(category, contradictory, "are labelled good in one copy and defective in another")
    source.leave_out(category, leaked, "for training are copies of test images")


def _copies(images: Sequence[SourceImage]) -> list[list[SourceImage]]:
    """Files of one size alone are read: a data set may hold many gigabytes."""
    by_size: defaultdict[int, list[SourceImage]] = defaultdict(list)
    for image in images:
        by_size[image.file.stat().st_size].append(image)
    by_content: defaultdict[bytes, list[SourceImage]] = defaultdict(list)
    for same_size in by_size.values():
        for image in same_size if len(same_size) > 1 else ():
            by_content[hashlib.sha256(image.file.read_bytes()).digest()].append(image)
    return [same for same in by_content.values() if len(same) > 1]
