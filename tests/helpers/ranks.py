"""Real worlds of processes on loopback: forked from one that has torch and timm loaded already, so that each is up in a
moment.
"""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from tocoad.parallel.world import World, within

_SECONDS = 120
_LOADED = [
    "tests.helpers.ranks",
    "tocoad.methods.recontrast.unified",
    "tocoad.methods.tocoad.stage2",
    "tocoad.stages.running",
]

Work = Callable[..., None]
"""Called in every rank; importable by its name, and so not part of a test."""


def run_ranks(size: int, folder: Path, work: Work, *arguments: Any) -> None:
    """Runs `work(*arguments)` in `size` ranks until all have ended; `folder` is empty and theirs. What one raises fails
    the test.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    folder.mkdir(parents=True, exist_ok=True)
    members = [context.Process(target=_member, args=(rank, size, folder, work, arguments)) for rank in range(size)]
    for member in members:
        member.start()
    for member in members:
        member.join(_SECONDS)
        member.kill()
        member.join()
    told = [file.read_text() for file in sorted(folder.glob("rank-*.txt"))]
    assert not told, "\n".join(told)
    assert [member.exitcode for member in members] == [0] * size


def in_double() -> None:
    """From here on this process computes with 64 bits what it would with 32."""
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]


def _member(rank: int, size: int, folder: Path, work: Work, arguments: Sequence[Any]) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    try:
        distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=size)
        with within(World(rank, size)):
            work(*arguments)
        distributed.barrier()
        distributed.destroy_process_group()
    except BaseException:
        (folder / f"rank-{rank}.txt").write_text(f"rank {rank} of {size}:\n{traceback.format_exc()}")
        os._exit(1)
