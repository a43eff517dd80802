"""`plan.yaml`, and a plan that still stands in params.yaml."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.helpers.damage import damages
from tests.helpers.earlier_plan import plan_of_before
from tests.helpers.project import PROJECT, project_workspace
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category, Workspace
from tocoad.settings import file as settings_file
from tocoad.settings import plan_file
from tocoad.settings.file import load_params, override, save_plan, settings_with
from tocoad.settings.plan import Plan
from tocoad.settings.sections import Settings
from tocoad.stages.dvc_file import is_current, write_dvc_file

PLAN = Plan().with_categories([Category("sample", "gear"), Category("sample", "plate")], "tocoad")
FILES = ("params.yaml", "plan.yaml", "dvc.yaml")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """As it was when the plan stood in params.yaml."""
    return plan_of_before(project_workspace(tmp_path), PLAN)


def contents(workspace: Workspace) -> dict[str, str]:
    return {name: file.read_text() for name in FILES if (file := workspace.root / name).is_file()}


def test_a_plan_in_params_yaml_is_read_and_moves_when_first_something_is_written(workspace: Workspace) -> None:
    before = contents(workspace)
    assert load_params(workspace).plan == PLAN
    assert override(workspace, {}, write=False).plan == PLAN
    assert settings_with(workspace, None) == load_params(workspace).settings
    assert contents(workspace) == before
    override(workspace, {"seed": "3"})
    assert load_params(workspace).plan == PLAN
    assert workspace.params_file.read_text() == (PROJECT / "params.yaml").read_text().replace("seed: 0", "seed: 3")
    assert YAML(typ="safe").load(workspace.plan_file) == {"plan": PLAN.lists()}
    assert is_current(workspace, Settings())
    assert "that plan.yaml gives a method" in (workspace.root / "dvc.yaml").read_text()


def test_status_that_brings_dvc_yaml_up_to_date_moves_the_plan_with_it(workspace: Workspace) -> None:
    shutil.copy(PROJECT / "dvc.yaml", workspace.root)  # as a pull brings it, with a plan.yaml that is empty
    shutil.copy(PROJECT / "plan.yaml", workspace.root)
    assert load_params(workspace).plan == PLAN
    write_dvc_file(workspace, load_params(workspace).settings)
    assert "plan" not in YAML(typ="safe").load(workspace.params_file)
    assert load_params(workspace).plan == PLAN


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_move_that_breaks_off_loses_nothing_and_the_next_command_ends_it(
    workspace: Workspace, written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def breaks_off(file: Path, content: bytes) -> None:
        if len(calls) == written:
            raise KeyboardInterrupt
        calls.append(file)
        file.write_bytes(content)

    for module in (plan_file, settings_file):
        monkeypatch.setattr(module, "write_whole", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        override(workspace, {})
    monkeypatch.undo()
    assert load_params(workspace).plan == PLAN
    override(workspace, {})
    assert load_params(workspace).plan == PLAN
    assert contents(workspace)["params.yaml"] == (PROJECT / "params.yaml").read_text()
    assert is_current(workspace, Settings())


def test_what_is_refused_leaves_the_plan_where_it_is(workspace: Workspace) -> None:
    before = contents(workspace)
    with pytest.raises(SettingsError, match="unknown key"):
        override(workspace, {"stage1.itrations": "3"})
    (workspace.root / "dvc.yaml").write_text("stages: [broken")
    with pytest.raises(SettingsError, match=r"dvc\.yaml, line 1: not valid YAML"):
        override(workspace, {})
    assert contents(workspace)["params.yaml"] == before["params.yaml"]


def test_of_two_plans_what_params_yaml_says_of_a_category_counts_and_no_other_is_lost(workspace: Workspace) -> None:
    later = Plan().with_categories([Category("sample", "gear"), Category("parts", "bottle")], "recontrast")
    plan_file.write_plan(workspace, later)
    override(workspace, {})
    plan = load_params(workspace).plan
    assert (plan.tocoad, plan.recontrast) == (("sample/gear", "sample/plate"), ("parts/bottle",))
    assert plan.patchcore == ("parts/bottle", "sample/gear", "sample/plate")


def test_variables_of_a_user_s_own_stay_in_dvc_yaml(workspace: Workspace) -> None:
    file = workspace.root / "dvc.yaml"
    file.write_text("vars:\n  - mine.yaml\n  - {speed: 3}\n" + file.read_text())
    override(workspace, {})
    assert YAML(typ="safe").load(file)["vars"] == ["mine.yaml", {"speed": 3}, "plan.yaml"]
    assert not write_dvc_file(workspace, Settings())
    file.write_text(file.read_text().replace("  - plan.yaml\n", ""))
    assert write_dvc_file(workspace, Settings())
    assert is_current(workspace, Settings())
    assert YAML(typ="safe").load(file)["vars"] == ["plan.yaml", "mine.yaml", {"speed": 3}]


def test_a_plan_cut_at_any_byte_or_altered_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    workspace = project_workspace(tmp_path)
    save_plan(workspace, PLAN)
    whole = workspace.plan_file.read_bytes()
    refused = 0
    for damaged in damages(whole, places=12):
        workspace.plan_file.write_bytes(damaged)
        try:
            load_params(workspace)
        except SettingsError as error:
            refused += 1
            assert str(error).startswith("plan.yaml")
            assert "\n" not in str(error)
    assert refused > 12


def test_an_unknown_list_of_the_plan_names_the_nearest(tmp_path: Path) -> None:
    workspace = project_workspace(tmp_path)
    workspace.plan_file.write_text("plan:\n  tocaod: [sample/gear]\n")
    with pytest.raises(SettingsError, match=r"plan\.yaml: unknown key 'plan\.tocaod'; did you mean 'tocoad'\?"):
        load_params(workspace)


@pytest.mark.parametrize("dataset", ["12", "1e3", "yes", "null", "2026-11-26", "0x1"])
def test_a_data_set_whose_name_looks_like_something_else_stays_a_name(tmp_path: Path, dataset: str) -> None:
    workspace = project_workspace(tmp_path)
    plan = Plan().with_categories([Category(dataset, "1")], "recontrast_unified")
    save_plan(workspace, plan)
    assert load_params(workspace).plan == plan
    assert YAML(typ="safe").load(workspace.plan_file)["plan"]["unified"] == [dataset]


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_text("# nothing\n")], ids=["gone", "emptied"])
def test_a_plan_file_that_is_gone_is_an_empty_plan_and_one_without_a_plan_is_refused(
    tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    workspace = project_workspace(tmp_path)
    harm(workspace.plan_file)
    if workspace.plan_file.exists():
        with pytest.raises(SettingsError, match=r"plan\.yaml: a mapping of sections is expected"):
            load_params(workspace)
    else:
        assert load_params(workspace).plan == Plan()
        save_plan(workspace, Plan())
        assert workspace.plan_file.is_file()
