"""A key has one place: an override is heard, or refused with the place that is."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.helpers.project import PROJECT, project_workspace
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params, override, settings_with
from tocoad.settings.sections import PROFILED, Settings


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return project_workspace(tmp_path)


def edit(workspace: Workspace, *path: str, value: object) -> None:
    """As a person with an editor, or `dvc exp run -S`, changes the file."""
    yaml = YAML()
    document = yaml.load(workspace.params_file)
    node = document
    for part in path[:-1]:
        node = node.setdefault(part, {})
    node[path[-1]] = value
    yaml.dump(document, workspace.params_file)


def test_a_value_in_a_section_that_the_profile_shadows_is_refused_with_both_places(workspace: Workspace) -> None:
    edit(workspace, "stage1", "lr", value=5e-2)
    with pytest.raises(SettingsError) as caught:
        load_params(workspace)
    assert str(caught.value) == (
        "params.yaml: stage1.lr stands in two places: 0.05 in the section, and 0.002 in profiles.demo.stage1, which is "
        "in force: take it out of the section, and change profiles.demo.stage1.lr"
    )


@pytest.mark.parametrize("key", ["iterations", "batch_size", "pool"])
def test_it_is_refused_whatever_the_value_is(workspace: Workspace, key: str) -> None:
    override(workspace, {}, profile="default")
    held = YAML(typ="safe").load(workspace.params_file)["profiles"]["default"]["stage1"][key]
    edit(workspace, "stage1", key, value=held)
    with pytest.raises(SettingsError, match=rf"stage1\.{key} stands in two places"):
        load_params(workspace)


def test_where_the_profile_holds_no_value_the_sections_is_heard(workspace: Workspace) -> None:
    edit(workspace, "bank", "scales", value=[1.0, 2.0])
    edit(workspace, "stage1", "focal_gamma", value=3.0)
    settings = load_params(workspace).settings
    assert (settings.bank.scales, settings.stage1.focal_gamma) == ((1.0, 2.0), 3.0)


def test_it_is_refused_when_a_profile_is_chosen_that_would_shadow_it(workspace: Workspace) -> None:
    edit(workspace, "bank", "scales", value=[1.0, 2.0])
    before = workspace.params_file.read_bytes()
    for choose in (lambda: override(workspace, {}, profile="default"), lambda: settings_with(workspace, "default")):
        with pytest.raises(SettingsError, match=r"\[1\.0, 2\.0\] in the section, and \[1\.0, 1\.5\] in profiles"):
            choose()
    assert workspace.params_file.read_bytes() == before


@pytest.mark.parametrize("section", sorted(set(Settings.model_fields) - {*PROFILED, "seed"}))
def test_a_profile_holds_no_section_that_dvc_does_not_look_for_there(workspace: Workspace, section: str) -> None:
    edit(workspace, "profiles", "demo", section, value={})
    with pytest.raises(SettingsError, match=rf"profiles\.demo\.{section}: .*: set {section} outside of the profiles"):
        load_params(workspace)


def test_the_key_that_stands_in_the_wrong_place_is_named(workspace: Workspace) -> None:
    edit(workspace, "profiles", "demo", "scoring", value={"sigma": 2.0})
    with pytest.raises(SettingsError, match=r"profiles\.demo\.scoring: .*: set scoring\.sigma outside"):
        load_params(workspace)


def test_not_even_a_single_value(workspace: Workspace) -> None:
    edit(workspace, "profiles", "demo", "seed", value=3)
    with pytest.raises(SettingsError, match=r"profiles\.demo\.seed: .*: set seed outside of the profiles"):
        load_params(workspace)


def test_set_writes_a_key_of_the_profiles_into_the_chosen_one_and_every_profile_can_still_be_chosen(
    workspace: Workspace,
) -> None:
    assert override(workspace, {"bank.scales": "[1.0, 2.0]"}).settings.bank.scales == (1.0, 2.0)
    assert override(workspace, {"stage1.lr": "5e-5"}, profile="paper").settings.stage1.lr == 5e-5
    assert override(workspace, {}, profile="default").settings.bank.scales == (1.0, 1.5)
    assert override(workspace, {}, profile="demo").settings.bank.scales == (1.0, 2.0)
    document = YAML(typ="safe").load(workspace.params_file)
    assert (document["stage1"]["lr"], document["bank"]["scales"]) == (1e-4, [1.0])


def test_set_changes_what_an_earlier_version_wrote_into_the_section(workspace: Workspace) -> None:
    override(workspace, {}, profile="paper")
    edit(workspace, "stage1", "lr", value=5e-5)
    assert override(workspace, {"stage1.lr": "7e-5"}).settings.stage1.lr == 7e-5
    assert override(workspace, {"stage1": "{}", "stage1.lr": "8e-5"}).settings.stage1.lr == 8e-5


def test_a_value_in_the_place_of_a_section_is_refused_though_the_profile_covers_it(workspace: Workspace) -> None:
    """It took the section's other values with it, and the profile's were laid over it without a word."""
    before = workspace.params_file.read_bytes()
    with pytest.raises(SettingsError, match=r"params\.yaml: stage1: a section with its keys is expected.*\(it is 5\)"):
        override(workspace, {"stage1": "5"})
    assert workspace.params_file.read_bytes() == before


def test_set_makes_no_profile_out_of_a_name_that_is_mistyped(workspace: Workspace) -> None:
    before = workspace.params_file.read_bytes()
    with pytest.raises(SettingsError, match=r"profiles\.dmeo\.stage1\.lr: profile 'dmeo' is not one of demo, default"):
        override(workspace, {"profiles.dmeo.stage1.lr": "5e-2"})
    assert workspace.params_file.read_bytes() == before


def test_a_section_that_comes_back_with_its_defaults_keeps_out_of_the_profiles_way(workspace: Workspace) -> None:
    before = load_params(workspace).settings
    yaml = YAML()
    document = yaml.load(workspace.params_file)
    del document["stage1"]
    yaml.dump(document, workspace.params_file)
    assert override(workspace, {"seed": "0"}).settings == before
    assert load_params(workspace).settings == before


def test_an_empty_value_in_a_section_is_none(workspace: Workspace) -> None:
    edit(workspace, "profiles", "demo", "encoder", "path", value="weights.safetensors")
    assert load_params(workspace).settings.encoder.path == Path("weights.safetensors")


def test_a_file_as_it_is_delivered_is_taken_with_every_profile(workspace: Workspace) -> None:
    delivered = YAML(typ="safe").load(PROJECT / "params.yaml")
    twice = {
        (section, key)
        for profile in delivered["profiles"].values()
        for section, values in profile.items()
        for key in values
        if key in (delivered.get(section) or {})
    }
    # Files of every version have these two; without them, each category would be trained anew.
    assert twice == {("stage1", "lr"), ("bank", "scales")}
    for profile in delivered["profiles"]:
        assert override(workspace, {}, profile=profile).profile == profile
