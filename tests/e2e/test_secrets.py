"""A tracking server behind a user and a password: nothing that is printed, written or recorded holds the password."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from mlflow import MlflowClient

pytestmark = pytest.mark.e2e

PASSWORD = "hunter2/Zq@7"


@pytest.fixture(scope="module")
def server(mlflow_server: str) -> str:
    """The server's address, with a login in it."""
    return f"http://ops:{quote(PASSWORD, safe='')}@{urlsplit(mlflow_server).netloc}"


@pytest.fixture(scope="module")
def gear(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return shop.gear_alone(tmp_path_factory.mktemp("secrets") / "workspace")


def holds_it(text: bytes) -> bool:
    return any(form.encode() in text for form in (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), "hunter2"))


def shown(done: subprocess.CompletedProcess[str]) -> str:
    text = done.stdout + done.stderr
    assert not holds_it(text.encode()), text
    return text


@pytest.fixture(scope="module")
def trained(gear: Any, server: str) -> Iterator[dict[str, Any]]:
    done = gear.run("tocoad", "retrain", "tiny", "--method", "patchcore", "--json", env={"MLFLOW_TRACKING_URI": server})
    assert done.returncode == 0, shown(done)
    shown(done)
    document: dict[str, Any] = json.loads(done.stdout)
    yield document


def test_a_retrain_records_there_and_keeps_the_password_nowhere(
    gear: Any, trained: dict[str, Any], server: str, mlflow_server: str
) -> None:
    assert trained["report"].startswith(f"{mlflow_server}/#/experiments/")
    files = [file for file in gear.root.rglob("*") if file.is_file()]
    assert len(files) > 100
    assert [file for file in files if holds_it(file.read_bytes())] == []
    client = MlflowClient(mlflow_server)
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 2
    assert not any(holds_it(str(run.to_dictionary()).encode()) for run in runs)


def test_a_model_is_fetched_with_the_login(gear: Any, trained: dict[str, Any], server: str) -> None:
    predict = ("tocoad", "predict", "models:/tiny.gear@champion", "data/tiny/gear/test/good")
    assert "anomalous; threshold" in shown(gear.run(*predict, env={"MLFLOW_TRACKING_URI": server}))


@pytest.mark.parametrize(
    "command",
    [["predict", "models:/tiny.gear@champion", "data/tiny/gear/test/good"], ["status", "tiny", "--debug"]],
    ids=" ".join,
)
def test_a_wrong_address_is_told_without_the_password(gear: Any, command: list[str]) -> None:
    wrong = {
        "MLFLOW_TRACKING_URI": f"http://ops:{quote(PASSWORD, safe='')}@127.0.0.1:9",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    done = gear.run("tocoad", *command, env=wrong)
    assert done.returncode == 1
    assert "127.0.0.1:9" in shown(done)
    assert ("Traceback" in done.stderr) == ("--debug" in command)
