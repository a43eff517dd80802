"""The cluster that the tests of this folder run on is one: nodes that are apart, and that can be lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.helpers.processes import wait_until
from tests.helpers.ray_cluster import Cluster, Machine, Node

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def ray(cluster: Cluster) -> Iterator[Any]:
    """Ray, with this process as its driver."""
    import ray

    with cluster.driving():
        ray.init(address=cluster.address, log_to_driver=False)
        yield ray
        ray.shutdown()


def on(ray: Any, node: Node, function: Any) -> Any:
    """The way to what the function returns there."""
    return ray.remote(num_cpus=1, resources={f"node:{node.place.ip}": 0.001}, max_retries=0)(function).remote()


def alive(ray: Any) -> set[str]:
    return {node["NodeName"] for node in cast(Any, ray).nodes() if node["Alive"]}


def test_each_node_runs_tasks_in_a_home_of_its_own(cluster: Cluster, ray: Any) -> None:
    nodes = [cluster.nodes[name] for name in ("a", "b")]
    homes = ray.get([on(ray, node, lambda: os.environ["HOME"]) for node in nodes], timeout=60)
    assert homes == [str(node.home) for node in nodes]


def test_a_killed_node_is_noticed_and_a_late_one_takes_its_place(cluster: Cluster, ray: Any) -> None:
    doomed, _ = cluster.add(Machine("doomed", env={"KEY": "own"}), Machine("late", gpus=2, resources={"press": 1}))
    assert ray.get(on(ray, doomed, lambda: os.environ.get("KEY")), timeout=60) == "own"
    assert ray.cluster_resources()["GPU"] == 3
    doomed.kill()
    assert not doomed.processes()
    wait_until("its loss is noticed", lambda: alive(ray) == {"head", "a", "b", "late"}, 20)
