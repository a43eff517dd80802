"""The training images of all categories of a data set, for one model that serves them all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from tocoad.data.cache import ImageFile
from tocoad.data.depth import FULL_DEPTH, Depth, Reach, common_depth, reach_of
from tocoad.data.groups import content_groups, group_of
from tocoad.data.layouts.group_file import attach_groups
from tocoad.data.layouts.source import Source, SourceCategory, SourceImage
from tocoad.data.layouts.tree import read_train
from tocoad.data.problems import DataError
from tocoad.data.split import TooFewError, calibration_digests
from tocoad.data.threads import thread_pool
from tocoad.errors import StageError
from tocoad.files.reading import read_document
from tocoad.settings.sections import SplitSettings


class TrainingImage(BaseModel):
    """`path` is POSIX and relative to the data set's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    sha256: str


class TrainingImages(BaseModel):
    """By category, in order of name; those of a category are the part `train` of its manifest, in its order.

    `depths` has the categories whose 16-bit files are not read in the default way.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: Mapping[str, tuple[TrainingImage, ...]]
    depths: Mapping[str, Depth] = Field({}, exclude_if=lambda depths: not depths)

    @property
    def all(self) -> tuple[TrainingImage, ...]:
        return tuple(image for images in self.categories.values() for image in images)

    @property
    def digest(self) -> str:
        """sha256 over paths, contents and how the files are read."""
        lines = [f"{image.path} {image.sha256}\n" for image in self.all]
        lines += [f"{name} {depth.key}\n" for name, depth in self.depths.items()]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def files(self, folder: Path) -> list[ImageFile]:
        """All, below the data set's folder."""
        return [
            ImageFile(folder / image.path, image.sha256, self.depths.get(name, FULL_DEPTH))
            for name, images in self.categories.items()
            for image in images
        ]

    def refuse_changed(self, folder: Path, threads: int = 1) -> None:
        """Raises StageError for a file below the data set's folder that is not the one that is listed."""
        with thread_pool(threads) as pool:
            files = [folder / image.path for image in self.all]
            for file, image, sha256 in zip(files, self.all, pool.map(_digest_of, files), strict=True):
                if sha256 != image.sha256:
                    raise StageError(f"{file}: changed since list_unified: run that stage again")

    def save(self, file: Path) -> None:
        file.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: Path, stage: str) -> Self:
        """As the stage left it. Raises StageError where the file is missing or damaged."""
        return read_document(cls, file, stage)


def read_training_images(folder: Path, split: SplitSettings, threads: int = 1) -> TrainingImages:
    """Finds them, and the depth of their 16-bit files, by the manifest's rule, without a look at test images; of
    calibration images only the bytes are read, to know them by their content.

    Raises:
        DataError: with every problem found in the training folders of all categories.
    """
    source = Source()  # no root: DVC may put links to its cache in place of the files
    categories = {}
    with thread_pool(threads) as pool:
        for entry in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
            category = SourceCategory(entry.name, entry)
            read_train(source, category)
            source.categories.append(category)
        attach_groups(source)
        for category in source.categories:
            digests = list(pool.map(partial(_sha256, source), category.images))
            categories[category.name] = _train_part(source, category, digests, split)
        if source.problems:
            raise DataError(source.problems)
        depths = {
            name: common_depth(reach for reach in pool.map(partial(_reach, folder), images) if reach is not None)
            for name, images in categories.items()
        }
    return TrainingImages(
        categories=categories, depths={name: depth for name, depth in depths.items() if depth != FULL_DEPTH}
    )


def _sha256(source: Source, image: SourceImage) -> str:
    try:
        return hashlib.sha256(image.file.read_bytes()).hexdigest()
    except OSError as error:
        source.refuse(image.file, f"cannot be read ({error.strerror})")
        return ""


def _digest_of(file: Path) -> str | None:
    """None where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None


def _reach(folder: Path, image: TrainingImage) -> Reach | None:
    return reach_of(folder / image.path)


def _train_part(
    source: Source, category: SourceCategory, digests: Sequence[str], split: SplitSettings
) -> tuple[TrainingImage, ...]:
    pattern = split.group_pattern
    groups = (group_of(image.path, category.groups, pattern) for image in category.images)
    try:
        calibration = calibration_digests(digests, split, content_groups(zip(digests, groups, strict=True)))
    except TooFewError as error:
        source.refuse(category.folder, f"too few images of {category.name}: {error}")
        return ()
    images = (
        TrainingImage(path=f"{category.name}/{image.path}", sha256=sha256)
        for image, sha256 in zip(category.images, digests, strict=True)
        if sha256 not in calibration
    )
    return tuple(sorted(images, key=lambda image: image.path))
