"""A run's claim to outputs of a workspace, as a file: locked and touched by its process as long as that lives.

On its own machine the lock tells whether a ticket's process lives. From another machine that shares the file system a
lock may not be seen, so the file's time counts too, and no clock is compared: whoever waits sees the file touched
again, or not for `SILENT_SECONDS`.
"""

from __future__ import annotations

import json
import math
import os
import platform
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from tocoad.files.process_lock import is_free, lock_new_file

BEAT_SECONDS = 15.0
SILENT_SECONDS = 90.0
# For who does not wait that long: a file of this age is a dead process's, if the clocks differ by less than 8 minutes.
LONG_SILENT_SECONDS = 600.0


@dataclass(frozen=True)
class Ticket:
    """`number` orders the tickets of a folder; `kernel` names the running system, within which locks are seen."""

    file: Path
    number: int
    command: str
    pid: int
    host: str
    kernel: str
    since: float
    claims: frozenset[str]

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.command} (process {self.pid} on {self.host}, since {since})"


@contextmanager
def new_ticket(folder: Path, number: int, command: str, claims: Iterable[str]) -> Iterator[Ticket]:
    """Locked and touched in the block, and gone after it.

    Raises:
        OSError: the file system can't lock or write.
    """
    file = folder / f"{number:08d}-{secrets.token_hex(8)}"
    ticket = Ticket(
        file, number, command, os.getpid(), platform.node(), _kernel(), time.time(), frozenset(claims)
    )  # fmt: skip
    descriptor = lock_new_file(file, _content(ticket))
    stop = Event()
    beat = Thread(target=_beat, args=(file, stop), name="lease", daemon=True)
    beat.start()
    try:
        yield ticket
    finally:
        stop.set()
        file.unlink(missing_ok=True)
        os.close(descriptor)


def tickets(folder: Path) -> list[Ticket]:
    """Those of the folder by number, the dead ones included."""
    found = (_read(file) for file in sorted(folder.glob("[0-9]*")))
    return [ticket for ticket in found if ticket is not None]


class Watcher:
    """Tells the living from the dead. Of another machine's ticket it takes a while: ask again and again. Who does not
    `wait` that long compares clocks.
    """

    def __init__(self, wait: float) -> None:
        self._longest = math.inf if wait > SILENT_SECONDS else LONG_SILENT_SECONDS
        self._beats: dict[Path, tuple[int, float]] = {}

    def lives(self, ticket: Ticket) -> bool:
        if not is_free(ticket.file):
            return ticket.file.exists()
        return ticket.kernel != _kernel() and self._beats_on(ticket.file)

    def _beats_on(self, file: Path) -> bool:
        try:
            beat = file.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        now = time.monotonic()
        known, seen = self._beats.get(file, (None, now))
        if beat != known:
            self._beats[file] = (beat, now)
            return time.time() - beat / 1e9 < self._longest
        return now - seen < SILENT_SECONDS


def _beat(file: Path, stop: Event) -> None:
    while not stop.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(file)


def _content(ticket: Ticket) -> bytes:
    document = {
        "command": ticket.command,
        "pid": ticket.pid,
        "host": ticket.host,
        "kernel": ticket.kernel,
        "since": ticket.since,
        "claims": sorted(ticket.claims),
    }
    return json.dumps(document).encode()


def _read(file: Path) -> Ticket | None:
    """None where it has just gone, or is damaged."""
    try:
        document = json.loads(file.read_bytes())
        claims = frozenset(document.pop("claims"))
        return Ticket(file, int(file.name.partition("-")[0]), claims=claims, **document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _kernel() -> str:
    """After a restart another; the machine's name where the system does not say."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return platform.node()
