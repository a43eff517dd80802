"""What Ray's workers run in the tests: a stage that does as its category's name says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tocoad.errors import StageError
from tocoad.files.lease import still_held
from tocoad.files.replacing import replacing
from tocoad.files.workspace import Category, Workspace
from tocoad.parallel.world import current_world
from tocoad.settings.sections import Settings
from tocoad.stages.device import device_of
from tocoad.stages.stage import Progress, ProgressCallback, StageRecord


def behave(
    workspace: Workspace,
    category: Category,
    method: str,
    stage: str,
    settings: Settings,
    progress: ProgressCallback,
    sources: str | None,
) -> StageRecord:
    print("workers' words do not reach the driver")
    behaviour: dict[str, Callable[[], StageRecord]] = {
        "talks": lambda: _talk(progress),
        "listens": lambda: _listen(workspace, progress),
        "meets-one": lambda: _meet(workspace, "one", "other"),
        "meets-other": lambda: _meet(workspace, "other", "one"),
        "fails": lambda: _fail(progress),
        "replaces": lambda: _replace(workspace.root / "replaced", settings.seed),
        "silences": lambda: _silence(progress),
        "breaks": lambda: StageRecord({"quotient": 1 / 0}),
        "beats": lambda: _beat(workspace),
        "dies": lambda: os._exit(1),
        "keys": lambda: StageRecord({"keys": keys({})}),
        "shares": lambda: _share(workspace, progress),
        "tells": lambda: _tell(settings),
        "is-alone": lambda: _be_alone(workspace, settings),
    }
    if category.name.startswith("notes-"):
        return _note(workspace, category.name.removeprefix("notes-"))
    if category.name in behaviour:
        return behaviour[category.name]()
    return StageRecord({"seed": settings.seed, "is_stage1": float((method, stage) == ("tocoad", "stage1"))})


def _note(workspace: Workspace, name: str) -> StageRecord:
    with (workspace.root / "notes").open("a") as notes:
        notes.write(f"{name} ")
    time.sleep(0.2)
    return StageRecord()


def _tell(settings: Settings) -> StageRecord:
    """Which process on which node, and for which device."""
    device, node = device_of(settings.compute), Path.home().parent.name
    return StageRecord({"process": os.getpid(), "is_cuda": device == "cuda", "on_b": node == "b"})


def _be_alone(workspace: Workspace, settings: Settings) -> StageRecord:
    (workspace.root / "alone").mkdir()  # raises where another is
    time.sleep(0.5)
    (workspace.root / "alone").rmdir()
    return _tell(settings)


def add(folders: Mapping[str, Path], a: str, b: str) -> int:
    return int(a) + int(b)


def keys(folders: Mapping[str, Path]) -> int:
    return sum(name in os.environ for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))


def _talk(progress: ProgressCallback) -> StageRecord:
    for step in range(1, 1001):
        progress(Progress(step, 1000, {"loss": 1.0 / step} if step % 2 else {}))
    return StageRecord()


def _listen(workspace: Workspace, progress: ProgressCallback) -> StageRecord:
    """Goes on until it was heard: a driver that looked only at the end would wait for ever."""
    deadline = time.monotonic() + 60
    while not (workspace.root / "heard").exists():
        if time.monotonic() > deadline:
            raise StageError("was not heard")
        progress(Progress(1, 2))
        time.sleep(0.05)
    return StageRecord()


def _meet(workspace: Workspace, me: str, friend: str) -> StageRecord:
    (workspace.root / me).touch()
    deadline = time.monotonic() + 60
    while not (workspace.root / friend).exists():
        if time.monotonic() > deadline:
            raise StageError("waited alone")
        time.sleep(0.05)
    return StageRecord()


class Unreadable:
    """Travels, and cannot be unpacked where it arrives."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return _refuse, ("what came back cannot be read",)


def _refuse(reason: str) -> None:
    raise ValueError(reason)


def unreadable(folders: Mapping[str, Path]) -> Unreadable:
    return Unreadable()


def _silence(progress: ProgressCallback) -> StageRecord:
    """Its mailbox dies for good while it runs, as with the node that it is on."""
    import ray

    progress(Progress(1, 2, {"loss": 0.5}))
    ray.kill(progress._mailbox, no_restart=True)  # type: ignore[attr-defined]
    time.sleep(0.5)
    progress(Progress(2, 2, {"loss": 0.25}))
    return StageRecord({"done": 1.0})


def _beat(workspace: Workspace) -> StageRecord:
    for beat in range(600):
        (workspace.root / "beats").write_text(str(beat))
        time.sleep(0.1)
    return StageRecord()


def _replace(target: Path, seed: int) -> StageRecord:
    with replacing(target, still_held()) as folder:
        (folder / str(seed)).touch()
    return StageRecord()


def _share(workspace: Workspace, progress: ProgressCallback) -> StageRecord:
    """Waits for a file to go, that somebody may kill a process meanwhile."""
    import psutil
    import torch
    from torch import distributed

    world, waits = current_world(), workspace.root / "waits"
    while world.leads and waits.exists():
        progress(Progress(world.rank, 2))
        time.sleep(0.1)
    progress(Progress(world.rank, 2, {"rank": float(world.rank)}))
    said = torch.tensor(float(world.rank + 1))
    distributed.all_reduce(said)
    open_to_all = [
        port.laddr
        for port in psutil.Process().net_connections("inet")
        if port.status == psutil.CONN_LISTEN and port.laddr.ip not in ("127.0.0.1", "::1")
    ]
    return StageRecord({"workers": world.size, "said": float(said), "open to all": len(open_to_all)})


def _fail(progress: ProgressCallback) -> StageRecord:
    progress(Progress(1, 2, {"loss": 0.5}))
    raise StageError("too few images: 3, 10 are needed")
