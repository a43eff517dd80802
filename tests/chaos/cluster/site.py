"""Two nodes and a head with the driver, that share a store and nothing else, where this machine can part itself; the
servers of MLflow and Prefect; and the workspace, which every round finds as it was.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.chaos.cluster.kept import Kept, emptied
from tests.chaos.cluster.outputs import champions, outputs
from tests.chaos.cluster.store import Store
from tests.chaos.plan import STATES
from tests.chaos.servers import mlflow_server, prefect_server
from tests.chaos.workshop import CATEGORIES, RETRAIN, UNTOUCHED, Command, Workshop
from tests.helpers.namespaces import Room, switch, why_not
from tests.helpers.place import Place
from tests.helpers.ray_cluster import HEAD, Cluster, Machine, Node, ray_cluster

NODES = ("a", "b")
SETTINGS = {"stage1.iterations": "60", "ray.checkpoint_seconds": "2"}
# Of a training that takes more than a minute.
LONG_SETTINGS = {"stage1.iterations": "900"}
NODE_CACHE = Path(".cache", "tocoad", "node")
_NODE_DISK = "128m"


@dataclass(frozen=True)
class Reference:
    """What a plain local run makes of the workspace: of each category the detector's weights and the champion's
    package, and all that dvc.lock has of outputs.
    """

    weights: dict[str, str]
    champions: dict[str, str]
    outputs: dict[str, str]


class Site:
    """`folder` is its own, and may have what was made ready before; `root`, below it, is the workspace, as it may be on
    a small file system.
    """

    def __init__(self, folder: Path, root: Path, stack: ExitStack) -> None:
        self.root, self._folder = root, folder
        self._switch = stack.enter_context(switch()) if why_not() is None else None
        self._places: dict[str, Place] = {}
        self.head = self.place_of(HEAD)
        self._kept = Kept(root, folder / "kept")
        if self._kept.is_there:
            self._kept.put_back()
        self.workshop = Workshop(folder, root, (*CATEGORIES, UNTOUCHED), SETTINGS)
        self.workshop.through = self.head.through
        self.scratch = folder / "tmp"
        self.scratch.mkdir(exist_ok=True)
        self.prefect_home = folder / "prefect"
        emptied(self.prefect_home)  # an earlier command may have been broken off
        self.mlflow = mlflow_server(root / ".services", folder / "mlflow.log", self.head)
        self.prefect = prefect_server(self.prefect_home, folder / "prefect.log", self.head)
        self.store = Store(folder / "buckets", self.place_of("store"))
        self._cluster: tuple[ExitStack, Cluster] | None = None
        for close in (self.workshop.close, self.mlflow.stop, self.prefect.stop, self.store.stop, self._end_cluster):
            stack.callback(close)
        if not self._kept.is_there:
            self._retrain_plainly()
            self.workshop.enter(STATES[2])
            self._kept.keep()

    @property
    def is_apart(self) -> bool:
        return self._switch is not None

    def place_of(self, name: str) -> Place:
        """The same whenever it is asked for: a machine that starts again."""
        if name not in self._places:
            number = len(self._places)
            hidden = [self._folder] if name in NODES else []
            room = None if self._switch is None else self._switch.room(name, hidden)
            self._places[name] = room or Place(f"127.0.0.{2 + number}")
        return self._places[name]

    def reference(self, is_long: bool) -> Reference:
        """Made once; the workspace is then another's."""
        file = self._folder / f"reference{', long' if is_long else ''}.json"
        if not file.exists():
            self._kept.put_back()
            self.workshop.set(LONG_SETTINGS if is_long else {})
            weights = {name: entry["weights_sha256"] for name, entry in self._retrain_plainly()["categories"].items()}
            made = Reference(weights, champions(self.workshop), outputs(self.root))
            file.write_text(json.dumps(asdict(made)))
        return Reference(**json.loads(file.read_text()))

    def restore(self, is_long: bool) -> None:
        """All is up; workspace, registry, store and the nodes' caches are as they were before the first round."""
        self.mend()
        self._kept.put_back()
        settings = {"ray.address": self.cluster.address, "ray.store": self.store.server.url}
        self.workshop.set(settings | (LONG_SETTINGS if is_long else {}))
        emptied(self.store.folder)
        emptied(self.scratch)
        for node in self.nodes:
            emptied(node.home / NODE_CACHE)

    def give_small_disks(self) -> None:
        """To the nodes' caches, where this machine permits it; until `mend`."""
        for node in self.nodes:
            cache = node.home / NODE_CACHE
            cache.mkdir(parents=True, exist_ok=True)
            mount = ["mount", "-t", "tmpfs", "-o", f"size={_NODE_DISK}", "tmpfs", str(cache)]
            subprocess.run([*node.place.through, *mount], check=False)

    def retrain(self, embedded: bool = False) -> Command:
        """On the cluster; `embedded`: with a Prefect server of its own."""
        self.workshop.environment = {
            "TMPDIR": str(self.scratch),
            "MLFLOW_TRACKING_URI": self.mlflow.url,
            **self.cluster.env,
            **self.store.server.env,
            **({} if embedded else {"PREFECT_API_URL": f"{self.prefect.url}/api"}),
        }
        return self.workshop.start(*RETRAIN)

    def prefect_database(self, embedded: bool) -> Path:
        return (self.root / ".services" / "prefect" if embedded else self.prefect_home) / "prefect.db"

    @property
    def nodes(self) -> list[Node]:
        return [self.cluster.nodes[name] for name in NODES]

    @property
    def cluster(self) -> Cluster:
        assert self._cluster is not None
        return self._cluster[1]

    def mend(self) -> None:
        """Whatever a round has left, all is up."""
        self.store.start()
        for server in (self.mlflow, self.prefect):
            if not server.runs:
                server.start()
        if self._cluster is not None and not self.cluster.head.named("gcs_server"):
            self._end_cluster()
        if self._cluster is None:
            up = ExitStack()
            machines = [Machine(name) for name in NODES]
            started = ray_cluster(*machines, env=self.store.server.env, place_of=self.place_of)
            self._cluster = up, up.enter_context(started)
        for node in self.nodes:
            if isinstance(node.place, Room):
                node.place.heal()
            umount = ["umount", "--lazy", str(node.home / NODE_CACHE)]
            subprocess.run([*node.place.through, *umount], check=False, capture_output=True)
            if not node.named("raylet/raylet"):
                node.kill()
                emptied(node.home)  # a new machine
                self.cluster.add(Machine(node.name))

    def _retrain_plainly(self) -> dict[str, Any]:
        self.workshop.environment = {"TMPDIR": str(self.scratch)}
        self.workshop.set({"ray.address": '""'})
        outcome = self.workshop.start(*RETRAIN).wait()
        assert outcome.code == 0 and outcome.document is not None, outcome.stderr
        return outcome.document

    def _end_cluster(self) -> None:
        if self._cluster is not None:
            self._cluster[0].close()
        self._cluster = None
