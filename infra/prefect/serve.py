"""`make serve`: a Prefect server, the nightly deployment and a worker, on loopback, until Ctrl-C.

State lies in the workspace's `.services/`, so the runs of `tocoad retrain` are on the server's pages as well.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tasks.services import configure
from tocoad.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
POOL = "tocoad"
ADDRESS = "127.0.0.1"
START_SECONDS = 180
STOP_SECONDS = 20
PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=4200, help="port of the server (default: %(default)s)")
    port = parser.parse_args().port
    if not _is_free(port):
        print(f"error: port {port} is in use; choose another with --port", file=sys.stderr)
        return 2
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")
    configure(Workspace(ROOT))
    # A stop by the system ends us as Ctrl-C does, with the processes below.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ |= {"PREFECT_API_URL": f"http://{ADDRESS}:{port}/api", "PWD": str(ROOT)}
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.append(_start("server", "start", "--host", ADDRESS, "--port", str(port)))
        _wait_for_server(processes[0])
        _run("work-pool", "create", POOL, "--type", "process", "--overwrite")
        _run("deploy", "--prefect-file", "infra/prefect/prefect.yaml", "--all")
        processes.append(_start("worker", "start", "--pool", POOL, "--type", "process"))
        print(f"Prefect: http://{ADDRESS}:{port} - Ctrl-C stops it", flush=True)
        while all(process.poll() is None for process in processes):
            time.sleep(1)
        print("error: the server or the worker ended; its messages are above", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for process in reversed(processes):
            _stop(process)


def _is_free(port: int) -> bool:
    try:
        socket.create_server((ADDRESS, port)).close()
    except OSError:
        return False
    return True


def _start(*command: str) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches us alone, and the worker is stopped before the server it reports to."""
    return subprocess.Popen([*PREFECT, *command], cwd=ROOT, start_new_session=True)


def _run(*command: str) -> None:
    subprocess.run([*PREFECT, *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _wait_for_server(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{os.environ['PREFECT_API_URL']}/health", timeout=5, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.3)
    raise SystemExit("error: the Prefect server did not start; its messages are above")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
