"""The cache of decoded images: the same pixels, never those of other files, and no test images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.damage import damages
from tocoad.data.cache import stage_images
from tocoad.data.depth import FULL_DEPTH, Depth
from tocoad.data.images import load_images
from tocoad.data.manifest import ImageRecord, Manifest, Split
from tocoad.files.workspace import Category
from tocoad.settings.sections import ImageSettings, Settings
from tocoad.stages.graph import CACHE_DIR
from tocoad.stages.stage import StageContext

SIZE = 32


@pytest.fixture
def files(tmp_path: Path, write_image: Callable[..., Path]) -> list[Path]:
    return [write_image(tmp_path / f"data/{number}.png", size=(40, 36)) for number in range(3)]


def context(root: Path, size: int = SIZE) -> StageContext:
    (root / "work/manifest").mkdir(parents=True, exist_ok=True)
    return StageContext(
        owner=Category("parts", "bottle"),
        method="tocoad",
        settings=Settings(image=ImageSettings(size=size)),
        params=(),
        data_dir=root / "data",
        inputs={"manifest": root / "work/manifest"},
        output_dir=root / "out",
        checkpoint_dir=root / "checkpoint",
        cache_dir=root / "work" / CACHE_DIR,
    )


def manifest(files: list[Path], depth: Depth = FULL_DEPTH) -> Manifest:
    images = tuple(
        ImageRecord(
            path=file.name,
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
            md5="",
            split="train",
            gt_label=0,
            defect_type="good",
            width=40,
            height=36,
        )
        for file in files
    )
    return Manifest(dataset="parts", category="bottle", depth=depth, images=images)


def cached(root: Path, files: list[Path], size: int = SIZE, depth: Depth = FULL_DEPTH) -> NDArray[np.uint8]:
    return stage_images(context(root, size), manifest(files, depth), "train")


def decoded(files: list[Path], size: int = SIZE, depth: Depth = FULL_DEPTH) -> NDArray[np.uint8]:
    return load_images(files, size, depth)


def test_the_pixels_are_those_of_the_files_and_are_decoded_once(tmp_path: Path, files: list[Path]) -> None:
    listed, expected = manifest(files), decoded(files)
    assert np.array_equal(stage_images(context(tmp_path), listed, "train"), expected)
    for file in files:
        file.unlink()
    cached = stage_images(context(tmp_path), listed, "train")
    assert np.array_equal(cached, expected)
    cached[:] = 0  # as a stage may do with its own
    assert np.array_equal(stage_images(context(tmp_path), listed, "train"), expected)


def test_other_files_another_order_and_another_size_are_decoded(tmp_path: Path, files: list[Path]) -> None:
    cached(tmp_path, files)
    assert np.array_equal(cached(tmp_path, files[::-1]), decoded(files[::-1]))
    assert np.array_equal(cached(tmp_path, files, 64), decoded(files, 64))
    Image.new("RGB", (40, 36), "red").save(files[0])
    assert np.array_equal(cached(tmp_path, files), decoded(files))


def test_a_file_that_is_cut_or_altered_is_not_trusted_and_made_again(tmp_path: Path, files: list[Path]) -> None:
    expected = cached(tmp_path, files).copy()
    (kept,) = (tmp_path / "work" / CACHE_DIR).glob("*.npy")
    whole = kept.read_bytes()
    for damaged in damages(whole, places=12):
        kept.write_bytes(damaged)
        assert np.array_equal(cached(tmp_path, files), expected)
        assert kept.read_bytes() == whole


def test_stages_may_fill_it_at_once(tmp_path: Path, files: list[Path]) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: cached(tmp_path, files), range(8)))
    assert all(np.array_equal(images, decoded(files)) for images in found)
    assert [file.suffix for file in (tmp_path / "work" / CACHE_DIR).iterdir()] == [".npy"]


def test_it_works_without_where_nothing_can_be_written(tmp_path: Path, files: list[Path]) -> None:
    made = context(tmp_path)
    (tmp_path / "work" / CACHE_DIR).write_text("in the way")
    assert np.array_equal(stage_images(made, manifest(files), "train"), decoded(files))


def test_it_does_not_grow_with_every_data_version(tmp_path: Path, files: list[Path]) -> None:
    for number in range(12):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(files[0])
        cached(tmp_path, files)
    assert len(list((tmp_path / "work" / CACHE_DIR).iterdir())) == 8


def test_what_killed_processes_left_goes_with_the_old_files(tmp_path: Path, files: list[Path]) -> None:
    folder = tmp_path / "work" / CACHE_DIR
    folder.mkdir(parents=True)
    for number in range(9):
        (folder / f"{number}.partial").touch()
    cached(tmp_path, files)
    assert len(list(folder.iterdir())) == 8


def test_another_depth_is_decoded_and_the_default_keeps_the_names_of_earlier_versions(
    tmp_path: Path, files: list[Path]
) -> None:
    for number, file in enumerate(files):
        Image.fromarray(np.full((36, 40), 1000 * number + 900, np.uint16)).save(file)
    twelve = Depth(bits=12)
    assert np.array_equal(cached(tmp_path, files), decoded(files))
    assert np.array_equal(cached(tmp_path, files, depth=twelve), decoded(files, depth=twelve))
    assert decoded(files, depth=twelve)[0, 0, 0, 0] == 900 >> 4
    lines = [f"1 {SIZE} {PIL.__version__}", *(image.sha256 for image in manifest(files).images)]
    names = {file.stem.partition("-")[0] for file in (tmp_path / "work" / CACHE_DIR).iterdir()}
    assert len(names) == 2
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() in names


def test_test_images_are_refused(tmp_path: Path, files: list[Path]) -> None:
    part: Split = "test"
    with pytest.raises(ValueError, match="test images"):
        stage_images(context(tmp_path), manifest(files), part)
