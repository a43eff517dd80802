"""Of what the workers of one job raise, the one error that says what happened; and where they talk from."""

from __future__ import annotations

import sys

import pytest
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError
from skip_report import reason
from torch.distributed import DistBackendError

from services.ray.driver import WorkerLostError
from services.ray.parallel import cause_of
from services.ray.training_group import interface_of
from tocoad.errors import StageError

OURS, DEFECT = StageError("the disk is full"), ZeroDivisionError("division by zero")
DIED = WorkerHealthCheckFailedError("the actor died", RuntimeError("killed"))
BY_PEER = [RuntimeError("[/gloo/transport/tcp/pair.cc:538] Connection closed by peer"), DistBackendError("NCCL")]


@pytest.mark.parametrize("by_peer", BY_PEER)
def test_what_one_worker_says_counts_and_not_that_the_others_lost_it(by_peer: Exception) -> None:
    assert cause_of([by_peer, OURS]) is OURS
    assert cause_of([by_peer, DEFECT]) is DEFECT
    assert cause_of([DEFECT, by_peer, OURS]) is OURS
    assert isinstance(cause_of([by_peer, DIED]), WorkerLostError)
    assert isinstance(cause_of([by_peer]), WorkerLostError), "the death of the other is not known yet"


@pytest.mark.skipif(sys.platform != "linux", reason=reason("an interface called lo", "on Linux"))
def test_a_worker_talks_from_the_interface_whose_network_its_nodes_address_is_in() -> None:
    assert interface_of("127.0.0.1") == interface_of("127.0.0.3") == "lo"
    assert interface_of("203.0.113.7") is None, "an address that documents use"
