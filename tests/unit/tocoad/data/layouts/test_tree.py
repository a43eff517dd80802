from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tocoad.data.layouts.source import Source
from tocoad.data.layouts.tree import read_tree, read_trees

WriteCategory = Callable[[Path, Mapping[str, int]], Path]
WriteImage = Callable[..., Path]


def read(root: Path, good: str = "good") -> Source:
    source = Source(root)
    read_trees(source, root, good)
    return source


def test_every_folder_is_a_category(tmp_path: Path, write_category: WriteCategory) -> None:
    write_category(tmp_path / "bottle", {"crack": 2})
    write_category(tmp_path / "cable", {})
    source = read(tmp_path)
    assert [category.name for category in source.categories] == ["bottle", "cable"]
    assert not source.problems
    assert not source.warnings
    bottle = source.categories[0]
    assert [(i.path, i.mask_path) for i in bottle.images if i.defect_type == "crack"] == [
        ("test/crack/000.png", "ground_truth/crack/000_mask.png"),
        ("test/crack/001.png", "ground_truth/crack/001_mask.png"),
    ]
    assert [image.part for image in bottle.images] == ["train"] * 8 + ["test"] * 4


def test_folder_with_train_is_a_category_itself(tmp_path: Path, write_category: WriteCategory) -> None:
    write_category(tmp_path / "bottle", {"crack": 1})
    assert [category.name for category in read(tmp_path / "bottle").categories] == ["bottle"]


def test_test_and_ground_truth_may_be_absent(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "bottle/train/good/0.png")
    source = read(tmp_path)
    assert len(source.categories[0].images) == 1
    assert not source.problems
    assert not source.warnings


def test_btad_names_and_mixed_types(tmp_path: Path, write_image: WriteImage, write_mask: WriteImage) -> None:
    write_image(tmp_path / "01/train/ok/0000.bmp")
    write_image(tmp_path / "01/test/ok/0001.png")
    write_image(tmp_path / "01/test/ko/0002.bmp")
    write_image(tmp_path / "01/test/ko/0003.png")
    write_mask(tmp_path / "01/ground_truth/ko/0002.png")
    write_mask(tmp_path / "01/ground_truth/ko/0003.bmp")
    source = read(tmp_path, good="ok")
    assert not source.problems
    assert [(image.path, image.mask_path) for image in source.categories[0].images] == [
        ("train/good/0000.bmp", None),
        ("test/ko/0002.bmp", "ground_truth/ko/0002_mask.png"),
        ("test/ko/0003.png", "ground_truth/ko/0003_mask.bmp"),
        ("test/good/0001.png", None),
    ]


def test_masks_may_be_missing(tmp_path: Path, write_category: WriteCategory) -> None:
    write_category(tmp_path / "bottle", {"crack": 2})
    (tmp_path / "bottle/ground_truth/crack/000_mask.png").unlink()
    source = read(tmp_path)
    assert [i.mask is None for i in source.categories[0].images if i.defect_type == "crack"] == [True, False]
    assert not source.problems


def test_mask_without_image_is_a_problem(tmp_path: Path, write_category: WriteCategory, write_mask: WriteImage) -> None:
    write_category(tmp_path / "bottle", {"crack": 1})
    alone = write_mask(tmp_path / "bottle/ground_truth/crack/777_mask.png")
    without_type = write_mask(tmp_path / "bottle/ground_truth/hole/000_mask.png")
    source = read(tmp_path)
    assert {problem.file for problem in source.problems} == {alone, without_type}
    assert all("mask without an image" in problem.reason for problem in source.problems)


def test_second_mask_of_an_image_is_a_problem(
    tmp_path: Path, write_category: WriteCategory, write_mask: WriteImage
) -> None:
    write_category(tmp_path / "bottle", {"crack": 1})
    write_mask(tmp_path / "bottle/ground_truth/crack/000.bmp")
    (problem,) = read(tmp_path).problems
    assert "a second mask for the image '000'" in problem.reason


def test_image_whose_own_name_ends_with_mask_gets_its_own_mask(
    tmp_path: Path, write_image: WriteImage, write_mask: WriteImage
) -> None:
    write_image(tmp_path / "c/test/crack/a.png")
    write_image(tmp_path / "c/test/crack/a_mask.png")
    write_mask(tmp_path / "c/ground_truth/crack/a_mask.png")
    write_mask(tmp_path / "c/ground_truth/crack/a_mask_mask.png")
    source = read(tmp_path)
    assert not source.problems
    masks = {image.file.name: image.mask.name for image in source.categories[0].images if image.mask}
    assert masks == {"a.png": "a_mask.png", "a_mask.png": "a_mask_mask.png"}


def test_what_is_no_image_is_a_problem_in_an_image_folder(tmp_path: Path, write_category: WriteCategory) -> None:
    bottle = write_category(tmp_path / "bottle", {"crack": 1})
    (bottle / "train/good/notes.txt").touch()
    (bottle / "test/crack/movie.gif").touch()
    (bottle / "train/good/more").mkdir()
    source = read(tmp_path)
    assert {problem.file.name for problem in source.problems} == {"notes.txt", "movie.gif", "more"}


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path, write_category: WriteCategory) -> None:
    bottle = write_category(tmp_path / "bottle", {})
    for name in (".DS_Store", "Thumbs.db", "._000.png", "desktop.ini"):
        (bottle / "train/good" / name).touch()
    (tmp_path / "__MACOSX").mkdir()
    source = read(tmp_path)
    assert not source.problems
    assert not source.warnings
    assert len(source.categories[0].images) == 10


