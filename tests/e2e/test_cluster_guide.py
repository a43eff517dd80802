"""The walk through docs/guide/cluster.md: all servers of it at once, a retrain on them, a night by Prefect's worker.

Some minutes of two processors: `make test-cluster` runs it, no other command does.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import psutil
import pytest

from infra.local.processes import lives
from tests.helpers.guide import Guide, missing_lines, run, typist
from tests.helpers.local_cluster import LocalCluster, asked, needs_its_programs, reachable_folder
from tests.helpers.on_request import on_request
from tests.helpers.project import PROJECT
from tests.helpers.shop import TINY, make_workspace
from tests.helpers.toys import draw_toys
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import load_params, override, parse_assignments

GUIDE = Guide("cluster.md")
GEAR = Category("parts", "gear")
# A checkout is a workspace: the nightly deployment runs the code in it.
CODE = ("cli", "flows", "infra", "services", "tasks", "tocoad")

pytestmark = [
    pytest.mark.e2e,
    on_request("cluster"),
    needs_its_programs,
]


class Walk:
    """Runs a section when it is asked for, after those before it."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.cluster = LocalCluster(root / ".services/cluster")
        kept = {k: v for k, v in typist().items() if not k.startswith(("PREFECT_", "MLFLOW_", "RAY_", "AWS_"))}
        self.environment = {**kept, "PYTHON": sys.executable}
        self._said: dict[str, str] = {}

    def said(self, section: str) -> str:
        """By the commands of the section, on both streams. A page that shows something else fails here."""
        for name in GUIDE.sections[: GUIDE.sections.index(section) + 1]:
            if name not in self._said:
                typed = [f"{{ {command}; }} 2>&1" for command in GUIDE.commands(name)]
                self._said[name] = "".join(run(command, self.workspace.root, self.environment) for command in typed)
        assert missing_lines(GUIDE.fenced(section, "text"), self._said[section]) == [], self._said[section]
        return self._said[section]


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    with reachable_folder() as folder:
        root = folder / "workspace"
        root.mkdir()
        made = make_workspace(root)
        for name in CODE:
            shutil.copytree(PROJECT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        override(Workspace(root), parse_assignments([f"{key}={value}" for key, value in TINY.items()]))
        draw_toys(folder / "drawn")
        (folder / "pictures").mkdir()
        (folder / "drawn/data/toys/disc").rename(folder / "pictures/gear")
        added = made.run("tocoad", "data", "add", str(folder / "pictures"), "--name", "parts")
        assert added.returncode == 0, added.stderr
        walk = Walk(root)
        try:
            yield walk
        finally:
            walk.cluster.call("down")


def test_all_servers_come_up(walk: Walk) -> None:
    walk.said("On one machine")
    assert len(walk.cluster.state.processes) == 8


def test_no_process_of_a_node_knows_the_workspace_or_any_address_of_the_callers(walk: Walk) -> None:
    walk.said("On one machine")
    named = asked(walk.cluster.processes(), lambda process: (process.name(), process))
    raylets = [process for name, process in named if name == "raylet"]
    assert len(raylets) == 3
    for raylet in raylets:
        environment = raylet.environ()
        assert "PYTHONPATH" not in environment and "MLFLOW_TRACKING_URI" not in environment
        assert raylet.cwd() == environment["HOME"]


def test_every_port_is_on_loopback(walk: Walk) -> None:
    walk.said("On one machine")
    sockets = chain.from_iterable(asked(walk.cluster.processes(), lambda process: process.net_connections("inet")))
    listening = {socket.laddr.ip.removeprefix("::ffff:") for socket in sockets if socket.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}


def test_a_retrain_runs_on_the_nodes_and_records_on_the_servers(walk: Walk) -> None:
    walk.said("A retrain on it")
    settings = load_params(walk.workspace).settings.ray
    assert settings.address and settings.store == "s3://tocoad/store"
    folder = walk.cluster.folder
    assert list((folder / "s3/tocoad/store").rglob("*")), "nothing went through the store"
    assert any(list((folder / f"ray-worker-{number}/.cache/tocoad/node").rglob("*")) for number in (1, 2))
    assert list((folder / "s3/mlflow").rglob("metrics.json"))
    assert not (walk.workspace.services_dir / "mlflow.db").exists()
    assert (walk.workspace.root / f"work/{GEAR}/patchcore/fit/detector/detector.json").is_file()


def test_prefects_worker_runs_the_night(walk: Walk) -> None:
    walk.said("Every night")
    assert "'version parts' - Finished in state Completed()" in walk.cluster.state.log("prefect-worker").read_text()


def test_up_brings_rays_head_back_with_its_nodes(walk: Walk) -> None:
    walk.said("Every night")
    before = walk.cluster.state.processes
    psutil.Process(before["ray-head"].pid).kill()
    said = run("infra/local-cluster.sh up", walk.workspace.root, walk.environment)
    after = walk.cluster.state.processes
    assert said.count("runs already") == 5 and "ray-worker-1    stopped: ray-head has ended" in said
    assert {name for name in before if before[name] != after[name]} == {"ray-head", "ray-worker-1", "ray-worker-2"}


def test_nothing_that_is_secret_is_written_down_beside_the_four_files_of_the_owner(walk: Walk) -> None:
    walk.said("Every night")
    state = walk.cluster.state
    secrets = [secret.encode() for secret in state.secrets.values()]
    places = [walk.workspace.root, Path(state.ray_folder)]
    files = [file for place in places for file in place.rglob("*") if file.is_file() and not file.is_symlink()]
    holding = {file.name for file in files if any(secret in file.read_bytes() for secret in secrets)}
    assert len(files) > 500 and holding == {"cluster.json", "env.sh", "pgpass", "ray_token"}


def test_it_ends_without_a_trace_but_its_data(walk: Walk) -> None:
    walk.said("Every night")
    processes, ray_folder = walk.cluster.processes(), walk.cluster.state.ray_folder
    walk.said("And down")
    assert not any(map(lives, processes))
    assert walk.cluster.processes() == [] and not Path(ray_folder).exists()
