"""Names of categories and where their folders lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocoad.files.workspace import Category, Workspace, parse_owner


def test_a_category_is_written_with_its_data_set() -> None:
    category = Category.parse("mvtec/metal_nut")
    assert (str(category), category.model_name) == ("mvtec/metal_nut", "mvtec.metal_nut")


@pytest.mark.parametrize("text", ["bottle", "../x/y", "a/b/c", "a/..", "/b", "a/", "a b/c", "a/b.c", "-a/b"])
def test_names_that_could_leave_the_workspace_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"valid name|form DATASET/CATEGORY"):
        Category.parse(text)


@pytest.mark.parametrize("owner", [Category("mvtec", "screw"), "mvtec"])
def test_an_owner_is_known_by_its_text_and_has_its_folders(owner: Category | str) -> None:
    assert parse_owner(str(owner)) == owner
    workspace = Workspace(Path("w"))
    assert workspace.data_dir(owner) == Path("w/data", *str(owner).split("/"))
    assert workspace.work_dir(owner) == Path("w/work", *str(owner).split("/"))


def test_categories_are_the_folders_of_the_data_set(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for name in ("screw", "bottle"):
        (tmp_path / "data" / "mvtec" / name).mkdir(parents=True)
    (tmp_path / "data" / "mvtec" / "notes.txt").touch()
    assert [c.name for c in workspace.categories("mvtec")] == ["bottle", "screw"]
    assert workspace.categories("other") == []


@pytest.mark.parametrize("name", ["", ".", "..", "../data", "mvtec/screw"])
def test_what_names_no_data_set_has_no_categories(name: str, tmp_path: Path) -> None:
    (tmp_path / "data/mvtec/screw/train").mkdir(parents=True)
    assert Workspace(tmp_path).categories(name) == []


def test_a_folder_that_another_program_left_beside_the_categories_is_none(tmp_path: Path) -> None:
    for name in ("screw", ".ipynb_checkpoints", "no name"):
        (tmp_path / "data/mvtec" / name).mkdir(parents=True)
    assert [category.name for category in Workspace(tmp_path).categories("mvtec")] == ["screw"]
