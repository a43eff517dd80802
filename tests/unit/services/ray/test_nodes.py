"""What a stage asks for, against the nodes there are."""

from __future__ import annotations

import pytest

from services.ray.nodes import lacking, places
from tocoad.settings.sections import RaySettings

SMALL, GPU = {"CPU": 16.0}, {"CPU": 4.0, "GPU": 1.0}


@pytest.mark.parametrize(
    ("settings", "nodes", "told"),
    [
        (RaySettings(num_cpus=16), [SMALL, GPU], None),
        (RaySettings(num_cpus=4, num_gpus=1), [SMALL, GPU], None),
        (RaySettings(num_cpus=17), [SMALL, GPU], "ray.num_cpus: a stage asks for 17, this machine has 16"),
        (RaySettings(num_gpus=2), [SMALL, GPU], "ray.num_gpus: a stage asks for 2, this machine has 1"),
        (RaySettings(num_gpus=1), [SMALL], "ray.num_gpus: a stage asks for 1, this machine has 0"),
        # Together the two nodes have enough; a stage runs on one.
        (RaySettings(num_cpus=20), [SMALL, GPU], "ray.num_cpus: a stage asks for 20, this machine has 16"),
        (RaySettings(num_cpus=8, num_gpus=1), [SMALL, GPU], "8 CPUs and 1 GPUs on one node, and no node has both"),
        (RaySettings(num_cpus=1), [], "ray.num_cpus: a stage asks for 1, this machine has 0"),
    ],
)
def test_a_stage_needs_one_node_that_has_all_it_asks_for(
    settings: RaySettings, nodes: list[dict[str, float]], told: str | None
) -> None:
    found = lacking(settings, nodes)
    assert found is None if told is None else told in str(found)


@pytest.mark.parametrize(
    ("settings", "nodes", "count"),
    [
        (RaySettings(num_cpus=1), [SMALL, GPU], 20),
        (RaySettings(num_cpus=3), [SMALL, GPU], 6),
        (RaySettings(num_cpus=1, num_gpus=0.5), [SMALL, GPU], 2),
        (RaySettings(num_cpus=0.1), [{"CPU": 2.0}], 20),
        (RaySettings(num_cpus=1), [], 0),
    ],
)
def test_the_places_of_a_cluster_are_those_of_its_nodes(
    settings: RaySettings, nodes: list[dict[str, float]], count: int
) -> None:
    assert places(settings, nodes) == count
