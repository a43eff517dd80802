"""The training part of every category: the manifest's own, found without a look at a test image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tocoad.data.depth import FULL_DEPTH, Depth
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.data.problems import DataError
from tocoad.data.stage import manifest
from tocoad.data.training_images import TrainingImages, read_training_images
from tocoad.files.workspace import Category
from tocoad.settings.sections import Settings, SplitSettings
from tocoad.stages.stage import StageContext

NAMES = ("bottle", "screw")


@pytest.fixture
def parts(tmp_path: Path, write_category: Callable[[Path, Mapping[str, int]], Path]) -> Path:
    for name in NAMES:
        write_category(tmp_path / "parts" / name, {"crack": 2})
    return tmp_path / "parts"


def train_part(folder: Path, output: Path, split: SplitSettings) -> list[tuple[str, str]]:
    """Paths and digests as the category's manifest has them."""
    output.mkdir()
    owner = Category("parts", folder.name)
    manifest(
        StageContext(
            owner, "patchcore", Settings(split=split), (), folder, {}, output, output / "checkpoint", output / "cache"
        )
    )
    listed = Manifest.load(output / TRAIN_FILE).split("train")
    return [(f"{folder.name}/{image.path}", image.sha256) for image in listed]


def test_they_are_the_training_parts_of_the_manifests(parts: Path, tmp_path: Path, split: SplitSettings) -> None:
    found = read_training_images(parts, split)
    assert list(found.categories) == list(NAMES)
    for name in NAMES:
        expected = train_part(parts / name, tmp_path / name, split)
        assert 3 <= len(expected) < 8
        assert [(image.path, image.sha256) for image in found.categories[name]] == expected
    assert len(found.all) == sum(map(len, found.categories.values()))


def test_test_images_may_be_anything_or_absent(parts: Path, split: SplitSettings) -> None:
    before = read_training_images(parts, split)
    (parts / "bottle/test/good/000.png").write_bytes(b"no image")
    (parts / "bottle/ground_truth/crack/000_mask.png").unlink()
    (parts / "screw/test/notes").mkdir()
    assert read_training_images(parts, split) == before


def test_every_problem_of_all_categories_is_told(parts: Path, split: SplitSettings) -> None:
    (parts / "bottle/train/good/notes.txt").write_text("x")
    for file in sorted((parts / "screw/train/good").iterdir())[:4]:
        file.unlink()
    with pytest.raises(DataError) as caught:
        read_training_images(parts, split)
    reasons = [str(problem) for problem in caught.value.problems]
    assert len(reasons) == 2
    assert "notes.txt: not an image" in reasons[0]
    assert "too few images of screw: 4 different good images" in reasons[1]


def test_a_category_without_training_images_is_a_problem(parts: Path, split: SplitSettings) -> None:
    (parts / "nut").mkdir()
    with pytest.raises(DataError, match="too few images of nut: 0 different good images"):
        read_training_images(parts, split)


def test_it_survives_the_file_and_its_digest_is_of_names_and_contents(
    parts: Path, tmp_path: Path, split: SplitSettings
) -> None:
    found = read_training_images(parts, split)
    found.save(tmp_path / "images.json")
    assert TrainingImages.load(tmp_path / "images.json", "list_unified") == found
    lines = "".join(f"{image.path} {image.sha256}\n" for image in found.all)
    assert found.digest == hashlib.sha256(lines.encode()).hexdigest()
    (parts / "screw").rename(parts / "bolt")
    assert read_training_images(parts, split).digest != found.digest


def test_each_category_is_read_at_the_depth_of_its_manifest(parts: Path, tmp_path: Path, split: SplitSettings) -> None:
    plain = read_training_images(parts, split)
    assert "depths" not in plain.model_dump()
    for file in (parts / "screw/train/good").iterdir():
        Image.fromarray(np.asarray(Image.open(file).convert("L")).astype(np.uint16) * 16).save(file)
    found = read_training_images(parts, split)
    train_part(parts / "screw", tmp_path / "screw", split)
    assert found.depths == {"screw": Manifest.load(tmp_path / "screw" / TRAIN_FILE).depth} == {"screw": Depth(bits=12)}
    files = found.files(parts)
    assert [file.path for file in files] == [parts / image.path for image in found.all]
    assert {(file.path.parts[-4], file.depth) for file in files} == {("bottle", FULL_DEPTH), ("screw", Depth(bits=12))}
    assert found.digest != found.model_copy(update={"depths": {}}).digest
