"""DVC's own commands in a workspace do what they do elsewhere: those of docs/guide/dvc.md, section by section."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import dvc.api
import pytest

from services.dvc import data, record, staleness
from tests.helpers.guide import Guide, run, typist
from tests.helpers.project import PROJECT, project_workspace
from tests.helpers.s3_servers import BUCKET, rclone_s3
from tests.helpers.toys import draw, draw_toys, write
from tocoad.files.fingerprint import content_digest
from tocoad.files.lease import lease
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params, parse_assignments
from tocoad.settings.planning import plan_categories
from tocoad.stages.graph import jobs_of
from tocoad.stages.running import run_stage

pytestmark = pytest.mark.integration

GUIDE = Guide("dvc.md")
GEAR = Category("sample", "gear")
JOBS = jobs_of(GEAR, "patchcore")
NAMES = [job.dvc_name for job in JOBS]
EVALUATED = "work/sample/gear/patchcore/evaluate"
# The least that gives an image score: weights by chance.
SMALL = [
    "image.size=64",
    "encoder.name=resnet18",
    "encoder.weights=none",
    "split.calibration_min=2",
    "split.train_min=4",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A checkout with a trained category, recorded as a retrain does it and committed; the process stands in it."""
    root = tmp_path_factory.mktemp("guide") / "workspace"
    root.mkdir()
    workspace = project_workspace(root)
    draw_toys(root)
    (root / "data/toys").rename(workspace.dataset_dir("sample"))
    (workspace.dataset_dir("sample") / "disc").rename(workspace.data_dir(GEAR))
    shutil.rmtree(workspace.dataset_dir("sample") / "bar")
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, root)
    plan_categories(workspace, "sample", None, "patchcore", parse_assignments(SMALL))
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    data.track_dataset(workspace, "sample")
    settings = load_params(workspace).settings
    for job in JOBS:
        run_stage(workspace, job.owner, job.method, job.stage.name, settings)
    record.commit(workspace, NAMES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name, value in typist().items():
            patch.setenv(name, value)
        typed("git add --all && git commit --quiet --message first", root)
        yield workspace


def typed(command: str, root: Path) -> str:
    return run(command, root, typist())


def section(name: str, root: Path) -> list[str]:
    """What each command of the section said."""
    return [typed(command, root) for command in GUIDE.commands(name)]


def figures(root: Path) -> dict[str, float]:
    document: dict[str, dict[str, float]] = json.loads((root / EVALUATED / "metrics.json").read_text())
    return document["metrics"]


def ran(said: str) -> list[str]:
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="module")
def experiments(place: Workspace) -> Sequence[str]:
    """What the commands of that section said. Those in a folder of their own run while another run works in the
    workspace, for which they do not wait.
    """
    commands = GUIDE.commands("Experiments")
    here, elsewhere = commands[:3], commands[3:]
    said = [typed(command, place.root) for command in here]
    with lease(place, [GEAR], "tocoad retrain sample"):
        said.append(typed(elsewhere[0], place.root))
    return [*said, *(typed(command, place.root) for command in elsewhere[1:])]


@pytest.fixture(scope="module")
def revisions(place: Workspace, experiments: Sequence[str]) -> Sequence[str]:
    return section("Revisions", place.root)


def test_dvc_draws_the_stages_and_finds_nothing_to_do(place: Workspace) -> None:
    graph, status = section("What there is", place.root)
    assert all(name in graph for name in NAMES)
    assert "up to date" in status


def test_an_experiment_runs_what_its_setting_decides_and_leaves_the_images(
    place: Workspace, experiments: Sequence[str]
) -> None:
    assert ran(experiments[0]) == ["evaluate_patchcore@sample/gear"]
    assert len(list((place.data_dir(GEAR) / "train/good").iterdir())) == 12
    assert "tight" in experiments[1]
    assert "pixel_AUPRO" in experiments[2] and "evaluation.pro_limit" in experiments[2]


def test_one_in_a_folder_of_its_own_waits_for_nobody_and_is_applied_where_it_is_wanted(
    place: Workspace, experiments: Sequence[str]
) -> None:
    assert ran(experiments[3]) == ["evaluate_patchcore@sample/gear"]
    assert all("have been applied" in said for said in experiments[4:])
    assert load_params(place).settings.evaluation.pro_limit == 0.1
    assert staleness.stale(place, NAMES) == set()


def test_metrics_params_and_plots_are_compared_between_revisions(place: Workspace, revisions: Sequence[str]) -> None:
    _, params, metrics, _ = revisions
    assert "evaluation.pro_limit" in params
    (row,) = (line.split() for line in metrics.splitlines() if "metrics.pixel_AUPRO" in line)
    assert float(row[3]) == pytest.approx(figures(place.root)["pixel_AUPRO"], abs=1e-4)
    assert float(row[2]) != float(row[3])
    page = (place.root / "dvc_plots/index.html").read_text()
    assert "curves/roc.csv" in page and '"rev": "HEAD~1"' in page and '"rev": "workspace"' in page


def test_a_colleague_pulls_all_that_was_pushed_and_has_nothing_to_run(
    place: Workspace, revisions: Sequence[str]
) -> None:
    assert "up to date" in section("Share", place.root)[-1]
    theirs = Workspace(place.root.parent / "colleague")
    for job in JOBS:
        ours, pulled = (
            {name: content_digest(job.output_dir(of) / name) for name in job.stage.writes} for of in (place, theirs)
        )
        assert pulled == ours
    assert staleness.stale(theirs, NAMES) == set()


def test_images_of_a_bucket_come_in_and_again_what_is_new_there(
    place: Workspace, revisions: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / BUCKET / "line-3"
    write(source / "gear/train/good", ((number, draw("disc", number)) for number in range(12)))
    imported, update, add = GUIDE.commands("A source of images")
    with rclone_s3(tmp_path) as server:
        for name, value in {**server.env, "IMAGES": f"s3://{BUCKET}/line-3"}.items():
            monkeypatch.setenv(name, value)
        typed(imported, place.root)
        write(source / "gear/test/good", [(40, draw("disc", 40))])
        typed(update, place.root)
    typed(add, place.root)
    assert (place.data_dir(GEAR) / "test/good/040.png").is_file()
    assert len(list((place.data_dir(GEAR) / "train/good").iterdir())) == 12
    assert staleness.stale(place, NAMES) == {NAMES[0], NAMES[2]}


def test_python_reads_outputs_images_and_figures_of_a_revision(place: Workspace, revisions: Sequence[str]) -> None:
    found: dict[str, object] = {}
    exec(GUIDE.fenced("From Python", "python"), found)
    assert found["header"] == "image_path,defect_type,gt_label,pred_score,pred_label"
    assert found["image"] == (place.data_dir(GEAR) / "train/good/000.png").read_bytes()
    assert dvc.api.params_show(stages=NAMES[2])["evaluation"]["pro_limit"] == 0.1
