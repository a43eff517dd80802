"""Whether a Ray has a node that a stage fits on, and how many stages fit on all of them."""

from __future__ import annotations

from typing import Any, cast

from tocoad.settings.sections import RaySettings

# Where a stage asks for nothing that is counted.
_UNCOUNTED = 64

Resources = dict[str, float]


def living_nodes() -> list[Resources]:
    """What each living node has, whatever runs there now."""
    import ray

    found: list[dict[str, Any]] = cast(Any, ray).nodes()
    return [node["Resources"] for node in found if node["Alive"]]


def places(settings: RaySettings, nodes: list[Resources]) -> int:
    """How many stages the nodes have room for at a time."""
    wanted = {name: number for name, number in _wanted(settings).items() if number}
    if not wanted:
        return _UNCOUNTED
    # In Ray's own steps: ten thousandths.
    return sum(
        min(int(node.get(name, 0) * 10_000) // max(int(number * 10_000), 1) for name, number in wanted.items())
        for node in nodes
    )


def lacking(settings: RaySettings, nodes: list[Resources]) -> str | None:
    """What no node has as much of as a stage asks for; None where one has all."""
    wanted = _wanted(settings)
    if any(all(node.get(name, 0) >= number for name, number in wanted.items()) for node in nodes):
        return None
    where = "this machine" if not settings.address else "the largest node"
    for name, number in wanted.items():
        there = max((node.get(name, 0) for node in nodes), default=0)
        if number > there:
            return f"ray.num_{name.lower()}s: a stage asks for {number:g}, {where} has {there:g}"
    both = f"{settings.num_cpus:g} CPUs and {settings.num_gpus:g} GPUs"
    return f"ray.num_cpus and ray.num_gpus: a stage asks for {both} on one node, and no node has both"


def _wanted(settings: RaySettings) -> Resources:
    return {"CPU": settings.num_cpus, "GPU": settings.num_gpus}
