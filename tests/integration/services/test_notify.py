"""A webhook and a command are told, or not within limits; nothing that may be secret is in what is said of it."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.notify import deliver
from tests.helpers.processes import wait_until
from tests.helpers.receiver import receiving
from tocoad.settings.sections import NotifySettings

pytestmark = pytest.mark.integration

BODY = b'{"format": 1}'
TOKEN = "token-of-the-test"


def told(folder: Path, seconds: float = 5, **settings: Any) -> list[str]:
    return deliver(BODY, NotifySettings(seconds=seconds, **settings), folder, pause=0.01)


def test_a_webhook_gets_the_document_once_with_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCOAD_NOTIFY_TOKEN", f"{TOKEN}\n")
    with receiving(204) as receiver:
        assert told(tmp_path, webhook=receiver.url) == []
    assert receiver.sent == [(f"Bearer {TOKEN}", BODY)]


def test_without_a_token_none_is_sent_and_the_environments_address_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOCOAD_NOTIFY_TOKEN", raising=False)
    with receiving(200) as receiver:
        monkeypatch.setenv("TOCOAD_NOTIFY_WEBHOOK", f"{receiver.url}?key=hunter2")
        assert told(tmp_path, webhook="http://127.0.0.1:9/") == []
    assert receiver.sent == [(None, BODY)]


def test_a_server_that_is_ill_is_asked_again_and_again_within_its_tries(tmp_path: Path) -> None:
    with receiving(503, 429, 200) as receiver:
        assert told(tmp_path, webhook=receiver.url) == []
    assert len(receiver.sent) == 3
    with receiving(503) as receiver:
        assert told(tmp_path, webhook=receiver.url, tries=2) == [
            "the webhook at 127.0.0.1 was not told that the flow has finished: it answered 503"
        ]
    assert len(receiver.sent) == 2


@pytest.mark.parametrize("status", [302, 401, 404])
def test_an_answer_that_will_not_change_is_taken_at_once_and_no_redirection_gets_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("TOCOAD_NOTIFY_TOKEN", TOKEN)
    with receiving(status) as receiver:
        (warning,) = told(tmp_path, webhook=receiver.url)
    assert warning.endswith(f"it answered {status}") and len(receiver.sent) == 1


def test_nobody_at_the_address_is_said_without_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCOAD_NOTIFY_WEBHOOK", "http://127.0.0.1:9/hooks/hunter2")
    (warning,) = told(tmp_path)
    assert "refused" in warning and "hunter2" not in warning
    monkeypatch.setenv("TOCOAD_NOTIFY_WEBHOOK", "hunter2")
    (warning,) = told(tmp_path)
    assert warning.startswith("TOCOAD_NOTIFY_WEBHOOK: a webhook is an address") and "hunter2" not in warning


def test_a_token_that_no_header_can_hold_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCOAD_NOTIFY_TOKEN", "token-of\nthe-test")
    with receiving(200) as receiver:
        (warning,) = told(tmp_path, webhook=receiver.url)
    assert "token" not in warning and receiver.sent == []


def test_an_answer_that_trickles_is_given_up_when_its_time_is_over(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                while not done.wait(0.05):
                    connection.send(b"H")

        done = threading.Event()
        thread = threading.Thread(target=trickle)
        thread.start()
        began = time.monotonic()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        (warning,) = told(tmp_path, seconds=0.5, tries=1, webhook=address)
        assert time.monotonic() - began < 3
        done.set()
        thread.join()
    assert warning.endswith("it did not answer within 0.5 s")


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code)


def test_a_command_gets_the_document_in_the_workspaces_folder(tmp_path: Path) -> None:
    code = "import pathlib, sys; pathlib.Path('got').write_bytes(sys.stdin.buffer.read())"
    assert told(tmp_path, command=python(code)) == []
    assert json.loads((tmp_path / "got").read_bytes()) == {"format": 1}


def test_what_a_command_says_when_it_fails_is_not_repeated(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (warning,) = told(tmp_path, command=python("print('hunter2', flush=True); raise SystemExit('hunter2')"), tries=2)
    assert warning == f"the command {sys.executable} was not told that the flow has finished: it ended with exit code 1"
    assert capfd.readouterr() == ("", "")


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    child = "import os, pathlib, time; pathlib.Path('child').write_text(str(os.getpid())); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}])"
    (warning,) = told(tmp_path, seconds=2, tries=1, command=python(parent))
    assert warning.endswith("it did not end within 2 s")
    # A killed process runs on until the system gets to it.
    number = int((tmp_path / "child").read_text())
    wait_until("the child's end", lambda: has_ended(number), seconds=10)


def has_ended(number: int) -> bool:
    try:
        return psutil.Process(number).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_command_that_is_not_there_is_not_tried_again_and_the_webhook_is_told_all_the_same(tmp_path: Path) -> None:
    with receiving(200) as receiver:
        (warning,) = told(tmp_path, webhook=receiver.url, command=("no-such-command",))
    assert warning.startswith("the command no-such-command was not told") and "No such file" in warning
    assert len(receiver.sent) == 1
