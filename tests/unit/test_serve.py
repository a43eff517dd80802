"""`make serve` and its two processes, with small programs in their place."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.processes import wait_until

ROOT = Path(__file__).resolve().parents[2]
SERVE = ROOT / "infra" / "prefect" / "serve.py"

# Starts a child as `make serve` does, says its id, and waits to be killed.
PARENT = f"""
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("serve", {str(SERVE)!r})
serve = importlib.util.module_from_spec(spec)
sys.modules["serve"] = serve
spec.loader.exec_module(serve)
child = serve.Child("server", ("version",), os.open(os.devnull, os.O_RDONLY))
child.start()
print(child.process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve", SERVE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "serve", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PREFECT", (sys.executable, "-c"))
    return module


def test_what_ends_is_started_again_but_not_for_ever(serve: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    child = serve.Child("worker", ("import sys; sys.exit(3)",), os.open(os.devnull, os.O_RDONLY))
    for _ in range(2):
        child.start()
        child.process.wait()
        assert child.has_ended()
    assert capfd.readouterr().err == "the worker ended with code 3: it is started again\n" * 2
    child.start()
    child.process.wait()
    with pytest.raises(serve.ServeError, match="the worker ended 3 times, at last with code 3"):
        child.has_ended()


def test_what_a_command_said_on_standard_output_is_told_where_it_fails(
    serve: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        signals = serve.Signals([])
        serve._run(signals, sys.executable, "-c", "print('created')")
        with pytest.raises(serve.ServeError, match="failed; its messages are above"):
            serve._run(signals, sys.executable, "-c", "print('no such entrypoint'); raise SystemExit(1)")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capfd.readouterr().err == "no such entrypoint\n"


def test_one_workspace_is_served_once_and_again_when_the_last_process_is_gone(
    serve: ModuleType, tmp_path: Path
) -> None:
    lock = serve._lock(tmp_path)
    child = serve.Child("worker", ("import time; time.sleep(60)",), lock)
    child.start()
    assert serve._lock(tmp_path) is None
    os.close(lock)
    assert serve._lock(tmp_path) is None
    child.process.kill()
    child.process.wait()
    assert serve._lock(tmp_path) is not None


def test_killed_it_leaves_no_server_and_no_worker_behind(tmp_path: Path) -> None:
    # A module of this name is what the child runs in Prefect's place.
    (tmp_path / "prefect.py").write_text("import time; time.sleep(60)")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.communicate()

    def has_ended() -> bool:
        state = Path(f"/proc/{child}/stat")
        return not state.exists() or state.read_text().split()[2] == "Z"

    wait_until("the end of the child", has_ended, 30)


def test_a_port_in_use_is_refused_in_one_line(tmp_path: Path) -> None:
    shutil.copytree(SERVE.parent, tmp_path / "infra" / "prefect")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, str(tmp_path / "infra" / "prefect" / "serve.py"), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"error: port {port} is in use; choose another with --port\n")
