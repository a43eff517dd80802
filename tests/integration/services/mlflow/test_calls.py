"""What MLflow, its database or whoever answers in its place may do: one line, with the address and the way out."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answering import answering

from flows.retrain import _RUNNER
from services.addresses import Services, configure
from services.mlflow.calls import AwayError, TrackingError
from services.mlflow.decision_log import DecisionLog, champion_in_force
from services.mlflow.models import detector_folder
from services.mlflow.package_check import check_package
from services.mlflow.promotion import plan_promotion, plan_rollback
from services.mlflow.registry import Registry, Version
from services.mlflow.run import Point, Run
from services.mlflow.tracking import Tracking
from tocoad.errors import TocoadError, UserError
from tocoad.files.workspace import Workspace
from tocoad.gate.log import History

pytestmark = pytest.mark.integration

ANSWERS = {
    "no answer": None,
    "500": (500, b"oops", AwayError, "is away: start it, or name another in MLFLOW_TRACKING_URI"),
    "502 HTML": (502, b"<html>\nBad gateway</html>", AwayError, "is away: start it"),
    "200 HTML": (200, b"<html>\nWelcome</html>", TrackingError, "what answers there is no MLflow"),
    "another JSON": (200, b"[]", TrackingError, "what answers there is no MLflow"),
    "404 HTML": (404, b"<html>\nnothing</html>", TrackingError, "what answers there is no MLflow"),
    "401": (401, b"who are you?", TrackingError, "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
}


def every_call(tracking: Tracking, folder: Path) -> dict[str, Callable[[], Any]]:
    """All that the package asks of MLflow, for a run and a version that the server knew before."""
    run, registry = Run(tracking.client, "a" * 32, "0"), Registry(tracking.client)
    version = Version("set.gear", 1, None, {"package_sha256": "0", "rolled_back": "why"}, ())
    log = DecisionLog(registry, "set.gear")
    image = np.zeros((32, 32, 3), np.uint8)
    (folder / "roc.csv").write_text("fpr,tpr\n")
    return {
        "registry": tracking.registry,
        "experiment": lambda: tracking.experiment("set"),
        "start": lambda: tracking.start("0", "retrain"),
        "log_params": lambda: run.log_params({"seed": 0}),
        "set_tags of a run": lambda: run.set_tags({"method": "tocoad"}),
        "log_points": lambda: run.log_points([Point("loss", 1.0, 1, 1)]),
        "log_artifacts": lambda: run.log_artifacts(folder / "roc.csv"),
        "end": lambda: run.end("FINISHED", "note"),
        "names": registry.names,
        "the log, read": log.read,
        "the log, settled": log.settled,
        "the log, followed": lambda: log.follow(History()),
        "the log, appended to": lambda: log.append(log.entry("promote", History(), 1)),
        "champion_in_force": lambda: champion_in_force(registry, "models:/set.gear@champion"),
        "get": lambda: registry.get("set.gear", 1),
        "aliases": lambda: registry.aliases("set.gear"),
        "version": lambda: registry.version("set.gear", 1),
        "versions": lambda: registry.versions("set.gear"),
        "find": lambda: registry.find("set.gear", "0"),
        "register": lambda: registry.register("set.gear", run, folder, image, version.tags),
        "set_alias": lambda: registry.set_alias("set.gear", "champion", 1),
        "set_tags of a version": lambda: registry.set_tags(version, {"verdict": "kept"}),
        "remove_tag": lambda: registry.remove_tag(version, "rolled_back"),
        "resolve": lambda: registry.resolve("models:/set.gear@champion"),
        "download": lambda: registry.download(version, folder),
        "check_package": lambda: check_package(registry, version),
        "plan_promotion": lambda: plan_promotion(registry, "set", "gear", None),
        "plan_rollback": lambda: plan_rollback(registry, "set", "gear", "why"),
        "detector_folder": lambda: detector_folder("models:/set.gear@champion", Workspace(folder)).__enter__(),
    }


@pytest.fixture
def tracking_at(restored_environment: None, tmp_path: Path) -> Callable[[str], Tracking]:
    def make(uri: str) -> Tracking:
        os.environ |= {"MLFLOW_TRACKING_URI": uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        return Tracking(configure(Workspace(tmp_path)))

    return make


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_call_to_a_server_that_is_none_is_one_line_with_its_address_and_the_way_out(
    answer: str, tracking_at: Callable[[str], Tracking], tmp_path: Path
) -> None:
    status, body, kind, way_out = ANSWERS[answer] or (0, b"", AwayError, "is away: start it")
    with answering(status, body) as uri:
        if not status:
            uri = "http://127.0.0.1:9"
        for name, call in every_call(tracking_at(uri), tmp_path).items():
            with pytest.raises(TocoadError) as caught:
                call()
            line = str(caught.value)
            assert isinstance(caught.value, kind) or name == "check_package", (name, caught.value)
            assert f"MLflow at {uri}" in line and way_out in line and "\n" not in line, (name, line)


@pytest.fixture
def local(restored_environment: None, tmp_path: Path) -> Services:
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    return configure(Workspace(tmp_path))


def test_a_database_that_breaks_under_the_work_is_one_line(local: Services, tmp_path: Path) -> None:
    tracking = Tracking(local)
    tracking.experiment("set")
    database = Path(local.tracking_uri.removeprefix("sqlite:///"))
    database.write_bytes(b"no database" * 1000)
    for name, call in every_call(tracking, tmp_path).items():
        with pytest.raises(UserError) as caught:
            call()
        line = str(caught.value)
        assert str(database) in line and "\n" not in line, (name, line)
        assert "not a database" in line or "malformed" in line, (name, line)


def test_a_database_whose_connections_are_all_in_use_may_answer_later_and_a_retrain_does_not_use_them_all(
    local: Services,
) -> None:
    tracking = Tracking(local)
    engine = tracking.client._client._tracking_client.store.engine  # type: ignore[attr-defined]
    connections = engine.pool.size() + engine.pool._max_overflow
    # Beside those that register there are the flow's thread and the one that sends figures.
    assert _RUNNER._max_workers + 2 <= connections  # type: ignore[attr-defined]
    engine.pool._timeout = 0.1
    with ExitStack() as stack:
        for _ in range(connections):
            stack.enter_context(engine.connect())
        with pytest.raises(AwayError, match="all connections to its database are in use") as caught:
            tracking.registry()
    assert "\n" not in str(caught.value)
    tracking.registry()


def test_a_database_that_is_a_folder_is_told_at_once(local: Services) -> None:
    Path(local.tracking_uri.removeprefix("sqlite:///")).mkdir()
    with pytest.raises(UserError, match="MLflow's database is to be here, and it is a folder: move it away"):
        Tracking(local)


def test_an_artifact_folder_that_cannot_be_written_is_one_line(local: Services, tmp_path: Path) -> None:
    tracking = Tracking(local)
    run = tracking.start(tracking.experiment("set"), "retrain")
    assert local.artifact_root is not None
    local.artifact_root.write_text("a file where a folder was to be")
    (tmp_path / "roc.csv").write_text("fpr,tpr\n")
    with pytest.raises(TrackingError, match=r"^MLflow at sqlite:.*mlartifacts") as caught:
        run.log_artifacts(tmp_path / "roc.csv")
    assert "\n" not in str(caught.value)
