"""The nodes of a local cluster's Ray: a head that works nothing, and workers that share no folder with each other."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from infra.local.environment import plain, ray_door, ray_token, s3_keys
from infra.local.processes import start
from infra.local.state import LOOPBACK, State

# Little more than Ray's smallest: only small records travel.
_OBJECT_STORE_BYTES = 100 * 1024 * 1024
# What the names of Ray's sockets leave for the folder: 107 letters in all.
_FOLDER_LETTERS = 30
_RAY = [sys.executable, "-P", str(Path(__file__).with_name("loopback_node.py"))]
_RAY += ["--block", "--node-ip-address", LOOPBACK]
_RAY += ["--object-store-memory", str(_OBJECT_STORE_BYTES), "--disable-usage-stats"]
# Several nodes on one machine: none may insist on a port.
_RAY += ["--dashboard-agent-listen-port", "0", "--metrics-export-port", "0"]


def start_head(state: State) -> None:
    ports = ["--port", str(state.ports["ray"]), "--ray-client-server-port", str(state.ports["ray_client"])]
    _start(state, "ray-head", ["--head", "--num-cpus", "0", "--include-dashboard", "false", *ports])


def start_worker(state: State, name: str) -> None:
    cluster = ["--address", f"{LOOPBACK}:{state.ports['ray']}"]
    _start(state, name, [*cluster, "--num-cpus", str(state.cpus)])


def node_ready(state: State, name: str) -> bool:
    """Whether the head knows the node as alive."""
    os.environ.update(plain() | ray_door(state))  # read when Ray is imported
    from ray._raylet import GcsClient

    nodes = GcsClient(address=f"{LOOPBACK}:{state.ports['ray']}").get_all_node_info(timeout=5)
    return any(node.node_name == name and node.state == 0 for node in nodes.values())


def _start(state: State, name: str, arguments: list[str]) -> None:
    if not Path(state.ray_folder).is_dir() or not state.ray_folder:
        state.ray_folder = _short_folder()
    # What is a node's own lies there: the cache of its objects, and whatever libraries keep in a home.
    home = state.own_folder(name)
    environment = plain() | s3_keys(state) | ray_token(state) | {"HOME": str(home)}
    folder = Path(state.ray_folder) / name.removeprefix("ray-")
    start(state, name, [*_RAY, "--node-name", name, "--temp-dir", str(folder), *arguments], environment, home)


def _short_folder() -> str:
    place = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="tocoad-", dir=place if len(place) <= _FOLDER_LETTERS else "/tmp")  # noqa: S108
