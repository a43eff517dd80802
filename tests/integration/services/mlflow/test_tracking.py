"""Runs in MLflow's own files and on a server: everything arrives, and every run ends with its true status."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mlflow
import pytest

from services.addresses import Services
from services.mlflow.calls import AwayError, TrackingError
from services.mlflow.run import Point, Run
from services.mlflow.tracking import GIT_COMMIT_TAG, Tracking
from tocoad.settings.sections import Settings

pytestmark = pytest.mark.integration


def status(tracking: Tracking, run: Run) -> str:
    return str(tracking.client.get_run(run.run_id).info.status)


def test_a_category_is_recorded_below_its_retrain(tracking: Tracking, tmp_path: Path, services: Services) -> None:
    experiment = tracking.experiment("recorded")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "roc.csv").write_text("fpr,tpr\n")
    settings = Settings(seed=7)
    with tracking.run(experiment, "retrain") as parent:
        with tracking.run(experiment, "gear", parent, {GIT_COMMIT_TAG: "c0ffee", "manifest_sha256": "ab"}) as child:
            child.log_params(settings.model_dump(mode="json"))
            child.log_points([Point("stage1/loss", 1.0 / (step + 1), step, 1000 + step) for step in range(1500)])
            child.log_metrics({"image_AP": 0.5, "image_AUROC": None})
            child.log_artifacts(tmp_path / "figures", "evaluate")
        assert status(tracking, child) == "FINISHED" and status(tracking, parent) == "RUNNING"

    found = tracking.client.get_run(child.run_id)
    assert found.data.tags["mlflow.parentRunId"] == parent.run_id
    assert found.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert found.data.params["seed"] == "7" and found.data.params["stage1.lr"] == "0.0001"
    assert found.data.params["stage2.contrast_layers"] == "[3, 4]"
    curve = tracking.client.get_metric_history(child.run_id, "stage1/loss")
    assert [(point.step, point.value) for point in curve] == [(i, 1.0 / (i + 1)) for i in range(1500)]
    assert found.data.metrics["image_AP"] == 0.5
    assert "image_AUROC" not in found.data.metrics
    assert [file.path for file in tracking.client.list_artifacts(child.run_id, "evaluate")] == ["evaluate/roc.csv"]
    if services.artifact_root is not None:
        assert list(services.artifact_root.rglob("roc.csv"))
    assert mlflow.active_run() is None


@pytest.mark.parametrize(("error", "expected"), [(ValueError("no images"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_an_error_ends_the_run_and_keeps_its_points(tracking: Tracking, error: BaseException, expected: str) -> None:
    with pytest.raises(type(error)), tracking.run(tracking.experiment("failing"), "gear") as run:
        run.log_metrics({"loss": 0.25})
        raise error
    found = tracking.client.get_run(run.run_id)
    assert found.info.status == expected and found.info.end_time is not None
    assert found.data.metrics == {"loss": 0.25}
    if expected == "FAILED":
        assert found.data.tags["mlflow.note.content"] == "no images"


def test_categories_are_recorded_at_the_same_time(tracking: Tracking) -> None:
    experiment = tracking.experiment("parallel")

    def record(name: str) -> str:
        with tracking.run(experiment, name) as run:
            for step in range(20):
                run.log_points([Point("loss", float(step), step, 1000 + step)])
        return run.run_id

    with ThreadPoolExecutor(4) as pool:
        for run_id in pool.map(record, "abcd"):
            assert len(tracking.client.get_metric_history(run_id, "loss")) == 20


def test_an_experiment_is_made_once_and_a_deleted_one_is_told(tracking: Tracking) -> None:
    experiment = tracking.experiment("deleted")
    assert tracking.experiment("deleted") == experiment
    tracking.client.delete_experiment(experiment)
    with pytest.raises(TrackingError, match=f"restore --experiment-id {experiment}"):
        tracking.experiment("deleted")


def test_a_server_that_does_not_answer_is_told_in_one_line(
    make_services: Callable[..., Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(AwayError) as caught:
        Tracking(make_services("http://127.0.0.1:9")).experiment("any")
    assert "http://127.0.0.1:9" in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture
def make_services(restored_environment: None, tmp_path: Path) -> Any:
    from services.addresses import configure
    from tocoad.files.workspace import Workspace

    def make(tracking_uri: str) -> Services:
        os.environ["MLFLOW_TRACKING_URI"] = tracking_uri
        return configure(Workspace(tmp_path))

    return make


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from services.addresses import configure
from tocoad.errors import first_line
from tocoad.files.workspace import Workspace
services = configure(Workspace(Path(sys.argv[1])))
from services.mlflow.tracking import Tracking
tracking = Tracking(services)
experiment = tracking.experiment("tiny")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    tracking.start(experiment, "retrain")
except Exception as error:
    print(first_line(error))
"""


def test_an_error_of_the_database_is_told_once_and_not_by_mlflows_log(tmp_path: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], env=kept, capture_output=True, text=True, check=False
    )
    assert "sqlite3.OperationalError" in done.stdout and "Traceback" not in done.stderr, done.stderr


# Opens the database when the other process is as far.
ASKS = """
import sys, time
from pathlib import Path
from services.addresses import configure
from tocoad.files.workspace import Workspace
root, other = Path(sys.argv[1]), Path(sys.argv[2])
services = configure(Workspace(root))
from services.mlflow.tracking import Tracking
Path(sys.argv[3]).touch()
began = time.monotonic()
while not other.exists() and time.monotonic() - began < 60:
    time.sleep(0.001)
tracking = Tracking(services)
tracking.registry()
print(tracking.experiment("any"))
"""


def test_two_processes_may_be_the_first_to_open_the_database_at_the_same_time(tmp_path: Path) -> None:
    names = [str(tmp_path / "one"), str(tmp_path / "other")]
    (tmp_path / "workspace").mkdir()
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MLFLOW_")}
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASKS, str(tmp_path / "workspace"), *order],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for order in (names, names[::-1])
    ]
    ended = [process.communicate(timeout=200) for process in asking]
    assert [process.returncode for process in asking] == [0, 0], ended
    assert ended[0][0] == ended[1][0]
