"""What a job is lost with. Another try goes on from its last checkpoint."""

from __future__ import annotations

from tocoad.errors import PassingError


class WorkerLostError(PassingError):
    """A job's process died; one line."""


class NodeLostError(WorkerLostError):
    """With the machine that it was on: no fault of the job."""


class RayLostError(NodeLostError):
    """The cluster's head does not answer any more, or the node that the driver is on was lost."""
