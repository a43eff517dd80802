"""Jobs in order, and what follows from a stale one."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import PROFILED
from tocoad.stages.graph import METHODS, distinct, jobs_of, output_dir, to_run

PROJECT = Path(__file__).parents[4]


def test_every_profile_has_the_sections_that_dvc_depends_on() -> None:
    profiles = YAML(typ="safe").load((PROJECT / "params.yaml").read_text())["profiles"]
    for name, sections in profiles.items():
        assert set(sections) == set(PROFILED), name


GEAR, PLATE = Category("sample", "gear"), Category("sample", "plate")


def names(category: Category, method: str) -> list[str]:
    return [job.dvc_name.partition("@")[0] for job in jobs_of(category, method)]


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
        (trained,) = (job for job in chain if job.stage.name == "train_unified")
        assert trained.upstream == ("list_unified@sample",)
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
