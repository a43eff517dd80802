from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tocoad.data.layouts.folder import read_folder
from tocoad.data.layouts.source import Source

WriteImage = Callable[..., Path]


def read(root: Path) -> Source:
    source = Source(root)
    read_folder(source, root)
    return source


def test_images_in_the_folder_are_one_category_of_its_name(tmp_path: Path, write_image: WriteImage) -> None:
    for name in ("b.JPG", "a.png", "c.TIF", "d.Bmp"):
        write_image(tmp_path / "caps" / name)
    (caps,) = read(tmp_path / "caps").categories
    assert caps.name == "caps"
    assert [image.path for image in caps.images] == [f"train/good/{n}" for n in ("a.png", "b.JPG", "c.TIF", "d.Bmp")]


def test_name_is_that_of_the_folder_even_where_the_path_says_dot(
    tmp_path: Path, write_image: WriteImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "caps/a.png")
    monkeypatch.chdir(tmp_path / "caps")
    assert [category.name for category in read(Path()).categories] == ["caps"]


def test_every_sub_folder_is_a_category(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "caps/a.png")
    write_image(tmp_path / "pins/a.png")
    (tmp_path / "readme.txt").touch()
    source = read(tmp_path)
    assert [(category.name, len(category.images)) for category in source.categories] == [("caps", 1), ("pins", 1)]
    assert [warning.file.name for warning in source.warnings] == ["readme.txt"]


def test_images_and_sub_folders_together_are_a_problem(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "more/a.png")
    (problem,) = read(tmp_path).problems
    assert problem.file.name == "more"


@pytest.mark.parametrize("name", ["good", "OK", "defect", "Bad", "NG", "not ok", "anomaly_images"])
def test_folders_of_good_and_defective_images_are_no_categories(
    tmp_path: Path, write_image: WriteImage, name: str
) -> None:
    write_image(tmp_path / f"{name}/a.png")
    write_image(tmp_path / "pins/a.png")
    (problem,) = read(tmp_path).problems
    assert problem.file == tmp_path / name
    assert "CATEGORY/train/good" in problem.reason
