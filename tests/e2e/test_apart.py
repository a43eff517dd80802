"""A head and two nodes that share nothing but a bucket: each in a network of its own, none with the workspace."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from skip_report import reason

from tests.helpers.namespaces import Room, switch, why_not
from tests.helpers.processes import wait_until
from tests.helpers.ray_cluster import HEAD, Cluster, Machine, ray_cluster
from tests.helpers.s3_servers import S3Server, rclone_s3
from tests.helpers.shop import TINY, Shop, make_workspace
from tocoad.files.workspace import Workspace
from tocoad.sample import SampleCounts, render_sample
from tocoad.settings.file import override

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
    """`folder` is hidden from the nodes; the workspace lies in it, and the bucket, which a server alone opens."""

    folder: Path
    cluster: Cluster
    server: S3Server

    @property
    def workspace(self) -> Path:
        return self.folder / "the workspace"


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    if (lacking := why_not()) is not None:
        pytest.skip(reason(lacking, "as root on Linux"))
    folder = tmp_path_factory.mktemp("apart")
    before, rooms = left_over(folder), []

    with switch() as plugged, rclone_s3(folder / "buckets", place=plugged.room("store")) as server:

        def room(name: str) -> Room:
            rooms.append(plugged.room(name, hidden=[] if name == HEAD else [folder]))
            return rooms[-1]

        with ray_cluster(Machine("a"), Machine("b"), env=server.env, place_of=room) as cluster:
            yield Apart(folder, cluster, server)
    assert not any(room.processes() for room in rooms)
    assert not cluster.folder.exists()
    assert left_over(folder) == before


def left_over(folder: Path) -> dict[str, list[str]]:
    """What the machine itself has of networks and mounts. Others may mount theirs meanwhile."""
    return {
        "networks": sorted(name for _, name in socket.if_nameindex()),
        "named networks": sorted(map(str, Path("/run/netns").glob("*"))),
        "mounts": [line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line],
    }


@pytest.fixture(scope="module")
def shop(apart: Apart) -> Shop:
    """Whose driver is on the head. Its data set is rendered, and nothing trained."""
    apart.workspace.mkdir()
    place = apart.cluster.head.place
    shop = replace(make_workspace(apart.workspace), place=place, env={**apart.cluster.env, **apart.server.env})
    render_sample(apart.folder / "tiny", size=96, counts=SampleCounts(train=12, test_good=4, test_defective=5))
    shutil.rmtree(apart.folder / "tiny" / "fabric")
    override(Workspace(shop.root), {**TINY, "flow.retries": "2", "flow.retry_delay_seconds": "0"})
    done = shop.run("tocoad", "data", "add", str(apart.folder / "tiny"), "--name", "tiny")
    assert done.returncode == 0, done.stderr
    return shop


def test_no_node_sees_the_workspace(apart: Apart, shop: Shop) -> None:
    done = shop.run("python", "-c", PROBE, apart.cluster.address, str(shop.root))
    assert done.returncode == 0, done.stderr
    seen: dict[str, dict[str, Any]] = json.loads(done.stdout)
    assert seen["driver"]["workspace"] and "buckets" in seen["driver"]["beside it"]
    for name in ("a", "b"):
        assert not seen[name]["workspace"] and seen[name]["beside it"] == []
        assert seen[name]["home"] == str(apart.cluster.nodes[name].home)
    assert len({seen[name]["network"] for name in ("a", "b", HEAD)}) == 3


def test_with_a_node_lost_on_the_way_a_retrain_gives_the_bytes_of_a_local_one(apart: Apart, shop: Shop) -> None:
    alone = Shop(apart.folder / "a copy")
    shutil.copytree(shop.root, alone.root, symlinks=True)
    on_the_cluster = {"ray.address": apart.cluster.address, "ray.store": f"{apart.server.url}/jobs"}
    override(Workspace(shop.root), on_the_cluster)
    retrain = shop.start("tocoad", "retrain", "tiny", "--json")
    lost = apart.cluster.nodes["b"]
    wait_until("a job runs on b", lambda: lost.named("ray::work") or retrain.poll() is not None, 120)
    assert retrain.poll() is None, retrain.communicate()
    lost.kill()
    said, told = retrain.communicate(timeout=600)
    assert retrain.returncode == 0, told
    trained = json.loads(said)["categories"]
    assert {name: entry["status"] for name, entry in trained.items()} == dict.fromkeys(("gear", "plate"), "trained")
    local = alone.retrain()["categories"]
    for name, entry in local.items():
        for key in ("weights_sha256", "metrics", "threshold", "control"):
            assert trained[name][key] == entry[key], (name, key)
    assert outputs(shop) == outputs(alone)
    assert "Data and pipelines are up to date." in shop.run("dvc", "status").stdout


def outputs(shop: Shop) -> dict[str, dict[str, str]]:
    """By stage, the hash of each output."""
    lock = YAML(typ="safe").load(shop.root / "dvc.lock")
    return {name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in lock["stages"].items()}
