"""A tracking server behind a password, a store behind a key: nothing printed, written or recorded holds them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from mlflow import MlflowClient

from services.dvc.remote import configure_remote
from tests.helpers.receiver import Receiver, receiving
from tests.helpers.s3_servers import S3Server
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.e2e

PASSWORD = "hunter2/Zq@7"
# Of the test's S3 server, and one that it refuses.
KEY, SECRET = "ACCESSKEYOFTEST", "secret-of-the-test"
# Of who is told of finished flows; a part of the address is one too.
TOKEN, HOOK = "token-of-who-is-told", "T0-B0-hook-of-the-test"
WRONG = "another-secret-of-the-test"


@pytest.fixture(scope="module")
def server(mlflow_server: str) -> str:
    """The server's address, with a login in it."""
    return f"http://ops:{quote(PASSWORD, safe='')}@{urlsplit(mlflow_server).netloc}"


@pytest.fixture(scope="module")
def gear(shop: Any, rclone_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    lone = shop.gear_alone(tmp_path_factory.mktemp("secrets") / "workspace")
    configure_remote(Workspace(lone.root), f"{rclone_server.url}/secrets")
    return lone


def holds_it(text: bytes) -> bool:
    forms = (PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), "hunter2", KEY, SECRET, TOKEN, HOOK)
    return any(form.encode() in text for form in forms)


def shown(done: subprocess.CompletedProcess[str]) -> str:
    text = done.stdout + done.stderr
    assert not holds_it(text.encode()), text
    return text


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving(503, 204) as found:
        yield found


@pytest.fixture(scope="module")
def trained(gear: Any, server: str, rclone_server: S3Server, receiver: Receiver) -> Iterator[dict[str, Any]]:
    assert (rclone_server.key, rclone_server.secret.startswith(SECRET)) == (KEY, True)
    env = {**rclone_server.env, "MLFLOW_TRACKING_URI": server}
    env |= {"TOCOAD_NOTIFY_WEBHOOK": f"{receiver.url}/{HOOK}", "TOCOAD_NOTIFY_TOKEN": TOKEN}
    done = gear.run("tocoad", "retrain", "tiny", "--method", "patchcore", "--json", env=env)
    assert done.returncode == 0, shown(done)
    shown(done)
    document: dict[str, Any] = json.loads(done.stdout)
    yield document


def test_a_retrain_pushes_what_it_made_and_dvc_finds_nothing_left(
    gear: Any, trained: dict[str, Any], rclone_server: S3Server
) -> None:
    push = trained["push"]
    assert push == {**push, "remote": f"{rclone_server.url}/secrets", "error": None}
    # The images and their list, and what the jobs wrote.
    assert push["objects"] > 30 and push["bytes"] > 10_000 and trained["warnings"] == []
    by_dvc = gear.run("dvc", "push", env=rclone_server.env)
    assert "Everything is up to date" in by_dvc.stdout, shown(by_dvc)


def test_a_retrain_is_told_of_with_the_token_and_without_a_secret(
    gear: Any, trained: dict[str, Any], receiver: Receiver
) -> None:
    assert [token for token, _ in receiver.sent] == [f"Bearer {TOKEN}"] * 2
    (_, first), (_, again) = receiver.sent
    assert first == again and not holds_it(first)
    document = json.loads(first)
    assert (document["flow"], document["dataset"], document["run"]) == ("retrain", "tiny", trained["run"])
    (changed,) = document["changed"]
    assert (changed["category"], changed["what"], changed["version"]) == ("gear", "promoted", 1)
    assert document["links"]["report"] == trained["report"] and document["links"]["mlflow"].startswith("http://127.")
    assert (document["failed"], document["error"]) == ([], None)


def test_a_store_that_refuses_the_key_fails_no_retrain(
    gear: Any, trained: dict[str, Any], server: str, rclone_server: S3Server
) -> None:
    env = {**rclone_server.env, "AWS_SECRET_ACCESS_KEY": WRONG, "MLFLOW_TRACKING_URI": server}
    done = gear.run("tocoad", "retrain", "tiny", "--json", env=env)
    assert done.returncode == 0, shown(done)
    document = json.loads(done.stdout)
    assert document["error"] is None and document["categories"]["gear"]["status"] == "up-to-date"
    (warning,) = document["warnings"]
    assert "it refuses the key" in warning and "tocoad push tiny, or the next retrain" in warning
    assert shown(done).count(f"warning: {warning}") == 1 and document["push"]["objects"] == 0


def test_a_retrain_records_there_and_keeps_the_secrets_nowhere(
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
