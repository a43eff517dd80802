from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tocoad.data.changes import Changes, apply
from tocoad.data.layouts.detect import read_source
from tocoad.data.merging import Comparison, Merge, merge, refuse_conflicts
from tocoad.data.problems import DataError

WriteImage = Callable[..., Path]
IMAGE, MASK = "bottle/test/crack/000.png", "bottle/ground_truth/crack/000_mask.png"


@pytest.fixture
def folder(tmp_path: Path, write_category: Callable[[Path, Mapping[str, int]], Path]) -> Path:
    write_category(tmp_path / "data/parts/bottle", {"crack": 2})
    return tmp_path / "data/parts"


@pytest.fixture
def source(folder: Path, tmp_path: Path) -> Path:
    """What the data set has, once more, in a folder that a test changes."""
    return Path(shutil.copytree(folder, tmp_path / "source"))


def merged(source: Path, folder: Path) -> Merge:
    return merge(read_source(source, "auto")[1], read_source(folder, "mvtec")[1], folder)


def paths(root: Path) -> set[str]:
    return {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()}


def paths_after(changes: Changes, folder: Path) -> set[str]:
    made = apply(changes, read_source(folder, "mvtec")[1], folder)
    return (paths(folder) - made.gone) | set(changes.incoming)


def test_what_is_there_already_changes_nothing(source: Path, folder: Path) -> None:
    found = merged(source, folder)
    assert not found.changes
    assert set(found.comparisons["bottle"].identical) == paths(folder)
    refuse_conflicts(found.comparisons, folder)


def test_new_images_masks_and_categories_join(
    source: Path, folder: Path, write_image: WriteImage, write_mask: WriteImage
) -> None:
    shutil.rmtree(source)
    new = {
        "bottle/train/good/new.png": write_image(source / "bottle/train/good/new.png"),
        "bottle/test/hole/1.png": write_image(source / "bottle/test/hole/1.png"),
        "bottle/ground_truth/hole/1_mask.png": write_mask(source / "bottle/ground_truth/hole/1_mask.png"),
        "plug/train/good/1.png": write_image(source / "plug/train/good/1.png"),
    }
    found = merged(source, folder)
    assert found.changes == Changes(add=new)
    assert list(found.comparisons) == ["bottle", "plug"]
    assert found.comparisons["plug"] == Comparison(new=["plug/train/good/1.png"])


def test_other_content_of_the_same_path_is_a_conflict_that_names_both(
    source: Path, folder: Path, write_image: WriteImage
) -> None:
    other = write_image(source / "bottle/train/good/003.png")
    found = merged(source, folder)
    assert found.comparisons["bottle"].conflicts == {"bottle/train/good/003.png": other}
    assert found.changes == Changes(replace={"bottle/train/good/003.png": other})
    with pytest.raises(DataError, match="differs from") as caught:
        refuse_conflicts(found.comparisons, folder)
    assert str(other) in str(caught.value) and str(folder / "bottle/train/good/003.png") in str(caught.value)


@pytest.mark.parametrize("name", ["000_mask.png", "000_mask.bmp", "000.png"])
def test_a_changed_mask_of_an_unchanged_image_is_a_conflict_whatever_it_is_called(
    source: Path, folder: Path, write_image: WriteImage, name: str
) -> None:
    (source / MASK).unlink()
    other = write_image((source / MASK).with_name(name), "L")
    found = merged(source, folder)
    assert found.comparisons["bottle"].conflicts == {MASK: other}
    placed = f"bottle/ground_truth/crack/000_mask{other.suffix}"
    assert paths_after(found.changes, folder) == (paths(folder) - {MASK}) | {placed}
    assert found.changes.incoming == {placed: other}


def test_a_mask_for_an_image_that_has_none_is_new(source: Path, folder: Path) -> None:
    (folder / MASK).unlink()
    found = merged(source, folder)
    assert found.changes == Changes(add={MASK: source / MASK})
    assert IMAGE in found.comparisons["bottle"].identical


def test_a_source_without_masks_takes_none_away(source: Path, folder: Path) -> None:
    shutil.rmtree(source / "bottle/ground_truth")
    assert not merged(source, folder).changes


@pytest.mark.parametrize("brings", [True, False])
def test_the_mask_of_another_picture_does_not_stay(
    source: Path, folder: Path, write_image: WriteImage, brings: bool
) -> None:
    write_image(source / IMAGE)
    if not brings:
        (source / MASK).unlink()
    found = merged(source, folder)
    assert paths_after(found.changes, folder) == paths(folder) - (set() if brings else {MASK})
    assert found.comparisons["bottle"].removed == ([] if brings else [MASK])
    assert found.changes.incoming == {IMAGE: source / IMAGE, **({MASK: source / MASK} if brings else {})}


def test_a_source_that_cannot_be_read_is_refused_with_every_problem(source: Path, folder: Path) -> None:
    (source / "bottle/train/good/notes.txt").touch()
    (source / "bottle/train/bad").mkdir()
    with pytest.raises(DataError, match="2 problems"):
        merged(source, folder)


def test_two_files_for_one_path_are_refused(folder: Path, tmp_path: Path, write_image: WriteImage) -> None:
    rows = ["object,split,label,image,mask"]
    for place in ("one", "two"):
        write_image(tmp_path / f"visa/bottle/{place}/1.png")
        rows.append(f"bottle,train,normal,bottle/{place}/1.png,")
    (tmp_path / "visa/split_csv").mkdir()
    (tmp_path / "visa/split_csv/1cls.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match=r"listed 2 times as train/good/1\.png"):
        merged(tmp_path / "visa", folder)
