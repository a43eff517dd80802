"""What a job asks of a node, and the device that it computes on: settled before it is handed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tocoad.errors import SettingsError
from tocoad.settings.methods import computes
from tocoad.settings.sections import ComputeSettings, RaySettings
from tocoad.stages.device import Device

_GB = 10**9
WORKERS = "workers"
# What Linux shows of NVIDIA's and AMD's drivers, under Windows too. Without one torch is not asked: it loads for long.
_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


@dataclass(frozen=True)
class Placement:
    """`amounts` are by Ray's names, without what is 0, of each of the `workers`; `keys` the settings that they come
    from, for errors. A process that `stays` does the next job too, on a GPU as well.
    """

    amounts: tuple[tuple[str, float], ...] = (("CPU", 1),)
    device: Device = "cpu"
    workers: int = 1
    keys: Mapping[str, str] = field(default_factory=dict, compare=False)
    stays: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """For `ray.remote`. On a GPU a process does one job: its end is what gives all of the memory back. Of several
        workers the process that leads asks for nothing itself, and what it has started ends with it.
        """
        if self.workers > 1:
            return {"num_cpus": 0, "max_calls": 1}
        wanted = dict(self.amounts)
        known = {"num_cpus": wanted.pop("CPU", 0), "num_gpus": wanted.pop("GPU", 0)}
        memory = {"memory": int(wanted.pop("memory"))} if "memory" in wanted else {}
        once = {"max_calls": 1} if self.device == "cuda" and not self.stays else {}
        return {**known, **memory, **once, "resources": wanted}


ONE_CPU = Placement()


def placement(stage: str, ray: RaySettings, compute: ComputeSettings) -> Placement:
    """Of a stage, whatever the method.

    Raises:
        SettingsError: it would compute on a GPU that it does not ask a cluster for.
    """
    asked, own = ray.of_stage(stage), ray.stages.get(stage)
    amounts = {"CPU": asked.num_cpus, "GPU": asked.num_gpus, "memory": asked.memory_gb * _GB, **asked.resources}
    names = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory_gb"}
    keys = {WORKERS: f"ray.stages.{stage}.{WORKERS}"}
    for name in amounts:
        key = names.get(name, "resources")
        is_own = own is not None and key in own.model_fields_set
        keys[name] = f"ray.stages.{stage}.{key}" if is_own else f"ray.{key}"
    wanted = tuple((name, float(amount)) for name, amount in amounts.items() if amount)
    device = _device(ray, compute, bool(asked.num_gpus), keys["GPU"]) if computes(stage) else "cpu"
    return Placement(wanted, device, asked.workers, keys)


def _device(ray: RaySettings, compute: ComputeSettings, asks: bool, key: str) -> Device:
    if compute.device == "auto":
        # On a Ray of our own a stage finds the machine's GPU without asking: it always has.
        return "cuda" if asks or (not ray.address and _has_gpu()) else "cpu"
    if compute.device == "cuda" and ray.address and not asks:
        raise SettingsError(
            f"compute.device is cuda and {key} 0: on a cluster a stage that asks for no GPU may find none"
        )
    return compute.device


@cache
def _has_gpu() -> bool:
    """Whether torch sees one in this process, and so in every other of this machine."""
    if Path("/dev").is_dir() and not any(Path(driver).exists() for driver in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available()
