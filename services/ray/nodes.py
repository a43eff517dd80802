"""Whether a Ray has a node that a stage fits on."""

from __future__ import annotations

from typing import Any, cast

from tocoad.settings.sections import RaySettings


def lacking(settings: RaySettings) -> str | None:
    """What no living node has as much of as a stage asks for, whatever runs there now; None where one has all."""
    import ray

    found: list[dict[str, Any]] = cast(Any, ray).nodes()
    nodes: list[dict[str, float]] = [node["Resources"] for node in found if node["Alive"]]
    return lack(settings, nodes, "this machine" if not settings.address else "the largest node")


def lack(settings: RaySettings, nodes: list[dict[str, float]], where: str) -> str | None:
    """As `lacking`, of the given nodes' resources."""
    wanted = {"CPU": settings.num_cpus, "GPU": settings.num_gpus}
    if any(all(node.get(name, 0) >= number for name, number in wanted.items()) for node in nodes):
        return None
    for name, number in wanted.items():
        there = max((node.get(name, 0) for node in nodes), default=0)
        if number > there:
            return f"ray.num_{name.lower()}s: a stage asks for {number:g}, {where} has {there:g}"
    both = f"{settings.num_cpus:g} CPUs and {settings.num_gpus:g} GPUs"
    return f"ray.num_cpus and ray.num_gpus: a stage asks for {both} on one node, and no node has both"
