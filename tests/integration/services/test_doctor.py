"""The services of a workspace, as a person asks for them who cannot work: there, away, and of the wrong kind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.doctor.examination import examine
from services.doctor.finding import Finding
from services.dvc.remote import configure_remote
from tests.helpers.environment import kept_environment
from tests.helpers.processes import free_port
from tests.helpers.project import PROJECT, project_workspace
from tests.helpers.s3_servers import S3Server
from tocoad.files.workspace import Workspace
from tocoad.settings.file import override

pytestmark = pytest.mark.integration

SERVICES = ("MLflow", "Prefect", "Ray", "store")


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    with kept_environment():
        yield


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    shutil.copy(PROJECT / "dvc.yaml", tmp_path)
    return project_workspace(tmp_path)


def of_services(workspace: Workspace) -> dict[str, Finding]:
    return {one.check: one for one in examine(workspace) if one.check in SERVICES}


def test_services_that_answer_are_well(
    workspace: Workspace, mlflow_server: str, prefect_server: str, rclone_server: S3Server
) -> None:
    os.environ |= {"MLFLOW_TRACKING_URI": mlflow_server, "PREFECT_API_URL": prefect_server, **rclone_server.env}
    configure_remote(workspace, f"{rclone_server.url}/doctor")
    found = of_services(workspace)
    assert {name: one.state for name, one in found.items()} == dict.fromkeys(SERVICES, "ok"), found
    assert mlflow_server in found["MLflow"].text and prefect_server in found["Prefect"].text


def test_services_that_are_away_are_told_within_seconds_each_with_its_address(
    workspace: Workspace, rclone_server: S3Server
) -> None:
    away = f"127.0.0.1:{free_port()}"
    os.environ["MLFLOW_TRACKING_URI"] = f"http://ops:hunter2hunter2@{away}"
    os.environ["PREFECT_API_URL"] = f"http://{away}/api"
    os.environ |= {**rclone_server.env, "AWS_SECRET_ACCESS_KEY": "a-wrong-secret"}
    configure_remote(workspace, f"{rclone_server.url}/doctor")
    override(workspace, {"ray.address": away})
    found = of_services(workspace)
    assert {name: one.state for name, one in found.items()} == dict.fromkeys(SERVICES, "bad"), found
    assert all(away in found[name].text for name in ("MLflow", "Prefect", "Ray")), found
    said = json.dumps([one.document() for one in found.values()])
    assert "hunter2" not in said and "a-wrong-secret" not in said


def test_a_prefect_that_forgets_whose_turn_it_is_when_it_is_restarted_is_told(
    workspace: Workspace, forgetful_prefect_server: str
) -> None:
    os.environ["PREFECT_API_URL"] = forgetful_prefect_server
    found = of_services(workspace)["Prefect"]
    assert found.state == "warn"
    assert "whose turn it is" in found.text
    assert found.do.endswith("lease_storage.filesystem")


def test_a_database_that_is_damaged_is_told_and_one_that_is_not_there_yet_is_not_made(workspace: Workspace) -> None:
    for name in ("MLFLOW_TRACKING_URI", "PREFECT_API_URL"):
        os.environ.pop(name, None)
    database = workspace.services_dir / "mlflow.db"
    assert of_services(workspace)["MLflow"].state == "ok"
    assert not database.exists()
    database.write_bytes(b"no database " * 1000)
    found = of_services(workspace)["MLflow"]
    assert found.state == "bad"
    assert found.text.startswith("./.services/mlflow.db: MLflow's database is damaged")
