"""Who works in the workspace, and who has died there."""

from __future__ import annotations

from collections.abc import Iterator

from services.doctor.case import Case
from services.doctor.finding import Finding
from tocoad.files.ticket import Watcher, tickets

_SHOWN = 3


def check(case: Case) -> Iterator[Finding]:
    """The leases, as their files tell it: of another machine's by its clock."""
    if case.workspace is None:
        return
    folder = case.workspace.services_dir.resolve() / "leases"
    found, watcher = tickets(folder), Watcher(0)
    for ticket in found:
        claims = sorted(ticket.claims)
        more = f" and {len(claims) - _SHOWN} more" if len(claims) > _SHOWN else ""
        on = f"{', '.join(claims[:_SHOWN])}{more}"
        if watcher.lives(ticket):
            yield Finding("runs", "ok", f"{ticket} works on {on}")
        else:
            way_out = "nothing: the next run on these takes them over; that it was killed is worth a look"
            yield Finding("runs", "warn", f"{ticket} has died, and has left its lease of {on}", way_out)
    if not found:
        yield Finding("runs", "ok", "nothing runs in this workspace")
