"""A head and two nodes that share nothing but a bucket: each in a network of its own, none with the workspace."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from skip_report import reason

from tests.helpers.namespaces import switch, why_not
from tests.helpers.ray_cluster import HEAD, Cluster, Machine, ray_cluster
from tests.helpers.s3_servers import S3Server, rclone_s3

pytestmark = [pytest.mark.e2e, pytest.mark.apart, pytest.mark.timeout(900)]

PROBE = """
import json, os, socket, sys
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as On

def look(workspace):
    return {
        "workspace": os.path.exists(workspace),
        "beside it": os.listdir(os.path.dirname(workspace)),
        "home": os.environ["HOME"],
        "networks": sorted(name for _, name in socket.if_nameindex()),
        "network": os.readlink("/proc/self/ns/net"),
    }

address, workspace = sys.argv[1:]
ray.init(address=address, log_to_driver=False)
probe = ray.remote(num_cpus=0)(look)
seen = {}
for node in ray.nodes():
    there = probe.options(scheduling_strategy=On(node["NodeID"], False))
    seen[node["NodeName"]] = ray.get(there.remote(workspace), timeout=60)
print(json.dumps({**seen, "driver": look(workspace)}))
"""


@dataclass
class Apart:
    folder: Path
    cluster: Cluster
    server: S3Server

    @property
    def workspace(self) -> Path:
        return self.folder / "work space"

    def drive(self, *command: str) -> subprocess.CompletedProcess[str]:
        """The command where the driver is, on the head."""
        return subprocess.run(
            [*self.cluster.head.place.through, *command], capture_output=True, text=True, check=False, timeout=300
        )


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    if (lacking := why_not()) is not None:
        pytest.skip(reason(lacking, "as root on Linux"))
    folder = tmp_path_factory.mktemp("apart")
    with switch() as plugged, rclone_s3(folder / "buckets", place=plugged.room("store")) as server:

        def room(name: str) -> Any:
            return plugged.room(name, hidden=[] if name == HEAD else [folder])

        with ray_cluster(Machine("a"), Machine("b"), env=server.env, place_of=room) as cluster:
            yield Apart(folder, cluster, server)


def test_no_node_sees_the_workspace(apart: Apart) -> None:
    apart.workspace.mkdir()
    done = apart.drive("env", *(f"{k}={v}" for k, v in apart.cluster.env.items()), sys.executable, "-c", PROBE,
                       apart.cluster.address, str(apart.workspace))  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen: dict[str, dict[str, Any]] = json.loads(done.stdout)
    assert seen["driver"]["workspace"] and "buckets" in seen["driver"]["beside it"]
    for name in ("a", "b"):
        assert not seen[name]["workspace"] and seen[name]["beside it"] == []
        assert seen[name]["home"] == str(apart.cluster.nodes[name].home)
    assert len({seen[name]["network"] for name in ("a", "b", "head")}) == 3
