"""Jobs in order, what follows from a stale one, and `dvc.yaml` saying the same as the graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tocoad.files.workspace import Category, Workspace
from tocoad.stages.graph import METHODS, Stage, distinct, jobs_of, output_dir, to_run

PROJECT = Path(__file__).parents[4]
DVC = YAML(typ="safe").load((PROJECT / "dvc.yaml").read_text())["stages"]
NODES = {
    (f"{stage.name}_{name}" if stage.name in ("fit", "evaluate") else stage.name): (name, stage)
    for name, method in METHODS.items()
    for stage in method.stages
}


# Sections of params.yaml that the profiles hold a part of.
PROFILED = {"encoder", "stage1", "stage2", "train", "unified", "bank", "fusion"}


def test_dvc_has_the_stages_of_the_graph() -> None:
    assert set(DVC) == set(NODES)


@pytest.mark.parametrize("name", DVC)
def test_dvc_stage_is_the_node_of_the_graph(name: str) -> None:
    method, stage = NODES[name]
    written = DVC[name]
    kind = "dataset" if stage.scope == "dataset" else "category"
    owner = f"${{item.{kind}}}"

    def folder(node: Stage) -> str:
        up = "/.." if node.scope == "dataset" and kind == "category" else ""
        return f"work/{owner}{up}/" + (node.name if node.scope == "category" else f"{method}/{node.name}")

    command = f"python -m tocoad {stage.name} --{kind} {owner}"
    assert written["cmd"] in (command, f"{command} --method {method}")
    assert ("--method" in written["cmd"]) == (stage.name in ("fit", "evaluate"))

    inputs = [METHODS[method].stage(upstream) for upstream in stage.upstream]
    deps = [dep for dep in written["deps"] if dep.startswith("work/")]
    assert all(any(dep.startswith(folder(node) + "/") for dep in deps) for node in inputs)
    assert all(any(dep.startswith(folder(node) + "/") for node in inputs) for dep in deps)
    # Nothing else before `evaluate` depends on a byte of the test split: the manifest reads the whole tree, and what is
    # trained for a data set has no list of its categories here.
    data = [dep for dep in written["deps"] if dep.startswith("data/")]
    whole = stage.name in ("manifest", "evaluate") or kind == "dataset"
    assert data == [f"data/{owner}" if whole else f"data/{owner}/train"]
    assert any(dep.endswith("manifest/test.json") for dep in deps) == (stage.name == "evaluate")

    expected = set(stage.params) | {f"profiles.${{profile}}.{section}" for section in PROFILED & set(stage.params)}
    assert set(written["params"]) == expected

    outs = [*written["outs"], *written.get("metrics", []), *(next(iter(plot)) for plot in written.get("plots", []))]
    assert all(out.startswith(folder(stage) + "/") for out in outs)
    shared_by = {"manifest": "patchcore", "train_unified": "unified"}.get(stage.name, method)
    assert written["matrix"] == {kind: f"${{plan.{shared_by}}}"}


def test_every_profile_has_the_sections_that_dvc_depends_on() -> None:
    profiles = YAML(typ="safe").load((PROJECT / "params.yaml").read_text())["profiles"]
    for name, sections in profiles.items():
        assert set(sections) == PROFILED, name


GEAR, PLATE = Category("sample", "gear"), Category("sample", "plate")


def names(category: Category, method: str) -> list[str]:
    return [job.dvc_name.partition("@")[0] for job in jobs_of(category, METHODS[method].name)]  # type: ignore[index]


def test_jobs_follow_their_inputs_and_shared_ones_come_once() -> None:
    assert names(GEAR, "patchcore") == ["manifest", "fit_patchcore", "evaluate_patchcore"]
    tocoad = names(GEAR, "tocoad")
    assert sorted(tocoad) == sorted(
        ["manifest", "synthesize", "stage1", "stage2"]
        + [f"{stage}_{method}" for stage in ("fit", "evaluate") for method in ("tocoad", "patchcore")]
    )
    jobs = jobs_of(GEAR, "tocoad")
    seen: set[str] = set()
    for job in jobs:
        assert seen.issuperset(job.upstream), job.dvc_name
        seen.add(job.dvc_name)


def test_what_depends_on_a_stale_job_runs_too() -> None:
    jobs = jobs_of(GEAR, "tocoad")
    assert to_run(jobs, set()) == ()
    run = [job.dvc_name for job in to_run(jobs, {"stage1@sample/gear"})]
    assert run == [f"{name}@sample/gear" for name in ("stage1", "stage2", "fit_tocoad", "evaluate_tocoad")]
    assert len(to_run(jobs, {"manifest@sample/gear"})) == len(jobs)


def test_output_folders() -> None:
    folders = {job.dvc_name.partition("@")[0]: job.output_dir(Workspace(Path("w"))) for job in jobs_of(GEAR, "tocoad")}
    assert folders["manifest"] == Path("w/work/sample/gear/manifest")
    assert folders["evaluate_patchcore"] == Path("w/work/sample/gear/patchcore/evaluate")


def test_what_belongs_to_a_data_set_is_one_job_that_all_its_categories_wait_for() -> None:
    chains = {category: jobs_of(category, "recontrast_unified") for category in (GEAR, PLATE)}
    names = [job.dvc_name for job in distinct(job for chain in chains.values() for job in chain)]
    assert [name for name in names if "train" in name] == ["train_unified@sample"]
    for category, chain in chains.items():
        (fit,) = (job for job in chain if job.stage.name == "fit" and job.method == "recontrast_unified")
        assert fit.upstream == (f"manifest@{category}", "train_unified@sample")
        run = [job.dvc_name for job in to_run(chain, {"train_unified@sample"})]
        assert run == ["train_unified@sample", f"{fit.dvc_name}", f"evaluate_recontrast_unified@{category}"]


def test_the_output_of_a_data_set_s_stage_is_the_same_for_every_asker() -> None:
    workspace, stage = Workspace(Path("w")), METHODS["recontrast_unified"].stage("train_unified")
    expected = Path("w/work/sample/recontrast_unified/train_unified")
    assert {output_dir(workspace, asker, "recontrast_unified", stage) for asker in (GEAR, PLATE, "sample")} == {
        expected
    }
    (job,) = (job for job in jobs_of(GEAR, "recontrast_unified") if job.stage == stage)
    assert (job.owner, job.output_dir(workspace)) == ("sample", expected)
