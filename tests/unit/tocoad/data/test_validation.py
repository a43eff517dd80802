from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tocoad.data.depth import FULL_DEPTH, Depth
from tocoad.data.layouts.source import Source
from tocoad.data.layouts.tree import read_trees
from tocoad.data.naming import LONGEST_NAME
from tocoad.data.problems import DataError, Problem
from tocoad.data.validation import validate
from tocoad.settings.sections import SplitSettings
from tocoad.stages.stage import Progress

WriteImage = Callable[..., Path]


@pytest.fixture
def bottle(tmp_path: Path, write_category: Callable[[Path, Mapping[str, int]], Path]) -> Path:
    return write_category(tmp_path / "bottle", {"crack": 2, "hole": 1})


def read(root: Path) -> Source:
    source = Source(root)
    read_trees(source, root, "good")
    return source


def problems(root: Path, split: SplitSettings) -> list[Problem]:
    with pytest.raises(DataError) as caught:
        validate(read(root), split, threads=2)
    return caught.value.problems


def warnings(root: Path, split: SplitSettings) -> list[Problem]:
    source = read(root)
    validate(source, split)
    return source.warnings


def test_sound_category_passes_with_digests_and_sizes(bottle: Path, split: SplitSettings) -> None:
    source = read(bottle)
    steps: list[Progress] = []
    (checked,) = validate(source, split, threads=2, progress=steps.append)
    assert not source.warnings
    assert [step.step for step in steps] == list(range(1, 14))
    assert {step.total for step in steps} == {13}
    assert [image.source.path for image in checked.images] == sorted(image.source.path for image in checked.images)
    cracked = next(image for image in checked.images if image.source.path == "test/crack/001.png")
    data = (bottle / "test/crack/001.png").read_bytes()
    assert cracked.sha256 == hashlib.sha256(data).hexdigest()
    assert cracked.md5 == hashlib.md5(data).hexdigest()
    mask = (bottle / "ground_truth/crack/001_mask.png").read_bytes()
    assert cracked.mask_sha256 == hashlib.sha256(mask).hexdigest()
    assert (cracked.width, cracked.height) == (12, 8)


def test_unreadable_and_truncated_images_are_all_named(bottle: Path, split: SplitSettings) -> None:
    text, short = bottle / "train/good/000.png", bottle / "test/hole/000.png"
    text.write_text("no image")
    short.write_bytes(short.read_bytes()[:-40])
    named = {problem.file: problem.reason for problem in problems(bottle, split)}
    assert set(named) == {text, short}
    assert named[text] == "not a readable png, jpg, bmp or tif image"
    assert "truncated" in named[short]


def test_unreadable_mask_is_named(bottle: Path, split: SplitSettings) -> None:
    mask = bottle / "ground_truth/hole/000_mask.png"
    mask.write_bytes(b"")
    assert problems(bottle, split) == [Problem(mask, "the file is empty")]


def test_mask_of_another_size_is_named_with_both_sizes(
    bottle: Path, split: SplitSettings, write_mask: WriteImage
) -> None:
    mask = write_mask(bottle / "ground_truth/hole/000_mask.png", size=(8, 12))
    (problem,) = problems(bottle, split)
    assert problem.file == mask
    assert "8x12 pixels, its image 12x8" in problem.reason


def test_mask_is_compared_with_the_upright_image(bottle: Path, split: SplitSettings, write_mask: WriteImage) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(np.full((12, 8, 3), 9, np.uint8)).save(bottle / "test/hole/000.png", exif=exif)
    write_mask(bottle / "ground_truth/hole/000_mask.png", size=(12, 8))
    assert warnings(bottle, split) == []


def test_problems_of_the_layout_are_told_together_with_those_of_the_images(
    bottle: Path, split: SplitSettings, write_mask: WriteImage
) -> None:
    write_mask(bottle / "ground_truth/crack/777_mask.png")
    (bottle / "train/good/001.png").write_bytes(b"x")
    assert {problem.file.name for problem in problems(bottle, split)} == {"777_mask.png", "001.png"}


