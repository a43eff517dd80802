"""A change of a data set is a new version of it: what is written, and what another run does meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.datasets import add_dataset, change_dataset
from services.dvc import data
from services.dvc.repository import opened
from tests.helpers.dataset_files import contents, drawn, use_cache
from tocoad.data.changes import Changes
from tocoad.data.layouts.source import Source
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.stages.stage import silent

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("cache", ["copy", "hardlink", "symlink"])
def test_a_change_is_a_new_version_and_the_one_before_stays_in_the_cache(
    workspace: Workspace, source: Path, tmp_path: Path, cache: str
) -> None:
    use_cache(workspace, type=cache)
    add_dataset(workspace, source, "tiny", "auto", silent)
    folder, first = workspace.dataset_dir("tiny"), data.data_version(workspace, "tiny")
    before, note = contents(folder), (workspace.root / "data/tiny.dvc").read_bytes()
    image = "gear/train/good/new.png"
    changes = Changes(add={image: drawn(tmp_path / "a.png")}, remove=["gear/train/good/000.png"])
    made = change_dataset(workspace, "tiny", changes, "the change", silent)
    after = {**before, image: (tmp_path / "a.png").read_bytes()}
    del after["gear/train/good/000.png"]
    assert contents(folder) == after
    assert (made.before, made.after) == (first, data.data_version(workspace, "tiny"))
    assert data.track_dataset(workspace, "tiny") == made.after
    (workspace.root / "data/tiny.dvc").write_bytes(note)
    with opened(workspace) as repo:
        repo.checkout(str(folder), force=True)
    assert contents(folder) == before


def test_a_category_that_comes_or_goes_does_so_in_the_plan(workspace: Workspace, source: Path, tmp_path: Path) -> None:
    add_dataset(workspace, source, "tiny", "auto", silent)
    folder = workspace.dataset_dir("tiny")
    plates = [path for path in contents(folder) if path.startswith("plate/")]
    new = {f"plug/train/good/{n}.png": drawn(tmp_path / f"{'x' * n}.png") for n in range(1, 7)}
    change_dataset(workspace, "tiny", Changes(add=new, remove=plates), "the change", silent)
    known = {category.partition("/")[2] for category in load_params(workspace).plan.categories}
    assert (
        known == {entry.name for entry in folder.iterdir()} == {*(d.name for d in source.iterdir()), "plug"} - {"plate"}
    )


def test_nothing_is_written_where_nothing_is_to_be_changed_or_it_is_only_asked(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    add_dataset(workspace, source, "tiny", "auto", silent)
    before, folder = contents(workspace.root), workspace.dataset_dir("tiny").stat().st_ino
    new = Changes(add={"gear/train/good/new.png": drawn(tmp_path / "a.png")})
    asked = change_dataset(workspace, "tiny", new, "the question", silent, write=False)
    made = change_dataset(workspace, "tiny", lambda _: Changes(), "nothing", silent)
    assert asked.inventory != made.inventory
    assert asked.before == asked.after == made.before == made.after == data.data_version(workspace, "tiny")
    assert contents(workspace.root) == before and workspace.dataset_dir("tiny").stat().st_ino == folder


def test_what_another_run_has_changed_while_this_one_waited_is_looked_at_again(
    workspace: Workspace, source: Path, tmp_path: Path
) -> None:
    add_dataset(workspace, source, "tiny", "auto", silent)
    seen: list[int] = []

    def plan(present: Source) -> Changes:
        count = sum(len(category.images) for category in present.categories)
        if not seen:
            seen.append(count)
            theirs = {"gear/train/good/theirs.png": drawn(tmp_path / "theirs.png")}
            change_dataset(workspace, "tiny", Changes(add=theirs), "another", silent)
        else:
            seen.append(count)
        return Changes(add={"gear/train/good/mine.png": drawn(tmp_path / "mine.png")})

    change_dataset(workspace, "tiny", plan, "this one", silent)
    names = {file.name for file in workspace.dataset_dir("tiny").glob("gear/train/good/*")}
    assert seen[1] == seen[0] + 1 and {"mine.png", "theirs.png"} <= names
