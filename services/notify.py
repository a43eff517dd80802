"""Tells a webhook or a command that a flow has finished. Each is tried within limits; what fails is said, and no more.

No message repeats what may hold a secret: of an address it says the host, of a command its name.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from services.one_code import environment_of_others
from tocoad.errors import SettingsError
from tocoad.settings.sections import NotifySettings
from tocoad.settings.webhook import WEBHOOK_VARIABLE, webhook_address
from tocoad.text.redaction import redacted

TOKEN_VARIABLE = "TOCOAD_NOTIFY_TOKEN"  # noqa: S105
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 8.0
# Beside every fault of the server's own.
_MAY_PASS = (408, 425, 429)


class _Failed(NamedTuple):
    why: str
    may_pass: bool


def deliver(body: bytes, settings: NotifySettings, folder: Path, pause: float = _FIRST_PAUSE) -> list[str]:
    """To all that the settings and the environment name; the command runs in the folder. Between two tries it waits
    `pause` seconds, then twice as long. Returns a line for each that was not told.
    """
    warnings, ways = [], list[tuple[str, Callable[[], _Failed | None]]]()
    try:
        if (address := _address(settings)) is not None:
            where = f"the webhook at {urlsplit(address).hostname}"
            ways.append((where, lambda: _post(address, body, settings.seconds)))
    except SettingsError as error:
        warnings.append(f"{WEBHOOK_VARIABLE}: {error}")
    if command := settings.command:
        ways.append((f"the command {command[0]}", lambda: _run(command, body, settings.seconds, folder)))
    for name, way in ways:
        if (failed := _tried(way, settings.tries, pause)) is not None:
            warnings.append(redacted(f"{name} was not told that the flow has finished: {failed.why}"))
    return warnings


def _address(settings: NotifySettings) -> str | None:
    """The environment's goes first: whoever runs this may have a secret one of his own."""
    secret = os.environ.get(WEBHOOK_VARIABLE, "").strip()
    return webhook_address(secret) if secret else settings.webhook


def _tried(way: Callable[[], _Failed | None], tries: int, pause: float) -> _Failed | None:
    for left in reversed(range(tries)):
        failed = way()
        if failed is None or not failed.may_pass or not left:
            break
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    return failed


def _post(address: str, body: bytes, seconds: float) -> _Failed | None:
    """Within the seconds, whatever hangs: of names that are looked up, and of answers that trickle, httpx bounds no
    whole. The thread that still waits ends with its connection, or with the process.
    """
    answers: queue.SimpleQueue[_Failed | None] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(_answer(address, body, seconds)), daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except queue.Empty:
        return _Failed(f"it did not answer within {seconds:g} s", True)


def _answer(address: str, body: bytes, seconds: float) -> _Failed | None:
    import httpx

    headers = {"Content-Type": "application/json"}
    if token := os.environ.get(TOKEN_VARIABLE, "").strip():
        headers["Authorization"] = f"Bearer {token}"
    try:
        with httpx.stream("POST", address, content=body, headers=headers, timeout=seconds) as answer:
            status = answer.status_code
    except httpx.TimeoutException:
        return _Failed(f"it did not answer within {seconds:g} s", True)
    except httpx.NetworkError as error:
        return _Failed(str(error) or type(error).__name__, True)
    except Exception as error:
        # Its message may repeat a header, and the token with it.
        return _Failed(type(error).__name__, isinstance(error, httpx.RemoteProtocolError))
    if 200 <= status < 300:
        return None
    return _Failed(f"it answered {status}", status >= 500 or status in _MAY_PASS)


def _run(command: Sequence[str], body: bytes, seconds: float, folder: Path) -> _Failed | None:
    """What it prints goes nowhere: it may be a secret of its own. Ctrl-C is for the flow, and takes it along."""
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment_of_others(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return _Failed(error.strerror or type(error).__name__, False)
    with process:
        try:
            process.communicate(body, timeout=seconds)
        except subprocess.TimeoutExpired:
            return _Failed(f"it did not end within {seconds:g} s", True)
        finally:
            # Its children too, where it did not end.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    code = process.returncode
    if code == 0:
        return None
    return _Failed(f"it ended with exit code {code}" if code > 0 else f"signal {-code} ended it", True)
