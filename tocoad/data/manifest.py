"""The written split of one category: every image with its digests, its part and its truth."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tocoad.data.depth import FULL_DEPTH, Depth
from tocoad.files.reading import read_document

GOOD = "good"
TRAIN_FILE, TEST_FILE = "train.json", "test.json"

Split = Literal["train", "calibration", "test"]


class ImageRecord(BaseModel):
    """One image. Paths are POSIX and relative to the category's folder `data/<dataset>/<category>`. `group` is left out
    of one that stands alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    sha256: str
    md5: str
    split: Split
    gt_label: Literal[0, 1]
    defect_type: str
    mask_path: str | None = None
    mask_sha256: str | None = None
    width: int
    height: int
    group: str | None = Field(None, exclude_if=lambda group: group is None)


class Manifest(BaseModel):
    """The images of one category, sorted by path. Written as two files, so that training cannot see `test`:

    `train.json` holds the parts train and calibration, `test.json` the part test. `depth` is how their 16-bit files are
    read, by the part train; it stands in `train.json`, and is left out where it is the default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    category: str
    depth: Depth = Field(FULL_DEPTH, exclude_if=lambda depth: depth == FULL_DEPTH)
    images: tuple[ImageRecord, ...]

    def split(self, *parts: Split) -> tuple[ImageRecord, ...]:
        return tuple(image for image in self.images if image.split in parts)

    @property
    def digest(self) -> str:
        """sha256 over paths, digests, labels and how the files are read: the data version."""
        lines = (f"{i.path} {i.sha256} {i.split} {i.defect_type} {i.mask_sha256}\n" for i in self.images)
        return hashlib.sha256("".join((*lines, self.depth.key)).encode()).hexdigest()

    def save(self, file: Path) -> None:
        file.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, *files: Path) -> Manifest:
        """The union of one or both files of a category. Raises StageError for one that is missing or damaged."""
        parts = [read_document(cls, file, "manifest") for file in files]
        images = _sorted(image for part in parts for image in part.images)
        depth = next((part.depth for part in parts if part.depth != FULL_DEPTH), FULL_DEPTH)
        return cls(dataset=parts[0].dataset, category=parts[0].category, depth=depth, images=images)


def _sorted(images: Iterable[ImageRecord]) -> tuple[ImageRecord, ...]:
    return tuple(sorted(images, key=lambda image: image.path))
