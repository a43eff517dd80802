"""A folder that is a link to another disk is refused before anything is read, written or trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.project import project_workspace
from tocoad.errors import SettingsError
from tocoad.files.links import refuse_links
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.planning import plan_categories


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "workspace"
    (root / "data/parts/screw").mkdir(parents=True)
    (root / "work/parts/screw/patchcore/fit").mkdir(parents=True)
    return project_workspace(root)


def put_elsewhere(workspace: Workspace, name: str) -> Path:
    disk = workspace.root.with_name("disk")
    (workspace.root / name).rename(disk)
    (workspace.root / name).symlink_to(disk)
    return workspace.root / name


@pytest.mark.parametrize("name", ["data", "data/parts", "work", "work/parts", "work/parts/screw"])
def test_a_retrain_is_refused_and_the_settings_stay_as_they_were(workspace: Workspace, name: str) -> None:
    link = put_elsewhere(workspace, name)
    before = workspace.params_file.read_bytes()
    with pytest.raises(SettingsError) as caught:
        plan_categories(workspace, "parts", assignments={"seed": "5"})
    message = str(caught.value)
    assert message.startswith(f"{link} is a link") and "mount --bind" in message and "\n" not in message
    assert workspace.params_file.read_bytes() == before


@pytest.mark.parametrize("name", ["work/parts/screw/patchcore", "work/parts/screw/patchcore/fit"])
def test_a_link_deeper_down_is_found(workspace: Workspace, name: str) -> None:
    link = put_elsewhere(workspace, name)
    place = workspace.work_dir(Category("parts", "screw")) / "patchcore/fit"
    with pytest.raises(SettingsError, match=f"{link} is a link"):
        refuse_links(workspace, [place.with_name("evaluate"), place])


def test_a_workspace_behind_a_link_and_folders_that_are_not_there_yet_are_fine(workspace: Workspace) -> None:
    link = workspace.root.with_name("link")
    link.symlink_to(workspace.root)
    plan_categories(Workspace(link), "parts")
    refuse_links(Workspace(link), [link / "work/parts/new/patchcore/fit"])
