"""What `compute.device: auto` stands for. Who hands a job to another process settles it: the device decides bytes, and
where a job comes to run is chance. Elsewhere it is what torch sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from tocoad.settings.sections import ComputeSettings

Device = Literal["cpu", "cuda"]

# Of the process and not of a context: threads of a stage compute too, and a process runs one job at a time.
_settled: Device | None = None


@contextmanager
def settled_device(device: Device) -> Iterator[None]:
    """In the block `auto` stands for this one."""
    global _settled
    before, _settled = _settled, device
    try:
        yield
    finally:
        _settled = before


def device_of(settings: ComputeSettings) -> Device:
    """What the settings mean here, whether or not it is there."""
    if settings.device != "auto":
        return settings.device
    if _settled is not None:
        return _settled
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
