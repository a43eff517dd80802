"""Which jobs run on which node: by the private folders that they work in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.workshop import DATASET
from tests.helpers.ray_cluster import Node

_AT_WORK = ("ray::work", "ray::call", "ray::Mailbox")


@dataclass(frozen=True)
class Running:
    node: Node
    process: psutil.Process
    stage: str
    owner: str

    def __str__(self) -> str:
        return f"{self.stage} of {self.owner} on {self.node.name}"


def workers(node: Node) -> list[psutil.Process]:
    """Ray's processes there that have something to do."""
    found = []
    for process in node.processes():
        with suppress(psutil.Error):
            if " ".join(process.cmdline()).startswith(_AT_WORK):
                found.append(process)
    return found


def running(nodes: Iterable[Node]) -> list[Running]:
    return sorted(
        (job for node in nodes for process in workers(node) for job in _of(node, process)),
        key=lambda job: (job.owner, job.stage),
    )


def _of(node: Node, process: psutil.Process) -> Iterator[Running]:
    """Through the process: its folder is there in its own mounts alone. A stage's output grows beside its place."""
    with suppress(OSError, psutil.Error):
        here = Path(f"/proc/{process.pid}/cwd")
        if "/jobs/job-" in str(here.readlink()):
            for growing in (here / "work" / DATASET).glob("*/.*.incoming-*"):
                stage = growing.name[1:].partition(".")[0]
                yield Running(node, process, stage, growing.parent.name)
