from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tocoad.data.changes import Changed, Changes, apply
from tocoad.data.layouts.detect import read_source
from tocoad.data.layouts.source import Source
from tocoad.data.problems import DataError


@pytest.fixture
def folder(tmp_path: Path, write_category: Callable[[Path, Mapping[str, int]], Path]) -> Path:
    write_category(tmp_path / "parts/bottle", {"crack": 2})
    write_category(tmp_path / "parts/cable", {})
    return tmp_path / "parts"


def found(folder: Path) -> Source:
    return read_source(folder, "mvtec")[1]


def paths(source: Source) -> set[str]:
    images = [(category.name, image) for category in source.categories for image in category.images]
    masks = {f"{name}/{image.mask_path}" for name, image in images if image.mask}
    return masks | {f"{name}/{image.path}" for name, image in images}


def after(folder: Path, changes: Changes) -> Changed:
    return apply(changes, found(folder), folder)


def test_what_comes_and_goes_is_all_that_differs(folder: Path, tmp_path: Path) -> None:
    changes = Changes(
        add={
            "bottle/train/good/new.png": tmp_path / "some.png",
            "bottle/test/hole/1.png": tmp_path / "hole.png",
            "bottle/ground_truth/hole/1_mask.png": tmp_path / "drawn.png",
            "plug/train/good/a.png": tmp_path / "a.png",
        },
        remove=["cable/train/good/000.png"],
    )
    made = after(folder, changes)
    assert paths(made.source) == (paths(found(folder)) | set(changes.add)) - {"cable/train/good/000.png"}
    assert made.gone == {"cable/train/good/000.png"}
    assert [category.name for category in made.source.categories] == ["bottle", "cable", "plug"]
    assert changes.categories == {"bottle", "cable", "plug"}


@pytest.mark.parametrize("named", [set(), {"bottle/ground_truth/crack/000_mask.png"}])
def test_an_image_takes_its_mask_with_it(folder: Path, named: set[str]) -> None:
    gone = {"bottle/test/crack/000.png", "bottle/ground_truth/crack/000_mask.png"}
    made = after(folder, Changes(remove={"bottle/test/crack/000.png", *named}))
    assert paths(made.source) == paths(found(folder)) - gone
    assert made.gone == gone


def test_a_mask_may_go_alone_and_another_come(folder: Path, tmp_path: Path) -> None:
    old, new = "bottle/ground_truth/crack/000_mask.png", "bottle/ground_truth/crack/000_mask.bmp"
    made = after(folder, Changes(add={new: tmp_path / "drawn.bmp"}, remove=[old]))
    assert paths(made.source) == (paths(found(folder)) | {new}) - {old}
    assert made.gone == {old}


def test_the_mask_of_a_replaced_image_is_not_that_of_the_new_one(folder: Path, tmp_path: Path) -> None:
    image, mask = "bottle/test/crack/000.png", "bottle/ground_truth/crack/000_mask.png"
    made = after(folder, Changes(replace={image: tmp_path / "other.png"}))
    assert paths(made.source) == paths(found(folder)) - {mask}
    both = after(folder, Changes(add={mask: tmp_path / "m.png"}, replace={image: tmp_path / "other.png"}))
    assert paths(both.source) == paths(found(folder))


def test_an_image_moves_from_one_part_to_another(folder: Path) -> None:
    old, new = "bottle/train/good/003.png", "bottle/test/hole/003.png"
    made = after(folder, Changes(add={new: folder / old}, remove=[old]))
    assert paths(made.source) == (paths(found(folder)) | {new}) - {old}


def test_a_category_without_images_is_none(folder: Path) -> None:
    every = {path for path in paths(found(folder)) if path.startswith("cable/")}
    assert [category.name for category in after(folder, Changes(remove=every)).source.categories] == ["bottle"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Changes(add={"bottle/train/good/000.png": Path("x.png")}), r"x\.png: cannot become .* is there already"),
        (Changes(replace={"bottle/train/good/new.png": Path("x.png")}), "there is nothing to replace"),
        (
            Changes(remove=["bottle/train/good/0000.png"]),
            r"good/0000\.png: is no image of the data set",
        ),
        (Changes(remove=["bottle/train"]), "parts/bottle/train: is no image of the data set"),
        (Changes(add={"bottle/train/bad/1.png": Path("x.png")}), "an image lies in CATEGORY/train/good or"),
        (Changes(add={"bottle/test/../1.png": Path("x.png")}), "an image lies in"),
        (Changes(add={"bottle/test/ok/1.png": Path("x.png")}), "an image lies in"),
        (Changes(add={"../test/bad/1.png": Path("x.png")}), "an image lies in"),
        (Changes(add={"bottle/test/bad/1.txt": Path("x.txt")}), "an image lies in"),
        (Changes(add={"bottle/ground_truth/crack/9_mask.png": Path("x.png")}), "a mask lies in ground_truth/"),
        (Changes(add={"bottle/ground_truth/crack/../000_mask.png": Path("x.png")}), "a mask lies in ground_truth/"),
        (Changes(add={"bottle/ground_truth/crack/000_mask.png": Path("x.bmp")}), "is there already"),
        (Changes(add={"bottle/ground_truth/crack/000_mask.bmp": Path("x.bmp")}), "has another mask, 000_mask.png"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_file_and_the_reason(folder: Path, changes: Changes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        after(folder, changes)
