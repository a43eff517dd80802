"""Another run that holds a lease: a process, or a thread of this one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from tocoad.files.lease import lease
from tocoad.files.workspace import Owner, Workspace

# Asks for the lease of some owners, tells when it has it, and holds it until it is told to end.
_HOLDER = """
import sys
from pathlib import Path
from tocoad.files.lease import lease
from tocoad.files.workspace import Workspace
with lease(Workspace(Path(sys.argv[1])), sys.argv[3:], sys.argv[2]) as held:
    print("waited" if held.waited else "held", flush=True)
    sys.stdin.readline()
"""


def start_holder(root: Path, what: str, *owners: str) -> subprocess.Popen[str]:
    """It may have to wait first: `said` tells."""
    return subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(root), what, *owners],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(holder: subprocess.Popen[str]) -> str:
    """`held`, or `waited` where it has the lease after others."""
    assert holder.stdout is not None
    return holder.stdout.readline().strip()


@contextmanager
def held_elsewhere(workspace: Workspace, owner: Owner) -> Iterator[None]:
    """A thread of its own is another run: within one, a lease in a lease of the same is refused."""
    held, over = Event(), Event()

    def run() -> None:
        with lease(workspace, [owner], "the run"):
            held.set()
            over.wait()

    thread = Thread(target=run)
    thread.start()
    held.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()
