from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tocoad.data.depth import FULL_DEPTH, Depth
from tocoad.data.manifest import TEST_FILE, TRAIN_FILE, Manifest
from tocoad.data.problems import DataError
from tocoad.data.stage import manifest
from tocoad.files.workspace import Category
from tocoad.settings.sections import Settings, SplitSettings
from tocoad.stages.stage import StageContext, StageRecord

WriteImage = Callable[..., Path]


@pytest.fixture
def bottle(tmp_path: Path, write_category: Callable[[Path, Mapping[str, int]], Path]) -> Path:
    return write_category(tmp_path / "bottle", {"crack": 2, "hole": 1})


def run(data_dir: Path, output: Path, split: SplitSettings) -> StageRecord:
    output.mkdir(parents=True)
    context = StageContext(
        owner=Category("parts", "bottle"),
        method="tocoad",
        settings=Settings(split=split),
        params=("split",),
        data_dir=data_dir,
        inputs={},
        output_dir=output,
        checkpoint_dir=output.with_name("checkpoint"),
        cache_dir=output.with_name("cache"),
    )
    return manifest(context)


def load(output: Path) -> Manifest:
    return Manifest.load(output / TRAIN_FILE, output / TEST_FILE)


def test_every_image_is_listed_with_its_part_and_truth(bottle: Path, tmp_path: Path, split: SplitSettings) -> None:
    record = run(bottle, tmp_path / "out", split)
    listed = load(tmp_path / "out")
    assert (listed.dataset, listed.category) == ("parts", "bottle")
    on_disk = {f"{p.parts[-3]}/{p.parts[-2]}/{p.name}" for d in ("train", "test") for p in (bottle / d).rglob("*.png")}
    assert [image.path for image in listed.images] == sorted(on_disk)
    for image in listed.images:
        assert image.sha256 == hashlib.sha256((bottle / image.path).read_bytes()).hexdigest()
        assert image.md5 == hashlib.md5((bottle / image.path).read_bytes()).hexdigest()
        assert (image.width, image.height) == (12, 8)
    truth = {image.path: (image.gt_label, image.defect_type, image.mask_path) for image in listed.split("test")}
    assert truth == {
        "test/crack/000.png": (1, "crack", "ground_truth/crack/000_mask.png"),
        "test/crack/001.png": (1, "crack", "ground_truth/crack/001_mask.png"),
        "test/good/000.png": (0, "good", None),
        "test/good/001.png": (0, "good", None),
        "test/hole/000.png": (1, "hole", "ground_truth/hole/000_mask.png"),
    }
    train, calibration = len(listed.split("train")), len(listed.split("calibration"))
    assert train + calibration == 8
    assert record.metrics == {
        "train": train,
        "calibration": calibration,
        "test_good": 2,
        "test_defective": 3,
        "masks": 3,
    }


def test_calibration_is_decided_by_the_content(bottle: Path, tmp_path: Path, split: SplitSettings) -> None:
    run(bottle, tmp_path / "out", split)
    for image in load(tmp_path / "out").split("train", "calibration"):
        (bottle / image.path).rename(bottle / "train/good" / f"renamed-{image.sha256[:8]}.png")
    run(bottle, tmp_path / "again", split)
    before = {image.sha256: image.split for image in load(tmp_path / "out").images}
    assert before == {image.sha256: image.split for image in load(tmp_path / "again").images}


def test_adding_images_moves_no_other_one(
    bottle: Path, tmp_path: Path, split: SplitSettings, write_image: WriteImage
) -> None:
    for number in range(40):
        write_image(bottle / f"train/good/a{number}.png")
    run(bottle, tmp_path / "before", split)
    for number in range(40):
        write_image(bottle / f"train/good/b{number}.png")
    run(bottle, tmp_path / "after", split)
    before, after = load(tmp_path / "before"), load(tmp_path / "after")
    parts = {image.path: image.split for image in after.images}
    assert len(parts) == len(before.images) + 40
    assert {image.path: image.split for image in before.images} == {i.path: parts[i.path] for i in before.images}


