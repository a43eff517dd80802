"""`tocoad push` and plain `dvc push` and `pull` mean the same objects in the same place."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dvc.repo import Repo

from cli.main import main
from services.dvc import data, record
from services.dvc.push import Part, push
from services.dvc.pushing import Pusher
from services.dvc.remote import configure_remote
from tests.helpers.processes import MARK, marked, wait_until
from tests.helpers.project import PROJECT, project_workspace
from tests.helpers.s3_servers import S3Server
from tocoad.files.workspace import Workspace
from tocoad.settings.planning import plan_categories

pytestmark = pytest.mark.integration

MANIFEST = "manifest@set/a"
FILES = {"data/set/a/train/good/1.png": "1", "data/set/a/test/good/2.png": "2"}
UNUSABLE = "the store cannot be used (Not a directory): mend that, or name another"
OUTPUTS = {"work/set/a/manifest/train.json": "{}", "work/set/a/manifest/test.json": "[]"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One job of a data set is recorded."""
    root = tmp_path / "workspace"
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    shutil.copy(PROJECT / "dvc.yaml", root)
    workspace = project_workspace(root)
    for name, text in {**FILES, **OUTPUTS}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    plan_categories(workspace, "set", method="patchcore")
    data.track_dataset(workspace, "set")
    record.commit(workspace, [MANIFEST])
    return workspace


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a store, to which the environment leads."""
    if request.param == "folder":
        return str(tmp_path / "store")
    server: S3Server = request.getfixturevalue("rclone_server")
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    return f"{server.url}/{tmp_path.name}"


TOCOAD = str(Path(sys.executable).with_name("tocoad"))


def run(folder: Path, *command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **env}
    return subprocess.run(
        [TOCOAD, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_what_was_pushed_is_whole_for_dvc_and_comes_back_in_a_clone(
    workspace: Workspace, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = workspace.root
    configure_remote(workspace, url)
    checked = run(root, "remote", "check", env={})
    assert checked.returncode == 0, checked.stderr
    assert "wrote, found, read back and deleted an object" in checked.stdout
    first = run(root, "push", "set", env={})
    # Two images and the list of them, two outputs.
    assert first.returncode == 0 and first.stdout.startswith("5 objects, "), first.stdout + first.stderr
    assert moved(workspace) == 0
    for command, told in ((("remote", "check"), {}), (("push", "set"), {"objects": 0, "bytes": 0, "error": None})):
        document = json.loads(run(root, *command, "--json", env={}).stdout)
        assert document.pop("seconds") >= 0 and document == {"remote": url, **told}
    with Repo(str(root)) as repo:
        assert repo.push() == 0
    clone = tmp_path / "clone"
    for name in (".dvc/config", "params.yaml", "plan.yaml", "dvc.yaml", "dvc.lock", "data/set.dvc"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, clone / name)
    monkeypatch.chdir(clone)
    with Repo() as repo:
        repo.pull(["data/set.dvc", MANIFEST])
    assert {name: (clone / name).read_text() for name in {**FILES, **OUTPUTS}} == {**FILES, **OUTPUTS}


def test_what_is_new_alone_is_pushed_an_image_or_what_was_said_of_one(workspace: Workspace, tmp_path: Path) -> None:
    root = workspace.root
    configure_remote(workspace, str(tmp_path / "store"))
    assert moved(workspace, "images") == 3
    assert moved(workspace) == 2
    (root / "data/set/a/train/good/3.png").write_text("3")
    data.track_dataset(workspace, "set")
    # It, and the list that it is in.
    assert moved(workspace) == 2
    said = root / "feedback" / "set"
    said.mkdir(parents=True)
    (said / "1.csv").write_text("said of an image")
    data.track_folder(workspace, said)
    assert moved(workspace, "images") == 2
    with Repo(str(root)) as repo:
        assert repo.push() == 0


def moved(workspace: Workspace, part: Part = "all") -> int:
    """How many objects a push moves."""
    counts = [0]
    push(workspace, "set", part, lambda objects, *_: counts.append(objects), 1)
    return max(counts)


def test_a_wrong_key_is_told_in_one_line_without_it(workspace: Workspace, rclone_server: S3Server) -> None:
    configure_remote(workspace, rclone_server.url)
    env = {**rclone_server.env, "AWS_SECRET_ACCESS_KEY": "hunter2-Zq7", "AWS_ACCESS_KEY_ID": "KEYOFNOBODY"}
    for command in (["remote", "check", "--debug"], ["push", "set"]):
        done = run(workspace.root, *command, env=env)
        assert done.returncode == 1
        assert "it refuses the key" in done.stderr
        assert "--debug" in command or done.stderr.count("\n") == 1, done.stderr
        told = json.loads(run(workspace.root, *command, "--json", env=env).stdout)
        assert "it refuses the key" in told["error"]
        assert not any(secret in f"{done.stdout}{done.stderr}{told}" for secret in ("hunter2", "KEYOFNOBODY"))


def test_a_profile_of_awss_own_files_and_an_endpoint_for_s3_alone_lead_to_the_store(
    workspace: Workspace, rclone_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = f"aws_access_key_id = {rclone_server.key}\naws_secret_access_key = {rclone_server.secret}\n"
    (tmp_path / "credentials").write_text(f"[line-3]\n{keys}")
    own = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_PROFILE": "line-3",
        "AWS_ENDPOINT_URL_S3": rclone_server.endpoint,
    }
    for name, value in {**rclone_server.env, **own}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    configure_remote(workspace, f"{rclone_server.url}/{tmp_path.name}").store(1).check()
    assert moved(workspace) == 5


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["push", "set"], "no remote is configured: tocoad remote set URL"),
        (["remote", "check"], "no remote is configured: tocoad remote set URL"),
        (["push", "other"], "data set 'other' is not under DVC here"),
    ],
)
def test_without_a_remote_or_a_data_set_there_is_nothing_to_push(
    workspace: Workspace,
    command: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    restored_environment: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(workspace.root)
    assert main(command) == 2
    assert reason in capsys.readouterr().err


@contextmanager
def silent_server() -> Iterator[str]:
    """It takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_an_interrupt_ends_a_push_at_once_though_the_store_is_silent(
    workspace: Workspace, rclone_server: S3Server, number: signal.Signals
) -> None:
    configure_remote(workspace, rclone_server.url)
    with silent_server() as endpoint:
        mark = f"push-{number.name}-{os.getpid()}"
        env = {**os.environ, **rclone_server.at(endpoint).env, MARK: mark}
        process = subprocess.Popen(
            [TOCOAD, "push", "set"], cwd=workspace.root, env=env, stderr=subprocess.PIPE, text=True
        )
        wait_until("the process that pushes asks the store", lambda: connected(mark), 60)
        begin = time.monotonic()
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
        assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number), told
        wait_until("the process that pushes is gone", lambda: not marked(mark), 5)
        assert time.monotonic() - begin < 5


