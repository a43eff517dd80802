from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tocoad.data.layouts.copies import leave_out_copies
from tocoad.data.layouts.source import Source, SourceCategory, SourceImage

WriteImage = Callable[..., Path]


def image(folder: Path, part: Literal["train", "test"], defect_type: str, name: str) -> SourceImage:
    return SourceImage(folder / name, part, defect_type)


def test_copies_that_would_make_a_test_dishonest_are_left_out(tmp_path: Path, write_image: WriteImage) -> None:
    for name in ("alone.png", "leaked.png", "both.png", "twice.png"):
        write_image(tmp_path / name)
    for name in ("leaked", "both", "twice"):
        shutil.copy(tmp_path / f"{name}.png", tmp_path / f"{name}-copy.png")
    # Of the same size as another file, but not its copy.
    (tmp_path / "sized.png").write_bytes(bytes(len((tmp_path / "alone.png").read_bytes())))
    category = SourceCategory("retina", tmp_path)
    category.images = [
        image(tmp_path, "train", "good", "alone.png"),
        image(tmp_path, "train", "good", "leaked.png"),
        image(tmp_path, "train", "good", "both.png"),
        image(tmp_path, "test", "good", "sized.png"),
        image(tmp_path, "test", "good", "leaked-copy.png"),
        image(tmp_path, "test", "mild", "both-copy.png"),
        image(tmp_path, "test", "mild", "twice.png"),
        image(tmp_path, "test", "severe", "twice-copy.png"),
    ]
    source = Source(tmp_path)
    leave_out_copies(source, category)
    assert [image.path for image in category.images] == [
        "train/good/alone.png",
        "test/good/sized.png",
        "test/good/leaked-copy.png",
        "test/mild/twice.png",
        "test/severe/twice-copy.png",
    ]
    assert not source.problems
    assert [warning.reason for warning in source.warnings] == [
        "2 images are labelled good in one copy and defective in another; not imported: both-copy.png, both.png",
        "1 images for training are copies of test images; not imported: leaked.png",
    ]


def test_images_without_copies_stay_as_they_are(tmp_path: Path, write_image: WriteImage) -> None:
    category = SourceCategory("retina", tmp_path)
    category.images = [SourceImage(write_image(tmp_path / f"{number}.png"), "train", "good") for number in range(3)]
    before = list(category.images)
    source = Source(tmp_path)
    leave_out_copies(source, category)
    assert category.images == before
    assert not source.warnings
