from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tocoad.data.layouts.source import Source
from tocoad.data.layouts.tree import read_tree
from tocoad.feedback.checking import Checked, Known, check_verdicts
from tocoad.feedback.present import present_images
from tocoad.feedback.problems import LineProblem
from tocoad.feedback.record import Intake, last_words
from tocoad.feedback.verdicts import read_verdicts
from tocoad.stages.stage import silent

WIDTH, HEIGHT = 12, 8


@pytest.fixture
def draw() -> Callable[..., Path]:
    """Writes images that all differ, or masks."""
    numbers = itertools.count()

    def write(path: Path, mask: bool = False, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(next(numbers)).integers(0, 256, (size[1], size[0], 3), np.uint8)
        if mask:
            pixels = np.zeros((size[1], size[0]), np.uint8)
            pixels[2:4, 3:6] = 255
        Image.fromarray(pixels).save(path)
        return path

    return write


@pytest.fixture
def category(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    """Of a data set: two training images, one good and one scratched test image, which has a mask."""
    folder = tmp_path / "data/parts/gear"
    for path in ("train/good/0.png", "train/good/1.png", "test/good/0.png", "test/scratch/0.png"):
        draw(folder / path)
    draw(folder / "ground_truth/scratch/0_mask.png", mask=True)
    return folder


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """Where the images of production lie, and the verdicts on them."""
    folder = tmp_path / "line"
    folder.mkdir()
    return folder


@pytest.fixture
def check(category: Path, line: Path) -> Callable[..., tuple[list[Checked], list[LineProblem]]]:
    """Reads `text` as the file of verdicts, and checks it against the category and the intakes before."""

    def run(text: str, *before: Intake) -> tuple[list[Checked], list[LineProblem]]:
        file = line / "verdicts.csv"
        file.write_text(text, encoding="utf-8")
        rows, problems = read_verdicts(file)
        source = Source()
        read_tree(source, category, "gear")
        known = Known(
            present_images(source.categories[0].images, category.with_name("memory"), silent),
            last_words(before, "gear"),
        )
        checked, more = check_verdicts(rows, known, silent)
        return checked, problems + more

    return run
