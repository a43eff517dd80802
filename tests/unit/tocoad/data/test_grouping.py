"""Groups on their way: from a source into the data set, through validation, into manifest and list."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tocoad.data.changes import Changes
from tocoad.data.importing import check_dataset, import_dataset
from tocoad.data.layouts.detect import read_source
from tocoad.data.manifest import TEST_FILE, TRAIN_FILE, Manifest
from tocoad.data.merging import merge, merge_groups, refuse_conflicts
from tocoad.data.problems import DataError
from tocoad.data.rewriting import prepare, write
from tocoad.data.stage import manifest
from tocoad.data.training_images import read_training_images
from tocoad.files.workspace import Category
from tocoad.settings.sections import Settings, SplitSettings
from tocoad.stages.stage import StageContext

WriteImage = Callable[..., Path]
# Of 8 training images the first four are of one part.
PART = {f"train/good/{number:03d}.png": "SN7" for number in range(4)}


@pytest.fixture
def folder(tmp_path: Path, write_category: Callable[[Path, Mapping[str, int]], Path]) -> Path:
    write_category(tmp_path / "parts/bottle", {"crack": 2})
    return tmp_path / "parts"


def table(file: Path, lines: Mapping[str, str]) -> Path:
    file.write_text("path,group\n" + "".join(f"{path},{group}\n" for path, group in lines.items()))
    return file


def manifest_of(folder: Path, split: SplitSettings) -> tuple[Manifest, bytes]:
    """The whole, and the bytes of both files."""
    output = folder.parent / "out"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    context = StageContext(
        owner=Category("parts", "bottle"),
        method="tocoad",
        settings=Settings(split=split),
        params=("split",),
        data_dir=folder / "bottle",
        inputs={},
        output_dir=output,
        checkpoint_dir=output / "checkpoint",
        cache_dir=output / "cache",
    )
    manifest(context)
    files = output / TRAIN_FILE, output / TEST_FILE
    return Manifest.load(*files), b"".join(file.read_bytes() for file in files)


def changed(folder: Path, changes: Changes, split: SplitSettings) -> None:
    rewrite = prepare(folder, lambda _: changes, split)
    target = folder.with_name("incoming")
    target.mkdir()
    write(rewrite, folder, target)
    shutil.rmtree(folder)
    target.rename(folder)


@pytest.mark.parametrize("seed", range(6))
def test_a_group_is_one_side_of_the_split_in_manifest_and_list(
    folder: Path, split: SplitSettings, seed: int, write_image: WriteImage
) -> None:
    for number in range(20, 30):
        write_image(folder / f"bottle/train/good/{number:03d}.png")
    table(folder / "bottle/groups.csv", {path: f"{group} {seed}" for path, group in PART.items()})
    written, _ = manifest_of(folder, split)
    parts = {image.split for image in written.images if image.path in PART}
    assert len(parts) == 1
    assert {image.path for image in written.images if image.group} == set(PART)
    listed = {image.path.removeprefix("bottle/") for image in read_training_images(folder, split).all}
    assert listed == {image.path for image in written.split("train")}


def test_the_name_of_the_group_decides_on_which(folder: Path, split: SplitSettings) -> None:
    sides, split = set(), split.model_copy(update={"calibration_min": 1, "train_min": 2})
    for name in ("a", "b", "c", "d", "e", "f"):
        table(folder / "bottle/groups.csv", dict.fromkeys(PART, name))
        below = int(hashlib.sha256(f"group {name}".encode()).hexdigest(), 16) / 2**256 < split.calibration_fraction
        images = {image.split for image in manifest_of(folder, split)[0].images if image.path in PART}
        if below:
            assert images == {"calibration"}
        sides |= images
    assert sides == {"train", "calibration"}


def test_without_a_table_a_manifest_has_no_word_of_groups(folder: Path, split: SplitSettings) -> None:
    _, before = manifest_of(folder, split)
    assert b"group" not in before
    pattern = split.model_copy(update={"group_pattern": r"(no such part)"})
    assert manifest_of(folder, pattern)[1] == before
    (folder / "bottle/groups.csv").write_text("path,group\n")
    assert manifest_of(folder, split)[1] == before


def test_a_part_that_is_trained_on_is_not_tested_on(folder: Path, split: SplitSettings) -> None:
    train, test = "train/good/001.png", "test/crack/000.png"
    table(folder / "bottle/groups.csv", {train: "SN7", test: "SN7", "test/crack/001.png": "SN7"})
    with pytest.raises(DataError) as caught:
        check_dataset(folder, "mvtec", split)
    (problem,) = caught.value.problems
    assert problem.file == folder / "bottle" / test
    assert f"group 'SN7' would be parted between train and test: {folder / 'bottle' / train}" in problem.reason
    assert "groups.csv" in problem.reason and "split.group_pattern" in problem.reason
    pattern = split.model_copy(update={"group_pattern": r"/(00[01])\.png$"})
    (folder / "bottle/groups.csv").unlink()
    with pytest.raises(DataError, match="group '000' would be parted"):
        check_dataset(folder, "mvtec", pattern)


def test_a_picture_is_of_one_part(folder: Path, split: SplitSettings) -> None:
    shutil.copy(folder / "bottle/train/good/000.png", folder / "bottle/train/good/copy.png")
    table(folder / "bottle/groups.csv", {"train/good/000.png": "a", "train/good/copy.png": "b"})
    with pytest.raises(DataError, match=r"of group 'b', but the same content as .*000\.png of 'a'"):
        check_dataset(folder, "mvtec", split)


@pytest.mark.parametrize("place", ["of all", "of the category"])
def test_the_table_of_a_source_comes_with_its_images_one_by_one(
    folder: Path, tmp_path: Path, split: SplitSettings, place: str
) -> None:
    lines = {"train/good/00[0-3].png": "SN7", "000.png": "SN8", "train/good/none*": "x"}
    if place == "of all":
        table(folder / "groups.csv", {f"b*/{path}" if "/" in path else path: g for path, g in lines.items()})
    else:
        table(folder / "bottle/groups.csv", lines)
    (folder / "bottle/test/good/000.png").unlink()
    shutil.rmtree(folder / "bottle/test/crack")
    shutil.rmtree(folder / "bottle/ground_truth")
    made = import_dataset(folder, tmp_path / "data/parts", "auto", split)
    expected = {"train/good/000.png": "SN8", **{path: "SN7" for path in sorted(PART) if "000" not in path}}
    written = (tmp_path / "data/parts/bottle/groups.csv").read_text()
    assert written == "path,group\n" + "".join(f"{path},{group}\n" for path, group in expected.items())
    (warning,) = made.warnings
    assert "1 lines fit no image" in warning.reason and "none*" in warning.reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,group\n", "misses the column 'path'"),
        ("path,group\n1.png,\n", "line 2: give a path and a group"),
        ("path,group\n1.png,a\n1.png,b\n", "line 3: '1.png' is of the group 'a' already"),
    ],
)
def test_a_table_that_says_nothing_clear_is_refused_with_the_line(
    folder: Path, split: SplitSettings, text: str, said: str
) -> None:
    (folder / "bottle/groups.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        check_dataset(folder, "mvtec", split)


def test_a_table_where_nobody_reads_it_is_named(folder: Path, split: SplitSettings) -> None:
    table(folder / "bottle/train/good/groups.csv", {"000.png": "a"})
    (warning,) = check_dataset(folder, "mvtec", split).warnings
    assert warning.file == folder / "bottle/train/good/groups.csv" and "not imported" in warning.reason


def test_a_table_beside_the_categories_of_a_data_set_is_refused_with_the_way_in(
    folder: Path, split: SplitSettings
) -> None:
    table(folder / "groups.csv", {"000.png": "a"})
    with pytest.raises(DataError, match=r"parts/groups\.csv: no stage reads it here.* data add --name parts --groups"):
        prepare(folder, lambda _: Changes(remove=["bottle/train/good/000.png"]), split)


def test_groups_are_merged_kept_and_go_with_their_images(
    folder: Path, tmp_path: Path, split: SplitSettings, write_image: WriteImage
) -> None:
    table(folder / "bottle/groups.csv", PART)
    write_image(tmp_path / "monday/bottle/train/good/new.png")
    table(tmp_path / "monday/groups.csv", {"bottle/train/good/new.png": "SN9"})
    found = merge(read_source(tmp_path / "monday", "auto")[1], read_source(folder, "mvtec")[1], folder)
    assert found.comparisons["bottle"].grouped == {"bottle/train/good/new.png": "SN9"}
    removed = Changes(found.changes.add, remove=["bottle/train/good/000.png"], groups=found.changes.groups)
    changed(folder, removed, split)
    lines = {path: group for path, group in PART.items() if "000" not in path} | {"train/good/new.png": "SN9"}
    assert (folder / "bottle/groups.csv").read_text() == table(tmp_path / "expected", lines).read_text()
    changed(folder, Changes(replace={"bottle/train/good/001.png": write_image(tmp_path / "other.png")}), split)
    assert (folder / "bottle/groups.csv").read_text() == (tmp_path / "expected").read_text()


def test_another_group_for_a_known_image_is_a_conflict_and_a_first_one_is_none(folder: Path, tmp_path: Path) -> None:
    table(folder / "bottle/groups.csv", PART)
    said = table(tmp_path / "said.csv", {"bottle/train/good/000.png": "SN8", "007.png": "SN8", "x.png": "SN8"})
    found, read = merge_groups(said, read_source(folder, "mvtec")[1], folder)
    assert found.changes == Changes(groups={f"bottle/train/good/{name}.png": "SN8" for name in ("000", "007")})
    assert [warning.reason for warning in read.warnings] == ["1 lines fit no image: x.png"]
    with pytest.raises(DataError, match=r"said\.csv: differs from .*parts/bottle/groups\.csv"):
        refuse_conflicts(found.comparisons, folder)


def test_a_category_that_goes_leaves_no_folder(
    folder: Path, split: SplitSettings, write_category: Callable[[Path, Mapping[str, int]], Path]
) -> None:
    cable = write_category(folder / "cable", {})
    table(cable / "groups.csv", {"000.png": "a"})
    (cable / "licence.txt").touch()
    every = [f"cable/{file.relative_to(cable).as_posix()}" for file in cable.rglob("*.png")]
    changed(folder, Changes(remove=every), split)
    assert [entry.name for entry in folder.iterdir()] == ["bottle"]