def test_what_lies_beside_the_layout_is_named_as_not_imported(tmp_path: Path, write_category: WriteCategory) -> None:
    bottle = write_category(tmp_path / "bottle", {})
    (tmp_path / "readme.txt").touch()
    (bottle / "license.txt").touch()
    (bottle / "validation").mkdir()
    (bottle / "ground_truth/good").mkdir(parents=True)
    (bottle / "test/hole").mkdir()
    source = read(tmp_path)
    assert not source.problems
    assert {str(warning.file.relative_to(tmp_path)) for warning in source.warnings} == {
        "readme.txt",
        "bottle/license.txt",
        "bottle/validation",
        "bottle/ground_truth/good",
        "bottle/test/hole",
    }


def test_defective_training_images_are_a_problem(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "bottle/train/good/0.png")
    write_image(tmp_path / "bottle/train/crack/0.png")
    (problem,) = read(tmp_path).problems
    assert "training uses train/good alone" in problem.reason


def test_link_out_of_the_source_is_refused_and_one_inside_is_followed(tmp_path: Path, write_image: WriteImage) -> None:
    outside = write_image(tmp_path / "outside/secret.png")
    inside = write_image(tmp_path / "set/bottle/train/good/0.png")
    (inside.parent / "1.png").symlink_to(inside)
    (inside.parent / "2.png").symlink_to(outside)
    (tmp_path / "set/linked").symlink_to(tmp_path / "outside")
    (inside.parent / "3.png").symlink_to(inside.parent / "absent.png")
    source = read(tmp_path / "set")
    assert [image.file.name for image in source.categories[0].images] == ["0.png", "1.png"]
    named = {problem.file.name: problem.reason for problem in source.problems}
    assert set(named) == {"2.png", "3.png", "linked"}
    assert "leads out of the source" in named["2.png"]
    assert "leads out of the source" in named["linked"]


def test_links_are_followed_where_no_root_is_set(tmp_path: Path, write_image: WriteImage) -> None:
    cached = write_image(tmp_path / "cache/0123.png")
    link = tmp_path / "bottle/train/good/0.png"
    link.parent.mkdir(parents=True)
    link.symlink_to(cached)
    source = Source()
    read_tree(source, tmp_path / "bottle", "bottle")
    assert [image.file for image in source.categories[0].images] == [link]


@pytest.mark.parametrize("good", ["good", "ok"])
def test_folder_without_train_is_still_named(tmp_path: Path, good: str) -> None:
    (tmp_path / "nothing").mkdir()
    assert [category.name for category in read(tmp_path, good).categories] == ["nothing"]


@pytest.mark.parametrize("name", ["Good", "GOOD", "ok", "OK", "normal", "good ", "no_defect", "Good-Parts", "i.O."])
def test_good_test_images_under_another_name_are_a_problem_with_the_name_that_was_meant(
    tmp_path: Path, write_image: WriteImage, name: str
) -> None:
    write_image(tmp_path / "bottle/train/good/0.png")
    write_image(tmp_path / f"bottle/test/{name}/1.png")
    (problem,) = read(tmp_path).problems
    assert problem.file == tmp_path / "bottle/test" / name
    assert problem.reason.endswith(f"rename test/{name} to test/good")
    write_image(tmp_path / "bottle/test/good/2.png")
    (problem,) = read(tmp_path).problems
    assert problem.reason.endswith("move these images to test/good")


def test_good_training_images_under_another_name_are_told_the_name_that_was_meant(
    tmp_path: Path, write_image: WriteImage
) -> None:
    write_image(tmp_path / "bottle/train/Good/0.png")
    assert [problem.reason for problem in read(tmp_path).problems] == ["rename train/Good to train/good"]
    write_image(tmp_path / "01/train/OK/0.png")
    assert [p.reason for p in read(tmp_path / "01", good="ok").problems] == ["rename train/OK to train/ok"]


def test_the_name_of_good_images_is_each_layouts_own(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "01/train/ok/0.png")
    write_image(tmp_path / "01/test/OK/1.png")
    (problem,) = read(tmp_path, good="ok").problems
    assert problem.reason.endswith("rename test/OK to test/ok")


@pytest.mark.parametrize("name", ["goods_missing", "normal_dent", "okra", "not_ok", "bad", "fine", "passage"])
def test_defect_types_that_only_sound_alike_pass(tmp_path: Path, write_image: WriteImage, name: str) -> None:
    write_image(tmp_path / "bottle/train/good/0.png")
    write_image(tmp_path / f"bottle/test/{name}/1.png")
    source = read(tmp_path)
    assert not source.problems
    assert [image.defect_type for image in source.categories[0].images] == ["good", name]


def test_masks_of_good_images_are_named_whatever_their_folder_is_called(
    tmp_path: Path, write_image: WriteImage, write_mask: WriteImage
) -> None:
    write_image(tmp_path / "bottle/train/good/0.png")
    write_mask(tmp_path / "bottle/ground_truth/Good/0_mask.png")
    source = read(tmp_path)
    assert not source.problems
    assert [warning.reason for warning in source.warnings] == ["good images need no masks; not imported"]
