"""The record of a night in MLflow: whole, kept once, and without passwords."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.mlflow.nights import NIGHT_FOLDER, NIGHT_TAG, fetch_night, is_in_a_night, keep_night
from services.mlflow.run import Run
from services.mlflow.tracking import Tracking
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "workspace"
    (root / "data").mkdir(parents=True)
    (root / "params.yaml").write_text(f"seed: 1  # of {tmp_path}\n")
    (root / "dvc.lock").write_text("schema: '2.0'\n")
    (root / "data/parts.dvc").write_text("outs:\n- md5: ab.dir\n")
    (root / "data/parts").mkdir()
    (root / "data/parts/image.png").write_bytes(b"in the store, not here")
    return Workspace(root)


@pytest.fixture
def run(tracking: Tracking) -> Run:
    return tracking.start(tracking.experiment("nights"), "retrain parts")


def test_a_record_has_the_documents_of_the_workspace_to_the_byte_and_no_image(
    tracking: Tracking, run: Run, workspace: Workspace, tmp_path: Path
) -> None:
    night = keep_night(tracking.client, run, workspace)
    (tmp_path / "scratch").mkdir()
    found = fetch_night(tracking.client, night, tmp_path / "scratch")
    assert list(found) == ["data/parts.dvc", "dvc.lock", "params.yaml"]
    assert all(file.read_bytes() == (workspace.root / name).read_bytes() for name, file in found.items())


def test_documents_that_an_earlier_record_has_are_not_kept_again(
    tracking: Tracking, run: Run, workspace: Workspace
) -> None:
    first = keep_night(tracking.client, run, workspace)
    second = tracking.start(run.experiment_id, "retrain parts")
    assert keep_night(tracking.client, second, workspace) == first
    assert not tracking.client.list_artifacts(second.run_id)
    assert tracking.client.get_run(second.run_id).data.tags[NIGHT_TAG] == first
    (workspace.root / "data/parts.dvc").write_text("outs:\n- md5: cd.dir\n")
    third = tracking.start(run.experiment_id, "retrain parts")
    assert keep_night(tracking.client, third, workspace) == third.run_id


def test_a_record_that_broke_off_is_not_taken_for_one(
    tracking: Tracking, run: Run, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "set_tags", gone)
        keep_night(tracking.client, run, workspace)
    again = tracking.start(run.experiment_id, "retrain parts")
    assert keep_night(tracking.client, again, workspace) == again.run_id


def test_it_is_known_of_each_document_whether_a_record_has_it(
    tracking: Tracking, run: Run, workspace: Workspace
) -> None:
    params = workspace.params_file
    assert not is_in_a_night(tracking.client, "params.yaml", params)
    keep_night(tracking.client, run, workspace)
    assert is_in_a_night(tracking.client, "params.yaml", params)
    params.write_text(params.read_text() + "image: {size: 64}\n")
    assert not is_in_a_night(tracking.client, "params.yaml", params)


def test_a_password_in_an_address_is_not_recorded(tracking: Tracking, run: Run, workspace: Workspace) -> None:
    workspace.params_file.write_text("ray:\n  address: ray://ops:hunter2@head:10001\n")
    night = keep_night(tracking.client, run, workspace)
    local = Path(tracking.client.download_artifacts(night, f"{NIGHT_FOLDER}/params.yaml"))
    assert local.read_text() == "ray:\n  address: ray://***@head:10001\n"
