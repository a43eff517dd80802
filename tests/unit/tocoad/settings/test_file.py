"""`params.yaml`: what is refused and how, and that a change keeps the rest of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.helpers.damage import damages
from tests.helpers.project import project_workspace
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params, override, parse_assignments, save_plan, settings_with
from tocoad.settings.plan import Plan
from tocoad.settings.sections import RaySettings


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return project_workspace(tmp_path)


@pytest.mark.parametrize("profile", ["demo", "default", "paper"])
def test_every_profile_of_the_project_is_valid(workspace: Workspace, profile: str) -> None:
    params = override(workspace, {}, profile=profile)
    assert params.profile == profile
    assert load_params(workspace) == params


def test_the_profile_is_laid_over_the_sections(workspace: Workspace) -> None:
    paper = override(workspace, {}, profile="paper").settings
    assert (paper.stage1.iterations, paper.encoder.name) == (5000, "wide_resnet50_2")
    assert paper.stage1.lr == 1e-4


def test_an_override_is_in_force_and_leaves_every_other_line(workspace: Workspace) -> None:
    before = workspace.params_file.read_text().splitlines()
    settings = override(workspace, {"stage1.iterations": "7", "stage2.margin": "0.25", "bank.layers": "[3]"}).settings
    assert (settings.stage1.iterations, settings.stage2.margin, settings.bank.layers) == (7, 0.25, (3,))
    assert load_params(workspace).settings == settings
    after = workspace.params_file.read_text().splitlines()
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 3


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("stage1.itrations", "3", "unknown key 'stage1.itrations'; did you mean 'iterations'?"),
        ("stage3.lr", "1", "unknown key 'stage3'; did you mean 'stage2'?"),
        ("stage1.lr", "-1", "stage1.lr: input should be greater than 0 (it is -1)"),
        (
            "encoder.weights",
            "cloud",
            "encoder.weights: input should be 'wheel', 'file', 'hub' or 'none' (it is 'cloud')",
        ),
        ("seed.lr", "1", "--set seed.lr: 'seed' is a value, not a section"),
        ("encoder.weights", "file", "encoder: weights: file needs encoder.path and encoder.sha256"),
        ("ray.stages.stge1.num_gpus", "1", "ray.stages: no stage is called 'stge1'; did you mean 'stage1'?"),
        (
            "ray.stages.fit.workers",
            "2",
            "ray.stages: fit has no steps that workers could share; stage1, stage2, train, train_unified have",
        ),
        ("ray.stages.x.num_gpus", "1", "ray.stages: no stage is called 'x'; known are manifest, synthesize, stage1, "),
        ("ray.stages.fit.memory", "8", "unknown key 'ray.stages.fit.memory'; did you mean 'memory_gb'?"),
        ("ray.stages.fit.num_gpus", "1.5", "ray.stages.fit.num_gpus: a share of one GPU, or whole ones (it is 1.5)"),
        ("ray.num_gpus", "2.5", "ray.num_gpus: a share of one GPU, or whole ones (it is 2.5)"),
        (
            "ray.stages.fit.resources",
            "{GPU: 1}",
            "ray.stages.fit.resources: for GPU there is num_gpus",
        ),
    ],
)
def test_a_wrong_value_is_one_line_and_changes_nothing(
    workspace: Workspace, key: str, value: str, message: str
) -> None:
    before = workspace.params_file.read_bytes()
    with pytest.raises(SettingsError) as caught:
        override(workspace, {key: value})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert workspace.params_file.read_bytes() == before
    assert sorted(file.name for file in workspace.root.iterdir()) == ["params.yaml", "plan.yaml"]


def test_an_unknown_profile_names_the_known_ones(workspace: Workspace) -> None:
    with pytest.raises(SettingsError, match="profile 'fast' is not one of demo, default, paper"):
        override(workspace, {}, profile="fast")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"params\.yaml is missing: run the command in a workspace"):
        load_params(Workspace(tmp_path))


def test_broken_yaml_names_the_line(workspace: Workspace) -> None:
    workspace.params_file.write_text("seed: 0\nprofile: [demo\n")
    with pytest.raises(SettingsError, match=r"params\.yaml, line \d: not valid YAML"):
        load_params(workspace)


def test_a_file_cut_at_any_byte_or_altered_is_read_or_refused_in_one_line(workspace: Workspace) -> None:
    whole = workspace.params_file.read_bytes()
    refused = 0
    for damaged in damages(whole, places=12):
        workspace.params_file.write_bytes(damaged)
        try:
            load_params(workspace)
        except SettingsError as error:
            refused += 1
            assert "params.yaml" in str(error)
            assert "\n" not in str(error)
    assert refused > 12
    workspace.params_file.write_bytes(whole + b"\xff")
    with pytest.raises(SettingsError, match=r"params\.yaml: not a text in UTF-8"):
        load_params(workspace)


def test_the_same_generator_for_training_and_validation_is_refused(workspace: Workspace) -> None:
    with pytest.raises(SettingsError, match=r"synthesis\.validation must be another generator"):
        override(workspace, {"synthesis.validation": "{mask: perlin, content: auto, blend: alpha}"})


def test_more_threads_than_a_stage_has_cpus_are_refused_with_both_named(workspace: Workspace) -> None:
    before = workspace.params_file.read_bytes()
    told = "compute.threads is 4 and ray.num_cpus 1: .* e.g. --set ray.num_cpus=4"
    with pytest.raises(SettingsError, match=told):
        override(workspace, {"compute.threads": "4"})
    with pytest.raises(SettingsError, match=told):
        settings_with(workspace, None, {"compute": {"threads": 4}})
    assert workspace.params_file.read_bytes() == before
    override(workspace, {"compute.threads": "4", "ray.num_cpus": "4"})
    assert load_params(workspace).settings.compute.threads == 4
    override(workspace, {"compute.threads": "1", "ray.num_cpus": "0.5"})


def test_a_file_with_more_threads_than_cpus_is_mended_by_the_line_that_refuses_it(workspace: Workspace) -> None:
    text = workspace.params_file.read_text()
    workspace.params_file.write_text(text.replace("  threads: 1 ", "  threads: 2 "))
    with pytest.raises(SettingsError, match=r"--set ray\.num_cpus=2"):
        load_params(workspace)
    override(workspace, {"ray.num_cpus": "2"})
    assert load_params(workspace).settings.compute.threads == 2


def test_a_stage_of_fewer_cpus_than_threads_is_refused_by_its_own_key(workspace: Workspace) -> None:
    override(workspace, {"compute.threads": "2", "ray.num_cpus": "2"})
    told = r"compute.threads is 2 and ray.stages.fit.num_cpus 1: .* --set ray.stages.fit.num_cpus=2"
    with pytest.raises(SettingsError, match=told):
        override(workspace, {"ray.stages.fit.num_cpus": "1"})
    override(workspace, {"ray.stages.fit.num_cpus": "3"})
    assert load_params(workspace).settings.ray.of_stage("fit").num_cpus == 3


def test_a_store_with_a_key_in_it_is_refused_and_not_repeated(workspace: Workspace) -> None:
    with pytest.raises(SettingsError, match=r"ray\.store: the remote's URL holds a user, a key or a query") as caught:
        override(workspace, {"ray.store": "s3://bucket/prefix?key=hunter2hunter2"})
    assert "hunter2" not in str(caught.value)
    override(workspace, {"ray.store": "s3://bucket/prefix/"})
    assert load_params(workspace).settings.ray.store == "s3://bucket/prefix"


def test_a_file_from_before_there_were_stages_of_ray_is_read_and_written_as_it_is(workspace: Workspace) -> None:
    text = workspace.params_file.read_text()
    head, _, rest = text.partition("\nray:\n")
    workspace.params_file.write_text(
        head + '\nray: {address: "", num_cpus: 1, num_gpus: 0}\n\nflow:' + rest.partition("\nflow:")[2]
    )
    assert load_params(workspace).settings.ray == RaySettings()
    before = workspace.params_file.read_bytes()
    override(workspace, {})
    assert workspace.params_file.read_bytes() == before
    override(workspace, {"ray.stages.stage1.num_gpus": "0.5"})
    assert load_params(workspace).settings.ray.of_stage("stage1").num_gpus == 0.5


def test_assignments() -> None:
    assert parse_assignments(["a.b=1", " c = x=y"]) == {"a.b": "1", "c": " x=y"}
    with pytest.raises(SettingsError, match="not of the form"):
        parse_assignments(["a.b"])


def test_the_plan_puts_the_control_beside_every_category(workspace: Workspace) -> None:
    gear, fabric = Category("sample", "gear"), Category("sample", "fabric")
    plan = Plan().with_categories([gear, fabric], "tocoad").with_categories([fabric], "patchcore")
    assert (plan.tocoad, plan.patchcore) == (("sample/gear",), ("sample/fabric", "sample/gear"))
    assert (plan.method(gear), plan.method(fabric)) == ("tocoad", "patchcore")
    save_plan(workspace, plan)
    assert load_params(workspace).plan == plan
    assert "# Every value that changes" in workspace.params_file.read_text()


def test_the_list_of_data_sets_follows_that_of_the_categories_by_itself(workspace: Workspace) -> None:
    chosen = [Category("sample", "gear"), Category("sample", "fabric"), Category("parts", "bottle")]
    plan = Plan().with_categories(chosen, "recontrast_unified")
    assert plan.lists()["unified"] == ["parts", "sample"]
    assert plan.method(chosen[0]) == "recontrast_unified"
    save_plan(workspace, plan)
    assert YAML(typ="safe").load(workspace.plan_file)["plan"]["unified"] == ["parts", "sample"]
    assert load_params(workspace).plan == plan
    save_plan(workspace, plan.with_categories(chosen[2:], "tocoad"))
    read = load_params(workspace).plan
    assert (read.lists()["unified"], read.method(chosen[2])) == (["sample"], "tocoad")


def test_what_a_user_writes_into_the_list_of_data_sets_is_not_read(workspace: Workspace) -> None:
    workspace.plan_file.write_text(workspace.plan_file.read_text().replace("  unified: []", "  unified: [nowhere]"))
    plan = load_params(workspace).plan
    assert plan.lists()["unified"] == []
    save_plan(workspace, plan)
    assert "nowhere" not in workspace.plan_file.read_text()


def test_the_file_is_parsed_anew_only_where_it_has_changed(workspace: Workspace) -> None:
    first = load_params(workspace)
    assert load_params(workspace) is first
    written = override(workspace, {"seed": "3"})
    assert load_params(workspace) == written != first
    workspace.params_file.write_text(workspace.params_file.read_text().replace("seed: 3", "seed: x"))
    for _ in range(2):
        with pytest.raises(SettingsError, match="seed"):
            load_params(workspace)


def test_the_first_method_with_the_category_is_its_own_and_else_the_control() -> None:
    plan = Plan(patchcore=("s/a", "s/b", "s/c"), tocoad=("s/a",), recontrast=("s/a", "s/b"))
    assert [plan.method(Category("s", name)) for name in "abc"] == ["tocoad", "recontrast", "patchcore"]
    assert plan.without({"s/a"}).method(Category("s", "a")) == "patchcore"