@pytest.mark.parametrize("copy", ["test/good/copy.png", "test/crack/copy.png"])
def test_duplicate_between_train_and_test_is_refused(bottle: Path, split: SplitSettings, copy: str) -> None:
    shutil.copy(bottle / "train/good/003.png", bottle / copy)
    (problem,) = problems(bottle, split)
    assert problem.file == bottle / copy
    assert problem.reason.startswith("duplicate between train and test: the same content as")
    assert problem.reason.endswith("train/good/003.png")


def test_same_content_in_two_categories_is_no_duplicate(
    tmp_path: Path, split: SplitSettings, write_category: Callable[[Path, Mapping[str, int]], Path]
) -> None:
    for name in ("a", "b"):
        write_category(tmp_path / name, {})
    shutil.copy(tmp_path / "a/train/good/000.png", tmp_path / "b/test/good/copy.png")
    assert warnings(tmp_path, split) == []


def test_image_both_good_and_defective_is_refused(bottle: Path, split: SplitSettings) -> None:
    shutil.copy(bottle / "test/good/000.png", bottle / "test/hole/copy.png")
    (problem,) = problems(bottle, split)
    assert "both good and defective" in problem.reason


@pytest.mark.parametrize("part", ["train/good", "test/good"])
def test_duplicate_inside_a_part_is_a_warning(bottle: Path, split: SplitSettings, part: str) -> None:
    shutil.copy(bottle / part / "001.png", bottle / part / "copy.png")
    (warning,) = warnings(bottle, split)
    assert warning.file == bottle / part / "copy.png"
    assert "the same content as" in warning.reason


def test_empty_category_is_named(bottle: Path, split: SplitSettings) -> None:
    (bottle.parent / "cable").mkdir()
    (problem,) = problems(bottle.parent, split)
    assert problem.file == bottle.parent / "cable"
    assert problem.reason.startswith("empty category")


def test_too_few_training_images_are_named_with_the_numbers(bottle: Path, split: SplitSettings) -> None:
    for number in range(4):
        (bottle / f"train/good/{number:03d}.png").unlink()
    (problem,) = problems(bottle, split)
    assert problem.file == bottle / "train/good"
    assert problem.reason.startswith("too few images of bottle: 4 different good images; at least 5 are needed")


def test_images_that_differ_by_suffix_alone_are_refused_in_test_and_allowed_in_train(
    bottle: Path, split: SplitSettings, write_image: WriteImage
) -> None:
    write_image(bottle / "train/good/000.bmp")
    assert warnings(bottle, split) == []
    write_image(bottle / "test/crack/000.bmp")
    (problem,) = problems(bottle, split)
    assert problem.file == bottle / "test/crack/000.png"
    assert "differs from 000.bmp by its suffix alone" in problem.reason


def test_some_masks_missing_is_a_warning_and_all_missing_is_not(bottle: Path, split: SplitSettings) -> None:
    (bottle / "ground_truth/crack/001_mask.png").unlink()
    (warning,) = warnings(bottle, split)
    assert warning.reason == "1 of 3 defective images have no mask: test/crack/001.png"
    shutil.rmtree(bottle / "ground_truth")
    assert warnings(bottle, split) == []


def test_empty_mask_is_a_warning(bottle: Path, split: SplitSettings) -> None:
    mask = bottle / "ground_truth/hole/000_mask.png"
    Image.new("L", (12, 8)).save(mask)
    assert warnings(bottle, split) == [Problem(mask, "the mask of a defective image marks nothing")]


def test_jpeg_mask_is_a_warning(bottle: Path, split: SplitSettings) -> None:
    mask = bottle / "ground_truth/hole/000_mask.png"
    Image.open(mask).save(mask.with_suffix(".jpg"))
    mask.unlink()
    (warning,) = warnings(bottle, split)
    assert "inexact edges" in warning.reason


def test_name_that_is_not_utf8_is_refused(bottle: Path, split: SplitSettings) -> None:
    odd = bottle / "train/good" / os.fsdecode(b"\xff.png")
    shutil.copy(bottle / "train/good/000.png", odd)
    assert Problem(odd, "the file's name is not valid UTF-8; rename it") in problems(bottle, split)


def invert(mask: Path) -> Path:
    Image.fromarray(255 - np.asarray(Image.open(mask))).save(mask)
    return mask


