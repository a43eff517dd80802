"""What a job asks for, against the nodes there are."""

from __future__ import annotations

from typing import Any

import pytest

from services.ray.nodes import Resources, Room, lacking
from services.ray.placement import Placement, placement
from tocoad.settings.sections import ComputeSettings, RaySettings

SMALL, GPU = {"CPU": 16.0, "memory": 32e9}, {"CPU": 4.0, "GPU": 1.0, "press": 1.0}
CPU = ComputeSettings(device="cpu")


def asks(**amounts: float) -> Placement:
    return Placement(tuple(amounts.items()))


def settled(settings: dict[str, Any]) -> Placement:
    return placement("stage1", RaySettings.model_validate(settings), CPU)


@pytest.mark.parametrize(
    ("settings", "nodes", "told"),
    [
        ({"num_cpus": 16}, [SMALL, GPU], None),
        ({"num_cpus": 4, "num_gpus": 1}, [SMALL, GPU], None),
        ({"num_cpus": 17}, [SMALL, GPU], "ray.num_cpus: a stage asks for 17 CPU, this machine has 16 CPU"),
        ({"num_gpus": 2}, [SMALL, GPU], "ray.num_gpus: a stage asks for 2 GPU, this machine has 1 GPU"),
        ({"num_gpus": 1}, [SMALL], "ray.num_gpus: a stage asks for 1 GPU, this machine has 0 GPU"),
        # Together the two nodes have enough; a stage runs on one.
        ({"num_cpus": 20}, [SMALL, GPU], "ray.num_cpus: a stage asks for 20 CPU, this machine has 16 CPU"),
        (
            {"num_cpus": 8, "num_gpus": 1},
            [SMALL, GPU],
            "ray.num_cpus and ray.num_gpus: a stage asks for 8 CPU and 1 GPU on one node, and no node has all of it",
        ),
        ({"num_cpus": 1}, [], "ray.num_cpus: a stage asks for 1 CPU, this machine has 0 CPU"),
        (
            {"stages": {"stage1": {"num_gpus": 2}}},
            [SMALL, GPU],
            "ray.stages.stage1.num_gpus: a stage asks for 2 GPU, this machine has 1 GPU",
        ),
        (
            {"stages": {"stage1": {"memory_gb": 64}}},
            [SMALL, GPU],
            "ray.stages.stage1.memory_gb: a stage asks for 64 GB, this machine has 32 GB",
        ),
        (
            {"stages": {"stage1": {"resources": {"oven": 1}}}},
            [SMALL, GPU],
            "ray.stages.stage1.resources: a stage asks for 1 oven, this machine has 0 oven",
        ),
        ({"stages": {"stage1": {"resources": {"press": 1}}}}, [SMALL, GPU], None),
        ({"stages": {"fit": {"num_gpus": 2}}}, [SMALL], None),
        ({"stages": {"stage1": {"workers": 5, "num_cpus": 4}}}, [SMALL, GPU], None),
        (
            {"stages": {"stage1": {"workers": 6, "num_cpus": 4}}},
            [SMALL, GPU],
            "ray.stages.stage1.workers: a stage asks for 6 workers of 4 CPU each, and there is room for fewer",
        ),
    ],
)
def test_a_stage_needs_one_node_that_has_all_it_asks_for(
    settings: dict[str, Any], nodes: list[Resources], told: str | None
) -> None:
    assert lacking(settled(settings), nodes, "this machine") == told


def seats(room: Room, wanted: Placement) -> int:
    count = 0
    while room.take(wanted) is not None:
        count += 1
    return count


@pytest.mark.parametrize(
    ("wanted", "nodes", "count"),
    [
        (asks(CPU=1), [SMALL, GPU], 20),
        (asks(CPU=3), [SMALL, GPU], 6),
        (asks(CPU=1, GPU=0.5), [SMALL, GPU], 2),
        (asks(CPU=0.1), [{"CPU": 2.0}], 20),
        (asks(GPU=0.3), [{"GPU": 1.0}], 3),
        (asks(CPU=1, memory=10e9), [SMALL], 3),
        (asks(), [SMALL, GPU], 64),
    ],
)
def test_a_cluster_has_room_for_what_its_nodes_hold(wanted: Placement, nodes: list[Resources], count: int) -> None:
    assert seats(Room(nodes, 1), wanted) == count
    assert seats(Room(nodes, 2), wanted) >= 2 * count


def test_a_node_too_small_for_one_job_is_not_filled_with_half_of_two() -> None:
    assert seats(Room([{"CPU": 1.0}, {"CPU": 2.0}], 2), asks(CPU=2)) == 2


def test_jobs_of_all_kinds_share_the_room() -> None:
    room = Room([{"CPU": 4.0, "GPU": 1.0}], 1)
    assert seats(room, asks(CPU=1, GPU=1)) == 1
    assert seats(room, asks(CPU=1)) == 3
    assert seats(room, asks(CPU=1, GPU=1)) == 0


def test_what_needs_no_gpu_leaves_the_node_that_has_one_to_others() -> None:
    room = Room([GPU, {"CPU": 4.0}], 1)
    for _ in range(4):
        room.take(asks(CPU=1))
    assert seats(room, asks(CPU=4, GPU=1)) == 1


def test_workers_of_one_job_have_a_seat_each_on_any_nodes_or_none_at_all() -> None:
    room = Room([{"CPU": 2.0}, {"CPU": 1.0}], 1)
    shared = Placement((("CPU", 1),), workers=2)
    seats_of_two = room.take(shared)
    assert room.take(shared) is None, "there is one place left"
    assert seats(room, asks(CPU=1)) == 1
    room.give_back(shared, seats_of_two)
    assert seats(room, shared) == 1


def test_more_workers_than_fit_are_asked_for_so_that_a_node_may_come() -> None:
    room = Room([{"CPU": 1.0}], 2)
    assert seats(room, Placement((("CPU", 1),), workers=2)) == 2
    assert seats(room, asks(CPU=1)) == 2


def test_a_seat_that_comes_free_is_taken_again() -> None:
    room, whole, half = Room([GPU], 1), asks(GPU=1), asks(GPU=0.5)
    seat = room.take(whole)
    assert room.take(half) is None
    room.give_back(whole, seat)
    assert seats(room, half) == 2


def test_what_no_node_can_take_is_asked_for_by_a_few_jobs_so_that_one_may_come() -> None:
    room, wanted = Room([SMALL], 2), asks(GPU=1)
    seat = room.take(wanted)
    assert seats(room, wanted) == 1
    room.give_back(wanted, seat)
    assert seats(room, wanted) == 1
    assert seats(room, asks(CPU=1)) == 32, "that it has none costs others nothing"
