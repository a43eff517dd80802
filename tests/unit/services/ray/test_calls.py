"""No way to a Ray: one line with the address, at once, to everybody who waits."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.ray.calls import refuse_silence, told
from tocoad.errors import SettingsError, StageError


def test_an_address_where_nobody_listens_is_refused_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(
        SettingsError, match=rf"^ray\.address: no Ray answers at {address} \(.*refused\): start it there"
    ):
        refuse_silence(address)
    assert time.monotonic() - started < 5


def test_an_address_where_a_server_of_grpc_answers_is_let_pass() -> None:
    import grpc

    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    refuse_silence(f"127.0.0.1:{port}")
    server.stop(None)


def test_an_address_where_a_process_hangs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system takes connections for it; Ray would wait for words."""
    monkeypatch.setattr("services.ray.calls._ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SettingsError, match=rf"^ray\.address: no Ray answers at {address} \(timed out\): start it"):
            refuse_silence(address)


@pytest.mark.parametrize("address", ["auto", "ray://127.0.0.1:9", "http://127.0.0.1:9", "127.0.0.1:port", "nonsense"])
def test_rays_other_words_for_an_address_are_left_to_it(address: str) -> None:
    refuse_silence(address)


def test_what_keeps_a_local_ray_from_its_start_is_no_setting_and_says_its_kind() -> None:
    expected = r"a local Ray does not start \(RuntimeError: no memory\): look at RAY_TMPDIR"
    with pytest.raises(StageError, match=expected), told(""):
        raise RuntimeError("no memory\nand more")


def test_a_ray_that_wants_another_token_is_told_apart_from_none() -> None:
    """As Ray tells it, with a wrong one after many tries, and without one."""
    from ray.exceptions import AuthenticationError

    expected = r"^ray\.address: the Ray at 10\.0\.0\.7:6379 has another token: let RAY_AUTH_TOKEN be [^\n]*$"
    with pytest.raises(SettingsError, match=expected), told("10.0.0.7:6379"):
        raise AuthenticationError("Token authentication is enabled but no authentication token was found.")
    with pytest.raises(SettingsError, match=expected), told("10.0.0.7:6379"):
        try:
            raise RuntimeError("Failed to connect to GCS. Last: RPC error: InvalidAuthToken: missing or incorrect")
        except RuntimeError as error:
            raise ConnectionError("Failed to connect to Ray cluster") from error


ASKS = """
import sys
from pathlib import Path
from threading import Thread
from services.addresses import configure
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import RaySettings

workspace = Workspace(Path(sys.argv[1]))
configure(workspace)
from services.ray.runner import RayStages

def ask(stages):
    try:
        stages.call("any", "os:getpid", {})
    except Exception as error:
        # In one piece: `print` writes the end of a line apart, where another thread may come between.
        sys.stdout.write(f"{type(error).__name__}: {error}" + chr(10))

with RayStages(workspace, RaySettings(address="nonsense")) as stages:
    threads = [Thread(target=ask, args=(stages,)) for _ in range(3)]
    for step in (Thread.start, Thread.join):
        for thread in threads:
            step(thread)
"""


def test_everybody_who_waits_for_a_ray_that_is_none_is_told(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", ASKS, str(tmp_path)], capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert len(set(lines)) == 1
    assert lines[0].startswith(
        "SettingsError: ray.address: no Ray answers at nonsense (Invalid address format: nonsense)"
    )