def test_masks_that_are_inverted_as_a_kind_are_refused_in_one_line(bottle: Path, split: SplitSettings) -> None:
    for mask in sorted((bottle / "ground_truth/crack").iterdir()):
        invert(mask)
    (problem,) = problems(bottle, split)
    assert problem.file == bottle / "ground_truth/crack"
    assert problem.reason.startswith("2 of 2 masks of crack are inverted, it seems")


def test_a_large_mask_among_others_is_a_warning(bottle: Path, split: SplitSettings) -> None:
    mask = invert(bottle / "ground_truth/crack/001_mask.png")
    assert warnings(bottle, split) == [
        Problem(mask, "1 of 2 masks of crack mark over half of the image, this one 94%; are they inverted?")
    ]


def test_masks_of_a_defect_that_fills_the_part_are_a_warning(bottle: Path, split: SplitSettings) -> None:
    mask = np.zeros((8, 12), np.uint8)
    mask[1:-1, 1:-1] = 255  # 60 of 96 pixels; the ground around the part is free
    for file in (bottle / "ground_truth/crack").iterdir():
        Image.fromarray(mask).save(file)
    (warning,) = warnings(bottle, split)
    assert warning.reason.startswith("2 of 2 masks of crack mark over half of the image, this one 62%")


def test_masks_of_a_category_that_all_mark_nothing_are_refused(bottle: Path, split: SplitSettings) -> None:
    for file in sorted((bottle / "ground_truth").rglob("*.png")):
        Image.new("L", (12, 8)).save(file)
    (problem,) = problems(bottle, split)
    assert "nor any other of the category marks anything" in problem.reason


def test_a_mask_of_ones_is_as_good_as_one_of_255(bottle: Path, split: SplitSettings) -> None:
    for file in (bottle / "ground_truth").rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(file)) // 255).save(file)
    assert not warnings(bottle, split)


def deepen(folder: Path, factor: int, beyond: str = "") -> None:
    """Every image below the folder in 16 bits, its values times `factor`; the one called `beyond` has a 65535."""
    for file in folder.rglob("*.png"):
        values = np.asarray(Image.open(file).convert("L")).astype(np.uint16) * factor
        if file.name == beyond:
            values[0, 0] = 65535
        Image.fromarray(values).save(file)


def test_the_depth_of_16_bit_files_is_decided_by_the_training_part_alone(bottle: Path, split: SplitSettings) -> None:
    source = read(bottle)
    (checked,) = validate(source, split)
    assert checked.depth == FULL_DEPTH and not source.warnings
    deepen(bottle / "train", 16)
    deepen(bottle / "test/crack", 16, beyond="001.png")
    source = read(bottle)
    (checked,) = validate(source, split)
    assert checked.depth == Depth(bits=12)
    (note,) = source.warnings
    assert note.file == bottle
    assert note.reason.startswith("16-bit files without a declared depth, taken as 12 bit (greatest value in training ")
    assert note.reason.endswith("; greater values become white: test/crack/001.png")


def test_a_calibration_image_does_not_decide_the_depth(bottle: Path, split: SplitSettings) -> None:
    deepen(bottle / "train", 16)
    seen = {}
    for number in range(40):
        bright = np.full((8, 12), 60000 + number, np.uint16)
        Image.fromarray(bright).save(bottle / "train/good/bright.png")
        (checked,) = validate(read(bottle), split)
        sha256 = next(image.sha256 for image in checked.images if image.source.file.name == "bright.png")
        seen[sha256 in checked.calibration] = checked.depth.bits
    assert seen == {True: 12, False: 16}


@pytest.mark.parametrize("letter", ["n", "ü"])
def test_a_name_that_no_result_could_be_named_after_is_refused_by_its_bytes(
    bottle: Path, split: SplitSettings, letter: str
) -> None:
    room = LONGEST_NAME - len(".png")
    longest = letter * (room // len(letter.encode())) + "n" * (room % len(letter.encode())) + ".png"
    (bottle / "test/good/000.png").rename(bottle / "test/good" / longest)
    validate(read(bottle), split)
    longer = bottle / "test/good" / f"n{longest}"
    (bottle / "test/good" / longest).rename(longer)
    (problem,) = problems(bottle, split)
    assert problem == Problem(
        longer, "its name has 244 bytes, and 243 are the most that results can be named after; rename it"
    )
