"""Files outside the workspace's data decide stages by their content, for the flow and for `dvc repro` alike."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.dvc import data, record, staleness
from tests.helpers.project import PROJECT, project_workspace
from tests.helpers.stand_in import stand_in
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params, override
from tocoad.settings.planning import plan_categories
from tocoad.stages.declaration import Stage
from tocoad.stages.dvc_file import write_dvc_file
from tocoad.stages.graph import distinct, jobs_of
from tocoad.stages.running import run_stage

pytestmark = pytest.mark.integration

OF_TEXTURES = {f"{name}@set/a" for name in ("synthesize", "stage1", "stage2")}
OF_WEIGHTS = {f"{name}@set/a" for name in ("stage1", "stage2", "fit_tocoad", "fit_patchcore")}


def names(workspace: Workspace) -> list[str]:
    (category,) = plan_categories(workspace, "set")
    return [job.dvc_name for job in distinct(jobs_of(category, "tocoad"))]


def of_dvc_itself(workspace: Workspace) -> set[str]:
    """What `dvc status` calls changed."""
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A category with textures and a weights file of its own, whose stages have all run and are recorded."""
    workspace = project_workspace(tmp_path)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, tmp_path)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    image = workspace.dataset_dir("set") / "a" / "train" / "good" / "1.png"
    image.parent.mkdir(parents=True)
    image.write_text("a")
    (tmp_path / "textures" / "wood").mkdir(parents=True)
    (tmp_path / "textures" / "wood" / "1.png").write_text("grain")
    weights = tmp_path / "weights.safetensors"
    weights.write_text("w")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Stage, "load", stand_in)
    data.track_dataset(workspace, "set")
    digest = hashlib.sha256(b"w").hexdigest()
    wanted = {"synthesis.texture_dir": "textures", "encoder.path": weights.name, "encoder.sha256": digest}
    params = override(workspace, {**wanted, "encoder.weights": "file"})
    every = names(workspace)
    assert write_dvc_file(workspace, params.settings)
    (category,) = plan_categories(workspace, "set")
    for job in distinct(jobs_of(category, "tocoad")):
        run_stage(workspace, job.owner, job.method, job.stage.name, load_params(workspace).settings)
    record.commit(workspace, every)
    assert staleness.is_clean(workspace, every)
    return workspace


def test_a_changed_or_new_texture_makes_the_stages_that_draw_from_it_stale_and_a_touched_one_does_not(
    finished: Workspace,
) -> None:
    texture = finished.root / "textures" / "wood" / "1.png"
    texture.touch()
    assert staleness.is_clean(finished, names(finished))
    before = staleness.sources(finished, names(finished))
    texture.write_text("other grain")
    assert staleness.stale(finished, names(finished)) == of_dvc_itself(finished) == OF_TEXTURES
    now = staleness.sources(finished, names(finished))
    assert {name for name in now if now[name] != before[name]} == OF_TEXTURES
    texture.write_text("grain")
    (finished.root / "textures" / "2.png").write_text("new")
    assert staleness.stale(finished, names(finished)) == OF_TEXTURES


def test_a_changed_weights_file_makes_the_stages_that_build_the_encoder_stale(finished: Workspace) -> None:
    (finished.root / "weights.safetensors").write_text("other weights")
    assert staleness.stale(finished, names(finished)) == of_dvc_itself(finished) == OF_WEIGHTS


def test_without_outside_files_the_graph_is_the_one_that_is_delivered(finished: Workspace) -> None:
    params = override(finished, {"synthesis.texture_dir": "", "encoder.weights": "wheel"})
    assert write_dvc_file(finished, params.settings)
    assert (finished.root / "dvc.yaml").read_text() == (PROJECT / "dvc.yaml").read_text()
