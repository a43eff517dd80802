"""How often a job is tried again, by what it was lost with."""

from __future__ import annotations

import pytest

from services.ray.lost import NodeLostError, RayLostError, WorkerLostError
from services.ray.tries import Tries
from tocoad.errors import StageError
from tocoad.settings.sections import FlowSettings, RaySettings

NODE, HEAD, WORKER, OWN = NodeLostError("node"), RayLostError("head"), WorkerLostError("worker"), StageError("own")


@pytest.mark.parametrize(
    ("errors", "tried_again"),
    [
        ([WORKER, WORKER], [True, False]),
        # A machine that is lost is not held against the job.
        ([NODE, HEAD, NODE, WORKER], [True, True, False, True]),
        ([WORKER, NODE, NODE, WORKER], [True, True, True, False]),
        ([OWN], [False]),
    ],
)
def test_a_lost_machine_is_counted_apart(errors: list[Exception], tried_again: list[bool]) -> None:
    tries = Tries(FlowSettings(retries=1), RaySettings(lost_retries=2))
    assert tries.most == 3
    assert [tries.again(error) for error in errors] == tried_again
