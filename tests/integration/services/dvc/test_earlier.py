"""A workspace that an earlier version trained: what that recorded holds still."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from services.dvc import data, record, staleness
from tests.helpers.project import PROJECT, project_workspace
from tests.helpers.stand_in import stand_in
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.settings.planning import plan_categories
from tocoad.stages.declaration import Stage
from tocoad.stages.graph import Job, distinct, jobs_of
from tocoad.stages.running import run_stage

pytestmark = pytest.mark.integration

# As dvc.yaml had it when the training read the whole data set.
TRAIN = """\
  train_unified:
    matrix: {dataset: "${plan.unified}"}
    cmd: python -m tocoad train_unified --dataset ${item.dataset}
    deps:
      - data/${item.dataset}
    params:
      - seed
      - image
      - encoder
      - profiles.${profile}.encoder
      - split
      - unified
      - profiles.${profile}.unified
      - compute
"""
LIST, MODEL = "list_unified@set", "train_unified@set"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The stages write what they declare, in no time."""
    workspace = project_workspace(tmp_path)
    for name in (".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for category in ("a", "b"):
        for part in ("train", "test"):
            image = workspace.dataset_dir("set") / category / part / "good/1.png"
            image.parent.mkdir(parents=True)
            image.write_text(category)
    data.track_dataset(workspace, "set")
    monkeypatch.setattr(Stage, "load", stand_in)
    return workspace


def trained_before(workspace: Workspace) -> tuple[Job, ...]:
    """As the version before left it: without the list, and dvc.lock by its dvc.yaml."""
    categories = plan_categories(workspace, "set", None, "recontrast_unified")
    jobs = distinct(job for category in categories for job in jobs_of(category, "recontrast_unified"))
    settings = load_params(workspace).settings
    for job in jobs:
        run_stage(workspace, job.owner, job.method, job.stage.name, settings)
    text = (PROJECT / "dvc.yaml").read_text()
    text = re.sub(r"  list_unified:\n.*?\n\n", "", text, flags=re.DOTALL)
    text = re.sub(r"  train_unified:\n.*?(?=    outs:)", lambda _: TRAIN, text, flags=re.DOTALL)
    (workspace.root / "dvc.yaml").write_text(text)
    shutil.rmtree(workspace.work_dir("set") / "recontrast_unified/list_unified")
    record.commit(workspace, [job.dvc_name for job in jobs if job.dvc_name != LIST])
    shutil.copy(PROJECT / "dvc.yaml", workspace.root)
    return jobs


def test_a_model_of_all_that_was_trained_before_there_was_a_list_is_not_trained_anew(workspace: Workspace) -> None:
    names = {job.dvc_name for job in trained_before(workspace)}
    assert {LIST, MODEL} < names
    assert staleness.stale(workspace, names) == set()
    with Repo(str(workspace.root)) as repo:
        assert repo.status() == {}
    (workspace.dataset_dir("set") / "b/test/good/2.png").write_text("another test image")
    data.track_dataset(workspace, "set")
    stale = staleness.stale(workspace, names)
    assert LIST in stale and MODEL not in stale
    listed = workspace.work_dir("set") / "recontrast_unified/list_unified/images.json"
    listed.unlink()
    listed.write_text("another list")
    assert MODEL in staleness.stale(workspace, names)


def test_a_changed_setting_or_lost_list_trains_it_all_the_same(workspace: Workspace) -> None:
    names = {job.dvc_name for job in trained_before(workspace)}
    plan_categories(workspace, "set", assignments={"unified.mining_ramp": "0.2"})
    (workspace.work_dir("set") / "recontrast_unified/train_unified/images.json").unlink()
    assert staleness.stale(workspace, names) >= {LIST, MODEL}
