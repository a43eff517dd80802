"""The plan follows the data sets that lie in the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.project import project_workspace
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.settings.planning import drop_missing, plan_categories, select_categories


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for name in ("parts/bottle", "parts/screw", "other/tile"):
        (tmp_path / "data" / name).mkdir(parents=True)
    return project_workspace(tmp_path)


def test_new_categories_get_the_default_method_and_old_ones_keep_theirs(workspace: Workspace) -> None:
    plan_categories(workspace, "parts", ["screw"], "patchcore")
    chosen = plan_categories(workspace, "parts")
    assert [category.name for category in chosen] == ["bottle", "screw"]
    plan = load_params(workspace).plan
    assert [plan.method(category) for category in chosen] == ["tocoad", "patchcore"]
    plan_categories(workspace, "parts", ["screw"], "tocoad")
    assert load_params(workspace).plan.tocoad == ("parts/bottle", "parts/screw")


def test_categories_that_are_gone_leave_the_plan_of_their_data_set_alone(workspace: Workspace) -> None:
    plan_categories(workspace, "parts")
    plan_categories(workspace, "other")
    (workspace.root / "data/parts/screw").rmdir()
    drop_missing(workspace, "parts")
    assert load_params(workspace).plan.patchcore == ("other/tile", "parts/bottle")
    assert load_params(workspace).plan.tocoad == ("other/tile", "parts/bottle")


def test_images_that_are_not_here_though_dvc_knows_their_version_are_brought_back_and_not_added(
    workspace: Workspace,
) -> None:
    (workspace.root / "data" / "gone.dvc").touch()
    with pytest.raises(SettingsError, match=r"'gone' are not here; .*: tocoad restore gone brings it back"):
        select_categories(workspace, "gone", None)


@pytest.mark.parametrize(
    ("dataset", "names", "message"),
    [
        ("part", None, "data set 'part' is not in this workspace; did you mean 'parts'?"),
        ("x", None, "data set 'x' is not in this workspace; it has other, parts"),
        ("parts", ["bottel"], "data set 'parts' has no category 'bottel'; did you mean 'bottle'?"),
    ],
)
def test_unknown_names_get_the_nearest_known(
    workspace: Workspace, dataset: str, names: list[str] | None, message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        select_categories(workspace, dataset, names)
    assert str(caught.value) == message


def test_an_empty_workspace_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="tocoad data add SOURCE --name NAME, or: tocoad sample"):
        select_categories(Workspace(tmp_path), "parts", None)


@pytest.mark.parametrize(
    ("dataset", "names", "assignments", "profile"),
    [
        ("parst", None, {"seed": "77"}, None),
        ("parts", ["bottel"], {"seed": "77"}, None),
        ("parts", None, {"seed": "77"}, "fast"),
        ("parts", None, {"seed": "77", "stage1.itrations": "3"}, "default"),
        ("parts", None, {"seed": "77", "bank.layers": "[2"}, None),
        ("parts", None, {"seed": "77", "plan.tocoad": "[nowhere]"}, None),
    ],
    ids=["data set", "category", "profile", "key", "not YAML", "plan"],
)
def test_a_refused_command_changes_nothing_of_the_file(
    workspace: Workspace, dataset: str, names: list[str] | None, assignments: dict[str, str], profile: str | None
) -> None:
    before = workspace.params_file.read_bytes()
    with pytest.raises(SettingsError):
        plan_categories(workspace, dataset, names, "patchcore", assignments, profile)
    assert workspace.params_file.read_bytes() == before


def test_settings_profile_and_plan_are_written_together(workspace: Workspace) -> None:
    plan_categories(workspace, "parts", ["screw"], "patchcore", {"seed": "77"}, "default")
    params = load_params(workspace)
    assert (params.settings.seed, params.profile, params.plan.patchcore) == (77, "default", ("parts/screw",))