def test_what_the_store_did_not_take_at_first_comes_with_the_results(workspace: Workspace, tmp_path: Path) -> None:
    store, told = tmp_path / "store", []
    configure_remote(workspace, str(store))
    store.write_text("a file")
    with Pusher(workspace, "set", 1, lambda part, state, total: told.append((part, state.objects, total))) as pusher:
        pusher.ask("images")
        failed = pusher.result()
        assert (failed.objects, failed.error) == (0, f"{store / 'files/md5'}: {UNUSABLE}")
        store.unlink()
        pusher.ask("images")
        pusher.ask("all")
        pushed = pusher.result()
    assert (pushed.objects, pushed.error, told[-2:]) == (5, None, [("all", 2, 2), ("all", 2, None)])
    assert pushed.bytes == sum(file.stat().st_size for file in (store / "files").rglob("*") if file.is_file())


def test_a_store_that_is_silent_is_waited_for_within_limits(
    workspace: Workspace, rclone_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_remote(workspace, rclone_server.url)
    with silent_server() as endpoint:
        for name, value in rclone_server.at(endpoint).env.items():
            monkeypatch.setenv(name, value)
        begin = time.monotonic()
        with Pusher(workspace, "set", 60, lambda *_: None) as pusher:
            pusher.ask("images")
            pusher.ask("all")
            pushed = pusher.result(1)
    assert pushed.error == "it was waited for 1 s" and time.monotonic() - begin < 4


def test_a_process_that_dies_is_told_and_fails_nothing_else(workspace: Workspace, tmp_path: Path) -> None:
    configure_remote(workspace, str(tmp_path / "store"))
    with Pusher(workspace, "set", 1, lambda *_: None) as pusher:
        pusher._process.kill()
        pusher._process.wait()
        pusher.ask("all")
        assert pusher.result(10).error == "the process that pushes ended with -9"


def connected(mark: str) -> bool:
    return any(process.net_connections("tcp") for process in marked(mark))
