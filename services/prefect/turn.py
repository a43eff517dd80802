"""One flow at a time that computes on a data set, in whatever workspace it runs: a limit of Prefect's server.

The lease of a workspace (`tocoad.files.lease`) keeps apart those that share its files, and is taken before: so nobody
who waits here holds what the one waited for needs. Two that met nevertheless would both train, and the log of decisions
would let one win: the limit saves work, and nothing depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tocoad.errors import StageError, error_line
from tocoad.files.lease import FOREVER

# The server's least. A holder that dies keeps the others waiting for so long, and no longer.
LEASE_SECONDS = 60
_LOOK_SECONDS = 3.0

Tell = Callable[[str], None]


class TurnTakenError(StageError):
    """Another flow works on the data set, and it was not to be waited for any longer."""


def limit_of(dataset: str) -> str:
    """Its name on the server's page; who wants more flows at once raises it there."""
    return f"tocoad-{dataset}"


@contextmanager
def turn(dataset: str, tell: Tell, wait: float = FOREVER) -> Iterator[None]:
    """Within a flow run: the block has the data set's turn, after at most `wait` seconds. A server that fails to give
    it, or is away at its end, is told of and stops nothing.

    Raises:
        TurnTakenError: another flow still has it.
    """
    with ExitStack() as stack:
        try:
            _take(stack, dataset, tell, wait)
        except TurnTakenError:
            raise
        except Exception as error:
            tell(f"Prefect gives {dataset} no turn, and it is worked on without one ({error_line(error)})")
        try:
            yield
        finally:
            # It ends by itself, a minute later.
            with suppress(Exception):
                stack.pop_all().close()


def _take(stack: ExitStack, dataset: str, tell: Tell, wait: float) -> None:
    from prefect.client.schemas.objects import ConcurrencyLeaseHolder
    from prefect.concurrency.sync import concurrency
    from prefect.runtime import flow_run

    name, started, told = limit_of(dataset), time.monotonic(), False
    _make(name)
    holder = ConcurrencyLeaseHolder(type="flow_run", id=flow_run.get_id())
    while True:
        # By itself it would look again after half a minute, and say nothing meanwhile.
        slot = concurrency(name, lease_duration=LEASE_SECONDS, max_retries=0, holder=holder)
        try:
            stack.enter_context(slot)
            return
        except Exception as error:
            if not _is_taken(error):
                raise
        left = wait - (time.monotonic() - started)
        if left <= 0:
            raise TurnTakenError(f"{dataset}: {_who(name)}; wait for longer (--wait)")
        if not told:
            tell(f"waiting: {_who(name)}")
            told = True
        time.sleep(min(_LOOK_SECONDS, left))


def _make(name: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.exceptions import ObjectAlreadyExists

    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=1))


def _is_taken(error: Exception) -> bool:
    import httpx

    cause = error.__cause__
    return isinstance(cause, httpx.HTTPStatusError) and cause.response.status_code == httpx.codes.LOCKED


def _who(name: str) -> str:
    return f"another flow has Prefect's limit {name} (if none does: prefect gcl update {name} --active-slots 0)"
