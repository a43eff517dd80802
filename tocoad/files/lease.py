"""Who may write a workspace's stage outputs: one run at a time for a category, or for a data set's own stages.

A run draws a ticket that claims all it will write and waits for the earlier ones that claim any of it. It asks for
everything at once and waits in the order of the numbers, so two runs cannot wait for each other. Whatever changes among
the tickets happens under the guard: whoever holds it sees that a ticket is still there, and that nobody takes over
what it claims (`still_held`).
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from tocoad.errors import StageError
from tocoad.files.full_disk import full_disk_named
from tocoad.files.process_lock import has_no_locks, locked
from tocoad.files.ticket import Ticket, Watcher, new_ticket, tickets
from tocoad.files.waiting import WaitingLine
from tocoad.files.workspace import Owner, Workspace

FOREVER = math.inf
_LOOK_SECONDS = 0.5
_LOST = "another run took this one for dead, and its outputs over: run the same again"
_WIDER = "what this run is to work on has changed since it began: run the same again"


class LeaseTakenError(StageError):
    """Another run works on the same outputs, and it was not to be waited for any longer."""


class LeaseLostError(StageError):
    """The run was taken for dead, and another has taken over its outputs."""


@dataclass(frozen=True)
class Lease:
    """`ticket` is the file that stands for it, for those who write on the run's behalf; None where the file system has
    no locks, and so nobody is kept out. `waited` tells whether others had to end first.
    """

    ticket: Path | None
    owners: frozenset[str] = frozenset()
    waited: bool = False


# Whatever is written in this context is written under it.
_current: ContextVar[Lease | None] = ContextVar("lease", default=None)


@contextmanager
def lease(workspace: Workspace, owners: Iterable[Owner], what: str, wait: float = FOREVER) -> Iterator[Lease]:
    """In the block no other run writes outputs of these owners. `what` is the command, as others are told of it; for
    at most `wait` seconds it waits itself, and says on standard error for whom. Within a lease of all of them it is
    that.

    Raises:
        LeaseTakenError: another run still holds the lease of one of them.
        StageError: the disk is full, or a lease of some of them is held here: with it the others are not waited for,
            since who has them may wait for this one.
    """
    claims = frozenset(map(str, owners))
    held = _current.get()
    if held is not None and claims <= held.owners:
        yield held
        return
    if held is not None and claims & held.owners:
        raise StageError(_WIDER)
    with _taken(workspace.services_dir.resolve() / "leases", claims, what, wait) as held, _under(held):
        yield held


@contextmanager
def lease_of(
    workspace: Workspace, owners: Callable[[], Iterable[Owner]], what: str, wait: float = FOREVER
) -> Iterator[Lease]:
    """As `lease`, of what `owners` tells when it is held: while this run waited, another may have changed the plan or
    the data set. Then it asks for what it needs now, behind those that wait already.
    """
    started = time.monotonic()
    while True:
        asked = set(owners())
        with lease(workspace, asked, what, max(wait - (time.monotonic() - started), 0)) as held:
            if asked.issuperset(owners()):
                yield held
                return


def current_ticket() -> Path | None:
    """Of the lease that this context works under."""
    held = _current.get()
    return None if held is None else held.ticket


@contextmanager
def on_behalf(ticket: Path | None) -> Iterator[None]:
    """The block, in another process than the one that has drawn the ticket, works under its lease."""
    with _under(Lease(ticket)):
        yield


def study_owner(owner: Owner) -> str:
    """Whose the outputs of a study's stages are: they lie beside those of the category, or the data set, itself."""
    return f"studies/{owner}"


@contextmanager
def still_held() -> Iterator[None]:
    """Nobody takes the context's lease over in the block: for the moment in which something takes its place.

    Raises:
        LeaseLostError: somebody has.
    """
    ticket = current_ticket()
    with ExitStack() as stack:
        if ticket is not None:
            try:
                stack.enter_context(_guarded(ticket.parent, shared=True))
            except FileNotFoundError:
                raise LeaseLostError(_LOST) from None
            if not ticket.exists():
                raise LeaseLostError(_LOST)
        yield


@contextmanager
def _under(held: Lease) -> Iterator[None]:
    token = _current.set(held)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def _taken(folder: Path, claims: frozenset[str], what: str, wait: float) -> Iterator[Lease]:
    with ExitStack() as stack:
        try:
            with full_disk_named(folder):
                folder.mkdir(parents=True, exist_ok=True)
                with _guarded(folder):
                    number = max((ticket.number for ticket in tickets(folder)), default=0) + 1
                    mine = stack.enter_context(new_ticket(folder, number, what, claims))
        except OSError as error:
            if not has_no_locks(error):
                raise
            print(f"warning: {folder}: no locks on this file system: let no second run work here", file=sys.stderr)
            yield Lease(None, claims)
            return
        yield Lease(mine.file, claims, _wait(mine, wait))


def _wait(mine: Ticket, longest: float) -> bool:
    """Until no living ticket is ahead; whether there was one."""
    started, watcher = time.monotonic(), Watcher(longest)
    with WaitingLine() as line:
        while ahead := _ahead(mine, watcher):
            left = longest - (time.monotonic() - started)
            if left <= 0:
                raise LeaseTakenError(_refusal(mine, ahead[0]))
            line.tell(f"waiting for {ahead[0]}: it works on {_common(mine, ahead[0])}")
            time.sleep(min(_LOOK_SECONDS, left))
        return line.text is not None


def _ahead(mine: Ticket, watcher: Watcher) -> Sequence[Ticket]:
    """The living tickets with smaller numbers that claim any of the same; those of the dead are taken over."""
    living = []
    with _guarded(mine.file.parent):
        for other in tickets(mine.file.parent):
            if other.number < mine.number and other.claims & mine.claims:
                if watcher.lives(other):
                    living.append(other)
                else:
                    other.file.unlink(missing_ok=True)
    return living


def _refusal(mine: Ticket, holder: Ticket) -> str:
    end = f"end it (kill {holder.pid})" if holder.host == mine.host else f"end it on {holder.host}"
    return f"{_common(mine, holder)}: {holder} works there; wait for longer (--wait), or {end}"


def _common(mine: Ticket, holder: Ticket) -> str:
    first, *others = sorted(mine.claims & holder.claims)
    return f"{first} and {len(others)} more" if others else first


@contextmanager
def _guarded(folder: Path, shared: bool = False) -> Iterator[None]:
    guard = folder / ".guard"
    if not guard.exists():
        guard.touch()
    with locked(guard, shared):
        yield
