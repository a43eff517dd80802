"""What goes wrong in a round, done to a retrain that runs, or beside it. Each says in a few words what it did."""

from __future__ import annotations

import random
import resource
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from tests.chaos.plan import Kind, Round
from tests.chaos.result import TOO_LATE
from tests.chaos.servers import Server
from tests.chaos.workshop import RETRAIN, Command, Workshop
from tests.helpers.disks import fill
from tests.helpers.processes import kill_marked, marked

# Files that a kill may leave damaged on a bad disk, and of which the next run must make the best.
SMALL_FILES = (
    "work/**/.*.checkpoint/*",
    "work/**/record.json",
    "work/**/ledger.jsonl",
    "work/**/metrics.json",
    "work/**/.cache/*",
    ".dvc/cache/files/md5/**/*",
)
FILE_LIMIT = 40_000


def strike(workshop: Workshop, command: Command, at: Round, server: Server | None) -> str:
    """Returns when it is done; the command may have ended before."""
    if not command.runs:
        return TOO_LATE
    draw = random.Random(at.draw)
    actions: dict[Kind, Callable[[], str]] = {
        "kill the driver": lambda: _signal(command, signal.SIGKILL),
        "SIGTERM": lambda: _signal(command, signal.SIGTERM),
        "SIGINT": lambda: _signal(command, signal.SIGINT),
        "kill a worker": lambda: _kill_one(command, "ray::work", draw),
        "kill the raylet": lambda: _kill_one(command, "raylet/raylet", draw),
        "kill Prefect's server": lambda: _kill_one(command, "services.prefect.server", draw),
        "kill everything": lambda: _kill_all(command),
        "damage a file": lambda: _kill_and_damage(workshop, command, draw),
        "full disk": lambda: _fill_disk(workshop, command),
        "MLflow away": lambda: _mlflow_away(server, draw),
        "a second run at once": lambda: _second_run(workshop, draw),
    }
    return actions[at.kind]()


def _signal(command: Command, number: signal.Signals) -> str:
    command.process.send_signal(number)
    return number.name


def _kill_one(command: Command, name: str, draw: random.Random) -> str:
    """The first moment at which there is such a process; it may never come."""
    while command.runs:
        found = []
        for process in marked(command.mark):
            with suppress(psutil.Error):
                if name in " ".join(process.cmdline()):
                    found.append(process)
        if found:
            chosen = draw.choice(sorted(found, key=lambda process: process.pid))
            chosen.kill()
            return f"{name.rpartition('/')[2]} killed"
        time.sleep(0.1)
    return TOO_LATE


def _kill_all(command: Command) -> str:
    kill_marked(command.mark)
    return "all killed"


def _kill_and_damage(workshop: Workshop, command: Command, draw: random.Random) -> str:
    kill_marked(command.mark)
    files = [
        found
        for pattern in draw.sample(SMALL_FILES, len(SMALL_FILES))
        if (found := sorted(file for file in workshop.root.glob(pattern) if file.is_file() and file.stat().st_size))
    ]
    file = draw.choice(files[0])
    content = file.read_bytes()
    how = draw.choice(["halved", "a bit turned", "emptied"])
    if how == "a bit turned":
        place = draw.randrange(len(content))
        changed = content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]
    else:
        changed = content[: len(content) // 2] if how == "halved" else b""
    # In place, as a disk does it; DVC's objects are read-only and may be linked.
    mode = file.stat().st_mode
    file.chmod(0o644)
    file.write_bytes(changed)
    file.chmod(mode)
    return f"{file.relative_to(workshop.root)} {how}"


def _fill_disk(workshop: Workshop, command: Command) -> str:
    """Until the command ends; without a file system of our own, a limit on the size of files must do."""
    if not workshop.root.is_mount() and not workshop.root.parent.is_mount():
        for process in marked(command.mark):
            with suppress(psutil.Error, OSError):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
        return f"files limited to {FILE_LIMIT} bytes"
    ballast = workshop.root.parent / "ballast"
    fill(ballast)
    command.wait()
    ballast.unlink()
    return "no room until it ended"


def _mlflow_away(server: Server | None, draw: random.Random) -> str:
    assert server is not None
    seconds = draw.choice([2, 10, 45])
    server.stop()
    time.sleep(seconds)
    server.start()
    return f"{seconds} s away"


def _second_run(workshop: Workshop, draw: random.Random) -> str:
    """It ends by itself, after the first; `workshop.beside` keeps it."""
    words = draw.choice([RETRAIN, ("dvc", "repro")])
    workshop.beside = workshop.start(*words)
    return f"{' '.join(words[:2])} beside it"
