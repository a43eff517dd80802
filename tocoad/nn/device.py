"""Where and how a stage computes: device, threads, memory format, autocast, deterministic kernels."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from tocoad.errors import SettingsError
from tocoad.nn.allocator import keep_memory
from tocoad.settings.sections import ComputeSettings
from tocoad.stages.device import device_of

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True)
class Compute:
    device: torch.device
    channels_last: bool
    use_autocast: bool

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def place(self, module: ModuleT) -> ModuleT:
        """Moves `module` in place, its 4-d parameters to the memory format."""
        module.to(device=self.device)
        # Module.to(memory_format=...) is missing from torch's overloads beside a device, hence the second call.
        return module.to(memory_format=self.memory_format)

    def images(self, batch: Tensor) -> Tensor:
        """(B, C, H, W) on the device, in the memory format."""
        return batch.to(self.device, memory_format=self.memory_format, non_blocking=True)

    def autocast(self) -> torch.autocast:
        """bf16 where it is on, else a context that changes nothing."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.use_autocast)


def resolve_device(settings: ComputeSettings) -> torch.device:
    """Raises SettingsError where CUDA is asked for, by the settings or by whoever placed this job, and absent."""
    device = device_of(settings)
    if device == "cuda" and not torch.cuda.is_available():
        if settings.device == "auto":
            raise SettingsError(
                f"compute.device: this job was placed on a GPU, and torch {torch.__version__} sees none on "
                f"{platform.node()}: mend its driver or torch, or set compute.device to cpu"
            )
        raise SettingsError("compute.device: cuda is asked for, but torch sees no GPU; use auto or cpu")
    return torch.device(device)


@contextmanager
def compute_context(settings: ComputeSettings) -> Iterator[Compute]:
    """Same seed, same settings, same machine -> same bytes within; the process's own settings come back afterwards.

    The thread count is set here because a worker process that is used again keeps the count of its last task.
    bf16 autocast slows a CPU without native bf16 down 2.7 times: by default it is on for CUDA only.
    """
    device = resolve_device(settings)
    keep_memory()
    threads = torch.get_num_threads()
    algorithms = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch._C._get_deterministic_fill_uninitialized_memory()
    benchmark, tf32 = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is not deterministic without it
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(True)
    # With deterministic algorithms torch fills fresh memory, which nothing here reads: 20 % of the time on a CPU.
    torch._C._set_deterministic_fill_uninitialized_memory(False)
    torch.backends.cudnn.benchmark = False
    # By default it takes 10 bits of float32, fewer than the CPU, whose scores a GPU is to give.
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield Compute(
            device=device,
            channels_last=True if settings.channels_last is None else settings.channels_last,
            use_autocast=device.type == "cuda" if settings.autocast is None else settings.autocast,
        )
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(algorithms[0], warn_only=algorithms[1])
        torch._C._set_deterministic_fill_uninitialized_memory(fill)
        torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = benchmark, tf32
