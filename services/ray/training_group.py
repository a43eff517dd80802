"""Ray Train as we use it: it starts the workers of one job side by side, watches them, and ends them all with one.

What it has beside that is left out: data sets; an actor that outlives it to clear up and, where Ray has no page of its
own, never does (`orphans`); one that stays for ever to ask an autoscaler for what the places that are waited for ask it
anyway.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any, cast

import psutil
import ray
from ray.train.torch.config import TorchConfig, _TorchBackend
from ray.train.v2._internal.callbacks import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.scaling_policy import FixedScalingPolicy
from ray.train.v2.api.config import FailureConfig, LoggingConfig, RunConfig, ScalingConfig
from ray.train.v2.torch.torch_trainer import TorchTrainer

# A collective waits for the slowest worker, and never for longer: one that hangs is to end the job.
_PATIENCE_SECONDS = 600
# Ray reserves no place for nothing.
_NEXT_TO_NOTHING = {"CPU": 0.001}


class Group(TorchTrainer):
    """Workers that each call `take_part` with `config`, in a process group of torch's; `fit` returns what the first one
    does. It tries once: tries are counted in the flow. `folder` is empty and its own.
    """

    def __init__(
        self,
        take_part: Callable[[Mapping[str, Any]], Any],
        config: Mapping[str, Any],
        workers: int,
        amounts: Mapping[str, float],
        folder: str,
    ) -> None:
        backend = "cpu:gloo,cuda:nccl" if "GPU" in amounts else "gloo"
        super().__init__(
            take_part,
            train_loop_config=dict(config),
            torch_config=_Meeting(backend=backend, timeout_s=_PATIENCE_SECONDS, folder=folder),
            scaling_config=ScalingConfig(
                num_workers=workers, use_gpu="GPU" in amounts, resources_per_worker=dict(amounts or _NEXT_TO_NOTHING)
            ),
            run_config=RunConfig(
                name="run",
                storage_path=folder,  # by default it would be a folder in the user's home
                failure_config=FailureConfig(max_failures=0, controller_failure_limit=0, max_preemption_failures=0),
                logging_config=LoggingConfig("CRITICAL"),
            ),
        )

    def _create_default_callbacks(self) -> list[Any]:
        unused = (DatasetsCallback, PlacementGroupCleanerCallback)
        return [callback for callback in super()._create_default_callbacks() if not isinstance(callback, unused)]

    def _initialize_and_run_controller(self, **arguments: Any) -> Any:
        return super()._initialize_and_run_controller(
            **{**arguments, "scaling_policy": _Fixed(cast(Any, self.scaling_config))}
        )


class _Fixed(FixedScalingPolicy):
    """As many workers as were asked for, and nobody else is asked."""

    def after_controller_start(self, train_run_context: Any) -> None:
        pass

    def _maybe_send_resource_request(self) -> None:
        pass


@dataclass
class _Meeting(TorchConfig):
    """How the workers find each other: on one machine by a file in `folder`, so that no port is open to others."""

    folder: str = ""

    @property
    def backend_cls(self) -> type[_TorchBackend]:
        return _Backend


class _Backend(_TorchBackend):
    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        worker_group.execute(_talk_from_the_nodes_address)
        if len({worker.metadata.node_id for worker in worker_group.get_workers()}) > 1:
            super().on_start(worker_group, backend_config)
            return
        size = len(worker_group)
        joined = [worker_group.execute_single_async(rank, _join, rank, size, backend_config) for rank in range(size)]
        ray.get(joined)


def _join(rank: int, size: int, config: _Meeting) -> None:
    from torch import distributed

    distributed.init_process_group(
        config.backend,
        init_method=f"file://{config.folder}/meeting",
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=config.timeout_s),
    )


def _talk_from_the_nodes_address() -> None:
    """Gloo and NCCL would take the interface that the machine's name leads to, where the other nodes may not be."""
    if (name := interface_of(cast(Any, ray.util).get_node_ip_address())) is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", name)


def interface_of(address: str) -> str | None:
    """The one in whose network the address is; that of 127.0.0.3 has 127.0.0.1."""
    for name, entries in psutil.net_if_addrs().items():
        for entry in entries:
            if entry.family in (socket.AF_INET, socket.AF_INET6) and entry.netmask:
                own = entry.address.partition("%")[0]
                with suppress(ValueError):  # not every system writes masks alike
                    if ip_address(address) in ip_network(f"{own}/{_mask(entry.netmask)}", strict=False):
                        return str(name)
    return None


def _mask(text: str) -> str | int:
    """Of IPv6 it is told as an address."""
    return bin(int(ip_address(text))).count("1") if ":" in text else text
