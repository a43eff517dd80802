from __future__ import annotations

import os
from pathlib import Path

import pytest

from tocoad.data.layouts.detect import read_source
from tocoad.data.listing import Listing, is_image_name, list_images
from tocoad.data.problems import DataError

IMAGES = ("a.png", "sub/B.JPG", "sub/deep/c.tiff")
OTHERS = ("notes.txt", "sub/part.webp")
LEFT_BEHIND = ("._a.png", "sub/.ipynb_checkpoints/a-checkpoint.png", "__MACOSX/a.png", "Thumbs.db", ".hidden.webp")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (*IMAGES, *OTHERS, *LEFT_BEHIND):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_image_names_are_told_by_suffix_and_are_not_hidden() -> None:
    assert all(map(is_image_name, ["a.png", "b.JPG", "c.JpEg", "d.BMP", "e.tif", "f.TIFF"]))
    assert not any(map(is_image_name, ["a.gif", "png", "a.png.txt", "Thumbs.db", ".png", "._a.png"]))


def test_images_and_others_are_listed_in_order_without_what_systems_leave_behind(folder: Path) -> None:
    listing = list_images(folder)
    assert listing == Listing(tuple(folder / name for name in IMAGES), tuple(folder / name for name in OTHERS))


def test_a_folder_of_images_to_predict_and_one_to_train_on_hold_the_same_images(tmp_path: Path) -> None:
    for name in ("a.png", "b.bmp", "._a.png", ".DS_Store", "Thumbs.db"):
        (tmp_path / name).touch()
    _, source = read_source(tmp_path, "folder")
    assert not source.problems
    assert [image.file for image in source.categories[0].images] == list(list_images(tmp_path).images)


def test_a_folder_with_nothing_but_what_is_left_behind_is_no_folder_of_images(tmp_path: Path) -> None:
    (tmp_path / "._a.png").touch()
    with pytest.raises(DataError, match="no known layout"):
        read_source(tmp_path, "auto")


def test_the_folder_of_results_is_left_out(folder: Path) -> None:
    assert folder / "sub/B.JPG" not in list_images(folder, leave_out=folder / "sub").images


def test_links_to_folders_are_named_and_pipes_are_not_opened(folder: Path) -> None:
    (folder / "linked").symlink_to(folder / "sub", target_is_directory=True)
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    os.mkfifo(folder / "pipe.png")
    listing = list_images(folder)
    assert {folder / "linked", folder / "pipe.png"} <= set(listing.others)
    assert folder / "gone.png" in listing.images, "it is an image that cannot be read, and is told to be"
    assert not any("linked" in file.parts for file in listing.images)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: cannot be listed \(No such file"):
        list_images(tmp_path / "nowhere")
