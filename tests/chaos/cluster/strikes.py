"""What goes wrong, done to a retrain on the cluster at its moment."""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.chaos.cluster.plan import LAST_SECONDS, Fault, Round
from tests.chaos.cluster.scene import Scene
from tests.chaos.cluster.site import NODE_CACHE, Site
from tests.chaos.workshop import CATEGORIES, DATASET
from tests.helpers.disks import fill
from tests.helpers.namespaces import Room
from tests.helpers.processes import marked

# Longer than a node that does not answer is waited for: `tests.helpers.ray_cluster.HEALTH`.
GIVEN_UP_SECONDS = 20.0
A_MINUTE = 60.0
_MEMORY = Path("/sys/fs/cgroup/memory")


def _nothing() -> None:
    pass


@dataclass
class Harm:
    """What was done. It is undone by `heal` when `until` comes true, at the latest when the command has ended."""

    told: str
    heal: Callable[[], None] = _nothing
    until: Callable[[], object] = lambda: False


class NotHereError(Exception):
    """What the fault needs this machine does not permit."""


def after(seconds: float) -> Callable[[], bool]:
    over = time.monotonic() + seconds
    return lambda: time.monotonic() > over


def strike(scene: Scene) -> Harm:
    """Raises TooLateError, NotHereError."""
    scene.await_moment()
    return STRIKES[scene.at.fault](scene)


def spoil(at: Round, site: Site) -> Harm:
    """Done before the command starts: a training image of one category is another than was added."""
    category = at.random().choice(CATEGORIES)
    image = sorted((site.root / "data" / DATASET / category / "train" / "good").iterdir())[0]
    sound = image.read_bytes()
    # As a file of its own: what lies there may be a link into DVC's cache.
    image.unlink()
    image.write_bytes(sound[: len(sound) // 2] if at.fault == "a truncated image" else huge_image())

    def heal() -> None:
        image.write_bytes(sound)

    return Harm(f"{category}/{image.parent.parent.name}/good/{image.name}", heal)


def huge_image() -> bytes:
    """A small file that says of itself that it has 3.6 billion pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(180_001))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _kill_worker(scene: Scene) -> Harm:
    job = scene.job()
    job.process.kill()
    return Harm(str(job))


def _kill_raylet(scene: Scene) -> Harm:
    job = scene.job()
    job.node.named("raylet/raylet")[0].kill()
    return Harm(f"that of {job}")


def _kill_head(scene: Scene) -> Harm:
    job = scene.job()
    scene.site.cluster.kill_head()
    return Harm(f"while {job}")


def _hang_raylet(scene: Scene) -> Harm:
    job = scene.job()
    raylet = job.node.named("raylet/raylet")[0]
    raylet.suspend()
    return Harm(f"that of {job}, for {GIVEN_UP_SECONDS:.0f} s", lambda: _resume(raylet), after(GIVEN_UP_SECONDS))


def _cut(scene: Scene) -> Harm:
    job = scene.job()
    place = job.node.place
    if not isinstance(place, Room):
        raise NotHereError("nodes have no networks of their own here")
    place.cut()
    return Harm(f"that of {job}, for {GIVEN_UP_SECONDS:.0f} s", place.heal, after(GIVEN_UP_SECONDS))


def _late_answer(scene: Scene) -> Harm:
    """The process that does the job stands still with its raylet until another node has done it, then goes on."""
    job = scene.job()
    raylet = job.node.named("raylet/raylet")[0]
    raylet.suspend()
    job.process.suspend()
    name = f"{job.stage}%@%/{job.owner}"

    def heal() -> None:
        """The job first: it answers before its raylet hears that it is dead."""
        _resume(job.process)
        time.sleep(3)
        _resume(raylet)

    return Harm(str(job), heal, lambda: scene.tasks(name, "COMPLETED"))


def _kill_driver(scene: Scene) -> Harm:
    scene.command.process.kill()
    return Harm("SIGKILL")


def _kill_embedded_prefect(scene: Scene) -> Harm:
    found = [process for process in marked(scene.command.mark) if "services.prefect.server" in _words(process)]
    for process in found:
        process.kill()
    return Harm("killed" if found else "there was none yet")


def _kill_prefect(scene: Scene) -> Harm:
    prefect = scene.site.prefect
    prefect.kill()
    if scene.at.at == LAST_SECONDS:
        return Harm("killed, and away until the end", prefect.start)
    return Harm("killed, and started again after 20 s", prefect.start, after(20))


def _mlflow_away(scene: Scene) -> Harm:
    mlflow = scene.site.mlflow
    mlflow.stop()
    return Harm("for 60 s", mlflow.start, after(A_MINUTE))


def _store_away(scene: Scene) -> Harm:
    """For less long than `services.store.patience` waits, once the requests on their way are counted in."""
    store = scene.site.store
    store.stop()
    seconds = A_MINUTE if scene.at.is_long else 30.0
    return Harm(f"for {seconds:.0f} s", store.start, after(seconds))


def _store_away_for_long(scene: Scene) -> Harm:
    store = scene.site.store
    store.stop()
    return Harm("until the end", store.start)


def _out_of_memory(scene: Scene) -> Harm:
    """The kernel kills the process that wants more than its group may have."""
    job = scene.job()
    group = _MEMORY / f"chaos-{os.getpid()}"
    try:
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text(str(4 * 2**20))
        (group / "cgroup.procs").write_text(str(job.process.pid))
    except OSError as error:
        raise NotHereError(f"no groups with a limit of memory ({error.strerror})") from error

    def heal() -> None:
        with suppress(OSError):
            group.rmdir()

    return Harm(str(job), heal)


def _fill_node(scene: Scene) -> Harm:
    """Its cache lies on a small disk, which has room for everything until then."""
    job = scene.job()
    cache = str(job.node.home / NODE_CACHE)
    # As the process sees it: the disk is in its mounts alone.
    disk = Path(f"/proc/{job.process.pid}/root{cache}")
    if not disk.is_mount():
        raise NotHereError("a small disk for a node needs the right to mount")
    ballast = disk / "ballast"
    fill(ballast)
    raylet = job.node.named("raylet/raylet")[0]
    return Harm(f"that of {job}", Path(f"/proc/{raylet.pid}/root{cache}/ballast").unlink)


def _fill_driver(scene: Scene) -> Harm:
    disk = scene.site.root.parent
    if not disk.is_mount():
        raise NotHereError("a small disk for the workspace needs the right to mount")
    fill(disk / "ballast")
    return Harm("until the end", (disk / "ballast").unlink)


SPOILS: frozenset[Fault] = frozenset({"a truncated image", "an image of too many pixels"})
STRIKES: dict[Fault, Callable[[Scene], Harm]] = {
    "nothing": lambda _: Harm("undisturbed"),
    "a worker killed": _kill_worker,
    "a raylet killed": _kill_raylet,
    "the head killed": _kill_head,
    "a raylet hangs": _hang_raylet,
    "a network cut and healed": _cut,
    "an answer after the node was declared dead": _late_answer,
    "the driver killed": _kill_driver,
    "the embedded Prefect server killed": _kill_embedded_prefect,
    "the Prefect server killed": _kill_prefect,
    "MLflow away": _mlflow_away,
    "the store away": _store_away,
    "the store away for too long": _store_away_for_long,
    "out of memory in one job": _out_of_memory,
    "a node's disk full": _fill_node,
    "the driver's disk full": _fill_driver,
}


def _words(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _resume(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        process.resume()
