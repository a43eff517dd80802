"""What several Prefect servers share in one PREFECT_HOME: the database, which one at a time sets up, and their logs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOGS = 10


@contextmanager
def starting(home: Path) -> Iterator[None]:
    """Held while a server starts: two that bring the same new database up to date fail, one of them or both."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "start.lock").open("ab") as lock:
        # It ends with the process too, however that ends.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def server_log(home: Path) -> Path:
    """The log of the servers that this process starts; of earlier processes' the newest stay."""
    newest_first = sorted(home.glob("server-*.log"), key=lambda log: log.stat().st_mtime, reverse=True)
    for log in newest_first[_LOGS - 1 :]:
        if not _runs(log.stem.removeprefix("server-")):
            log.unlink(missing_ok=True)
    return home / f"server-{os.getpid()}.log"


def _runs(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
