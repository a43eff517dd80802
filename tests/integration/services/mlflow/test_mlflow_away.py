"""A tracking server that is away for a while, or for good: the work goes on, and what it missed is sent or told."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from services.addresses import configure
from services.mlflow.calls import AwayError
from services.mlflow.patience import patiently
from services.mlflow.recording import RetrainRecord, retrain_record
from services.mlflow.tracking import Tracking
from tests.helpers.gate import Gate
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.sections import Settings
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.stage import Progress

pytestmark = pytest.mark.integration

GEAR = Category("set", "gear")
STAGE1 = Job(GEAR, "tocoad", METHODS["tocoad"].stage("stage1"))


@pytest.fixture
def gate(
    mlflow_server: str, restored_environment: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Gate]:
    """The tests' server behind a gate, and a client that gives up soon."""
    monkeypatch.setattr("services.mlflow.figures._SEND_SECONDS", 0.1)
    monkeypatch.setattr("services.mlflow.figures._AGAIN_SECONDS", 0.1)
    monkeypatch.setattr("services.mlflow.patience._PAUSE_SECONDS", 0.1)
    with Gate(int(urlsplit(mlflow_server).port or 0)) as gate:
        os.environ |= {"MLFLOW_TRACKING_URI": gate.url, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        yield gate


@pytest.fixture
def tracking(gate: Gate, tmp_path: Path) -> Tracking:
    return Tracking(configure(Workspace(tmp_path)))


def recorded(
    tracking: Tracking, tmp_path: Path, name: str, warnings: list[str], errors: dict[Category, str] | None = None
) -> AbstractContextManager[RetrainRecord]:
    return retrain_record(tracking, Workspace(tmp_path), name, Settings(), "none", errors or {}, warnings)


def curve(tracking: Tracking, run_id: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in tracking.client.get_metric_history(run_id, "stage1/loss")]


def test_figures_wait_for_a_server_that_comes_back(gate: Gate, tracking: Tracking, tmp_path: Path) -> None:
    warnings: list[str] = []
    with recorded(tracking, tmp_path, "back", warnings) as record:
        record.progress(STAGE1, Progress(1, 3, {"loss": 1.0}))
        run_id = record.run(GEAR).run_id
        gate.shut()
        started = time.monotonic()
        record.progress(STAGE1, Progress(2, 3, {"loss": 0.5}))
        assert time.monotonic() - started < 0.1, "whoever reports does not wait"
        time.sleep(0.5)
        gate.open()
        record.progress(STAGE1, Progress(3, 3, {"loss": 0.25}))
    assert warnings == []
    assert curve(tracking, run_id) == [(1, 1.0), (2, 0.5), (3, 0.25)]


def test_a_curve_is_there_while_its_run_goes_on(tracking: Tracking, tmp_path: Path) -> None:
    with recorded(tracking, tmp_path, "live", []) as record:
        run_id = record.run(GEAR).run_id
        record.progress(STAGE1, Progress(1, 2, {"loss": 0.5}))
        deadline = time.monotonic() + 30
        while not (points := curve(tracking, run_id)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert points == [(1, 0.5)]


def test_a_server_that_stays_away_is_one_warning_each_and_no_error(
    gate: Gate, tracking: Tracking, tmp_path: Path
) -> None:
    warnings: list[str] = []
    with recorded(tracking, tmp_path, "away", warnings) as record:
        gate.shut()
        for step in range(5):
            record.progress(STAGE1, Progress(step, 5, {"loss": 1.0, "lr": 0.1}))
    assert len(warnings) == 2
    assert warnings[0].startswith("MLflow: 10 figures of the curves did not arrive (")
    assert warnings[1].startswith("MLflow was not told how its runs ended; the next retrain closes them (")
    assert "\n" not in "".join(warnings)


def test_waiting_figures_are_bounded_and_those_given_up_are_counted(
    gate: Gate, tracking: Tracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.mlflow.figures._LIMIT", 3)
    warnings: list[str] = []
    with recorded(tracking, tmp_path, "bounded", warnings) as record:
        run_id = record.run(GEAR).run_id
        gate.shut()
        for step in range(5):
            record.progress(STAGE1, Progress(step, 5, {"loss": float(step)}))
        gate.open()
    assert [line.partition(" (")[0] for line in warnings] == ["MLflow: 2 figures of the curves did not arrive"]
    assert curve(tracking, run_id) == [(0, 0.0), (1, 1.0), (2, 2.0)]


def test_the_retrains_run_has_the_first_error_of_its_categories(tracking: Tracking, tmp_path: Path) -> None:
    errors = {GEAR: "stage1: too few images"}
    with recorded(tracking, tmp_path, "failing", [], errors) as record:
        child = record.run(GEAR)
    ends = [tracking.client.get_run(run.run_id) for run in (child, record.parent)]
    assert [end.info.status for end in ends] == ["FAILED", "FAILED"]
    notes = [end.data.tags["mlflow.note.content"] for end in ends]
    assert notes == ["stage1: too few images", "gear: stage1: too few images"]


def test_an_interrupt_ends_every_run_as_killed(tracking: Tracking, tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        recorded(tracking, tmp_path, "interrupted", []) as record,
    ):
        child = record.run(GEAR)
        raise KeyboardInterrupt
    ends = [tracking.client.get_run(run.run_id).info.status for run in (child, record.parent)]
    assert ends == ["KILLED", "KILLED"]


def test_what_is_asked_of_a_server_that_comes_back_is_answered(gate: Gate, tracking: Tracking) -> None:
    gate.shut()
    threading.Timer(1.0, gate.open).start()
    assert patiently(lambda: tracking.experiment("patient"))


def test_patience_ends_with_one_line(gate: Gate, tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.mlflow.patience._PATIENCE_SECONDS", 0.5)
    gate.shut()
    with pytest.raises(AwayError, match=f"MLflow at {gate.url} is away: start it.*; it was asked for 0 s") as caught:
        patiently(lambda: tracking.client.search_experiments(max_results=1))
    assert "\n" not in str(caught.value)


def test_an_answer_that_is_no_is_not_asked_for_again(tracking: Tracking) -> None:
    asked = []

    def ask() -> None:
        asked.append(1)
        tracking.client.get_registered_model("no such model")

    with pytest.raises(Exception, match="not found"):
        patiently(ask)
    assert len(asked) == 1