def test_train_file_knows_nothing_of_test(bottle: Path, tmp_path: Path, split: SplitSettings) -> None:
    run(bottle, tmp_path / "with", split)
    shutil.rmtree(bottle / "test")
    shutil.rmtree(bottle / "ground_truth")
    record = run(bottle, tmp_path / "without", split)
    train_bytes = (tmp_path / "with" / TRAIN_FILE).read_bytes()
    assert train_bytes == (tmp_path / "without" / TRAIN_FILE).read_bytes()
    assert b"test" not in train_bytes
    assert Manifest.load(tmp_path / "without" / TEST_FILE).images == ()
    assert record.metrics["test_defective"] == 0


def test_same_content_gives_the_same_bytes_wherever_it_lies(bottle: Path, tmp_path: Path, split: SplitSettings) -> None:
    shutil.copytree(bottle, tmp_path / "elsewhere/copy")
    run(bottle, tmp_path / "one", split)
    run(tmp_path / "elsewhere/copy", tmp_path / "two", split)
    for file in (TRAIN_FILE, TEST_FILE):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_links_to_a_cache_are_followed(bottle: Path, tmp_path: Path, split: SplitSettings) -> None:
    run(bottle, tmp_path / "files", split)
    cached = tmp_path / "cache" / "0123"
    cached.parent.mkdir()
    image = bottle / "train/good/000.png"
    image.rename(cached)
    image.symlink_to(cached)
    run(bottle, tmp_path / "links", split)
    assert (tmp_path / "files" / TRAIN_FILE).read_bytes() == (tmp_path / "links" / TRAIN_FILE).read_bytes()


def test_mask_with_the_image_s_plain_name_is_listed_under_it(
    bottle: Path, tmp_path: Path, split: SplitSettings
) -> None:
    mask = bottle / "ground_truth/hole/000_mask.png"
    mask.rename(mask.with_name("000.png"))
    run(bottle, tmp_path / "out", split)
    masks = [image.mask_path for image in load(tmp_path / "out").images if image.defect_type == "hole"]
    assert masks == ["ground_truth/hole/000.png"]


def test_problem_stops_the_stage_before_it_writes(bottle: Path, tmp_path: Path, split: SplitSettings) -> None:
    (bottle / "train/good/000.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"000\.png: the file is empty"):
        run(bottle, tmp_path / "out", split)
    assert list((tmp_path / "out").iterdir()) == []


def test_missing_data_are_named(tmp_path: Path, split: SplitSettings) -> None:
    with pytest.raises(DataError, match=r"absent: cannot be listed \(No such file"):
        run(tmp_path / "absent", tmp_path / "out", split)


def test_digest_changes_with_the_content_and_the_labels(bottle: Path, tmp_path: Path, split: SplitSettings) -> None:
    run(bottle, tmp_path / "one", split)
    (bottle / "test/hole").rename(bottle / "test/dent")
    (bottle / "ground_truth/hole").rename(bottle / "ground_truth/dent")
    run(bottle, tmp_path / "two", split)
    assert load(tmp_path / "one").digest != load(tmp_path / "two").digest
    assert len(load(tmp_path / "one").digest) == 64


def test_the_depth_of_16_bit_files_is_kept_and_the_default_is_not_mentioned(
    bottle: Path, tmp_path: Path, split: SplitSettings
) -> None:
    run(bottle, tmp_path / "8bit", split)
    assert b"depth" not in (tmp_path / "8bit" / TRAIN_FILE).read_bytes()
    for file in (bottle / "train/good").iterdir():
        Image.fromarray(np.asarray(Image.open(file).convert("L")).astype(np.uint16) * 16).save(file)
    run(bottle, tmp_path / "12bit", split)
    listed = load(tmp_path / "12bit")
    assert listed.depth == Depth(bits=12)
    assert b"depth" not in (tmp_path / "12bit" / TEST_FILE).read_bytes()
    read_otherwise = listed.model_copy(update={"depth": FULL_DEPTH})
    assert read_otherwise.digest != listed.digest


def test_the_digest_of_8_bit_data_is_that_of_earlier_versions(
    bottle: Path, tmp_path: Path, split: SplitSettings
) -> None:
    run(bottle, tmp_path / "out", split)
    listed = load(tmp_path / "out")
    lines = [f"{i.path} {i.sha256} {i.split} {i.defect_type} {i.mask_sha256}\n" for i in listed.images]
    assert listed.digest == hashlib.sha256("".join(lines).encode()).hexdigest()
