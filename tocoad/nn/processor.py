"""What a processor is called: two of one name round alike."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Literal

import torch

_CPUINFO = Path("/proc/cpuinfo")


def processor_name(device: Literal["cpu", "cuda"]) -> str:
    """The model, and of a CPU the instructions that torch takes: both choose the kernels."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{_model()}, {torch.backends.cpu.get_cpu_capability()}"


def _model() -> str:
    """Linux alone names it, in a file; a virtual machine may hide all of the name but the maker's part."""
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.is_file() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    return f"{facts['model name']} (family {facts.get('cpu family')}, model {facts.get('model')})"
