"""How often what runs on Ray is tried again."""

from __future__ import annotations

from services.ray.lost import NodeLostError
from tocoad.errors import PassingError
from tocoad.settings.sections import FlowSettings, RaySettings


class Tries:
    """That one job, or one shard, has left; a machine that is lost is not held against it."""

    def __init__(self, flow: FlowSettings, ray: RaySettings) -> None:
        self._left, self._left_when_lost = flow.retries, ray.lost_retries

    @property
    def most(self) -> int:
        return self._left + self._left_when_lost

    def again(self, error: object) -> bool:
        """Whether another try is worth it after this; it counts as one then."""
        if isinstance(error, NodeLostError):
            self._left_when_lost -= 1
            return self._left_when_lost >= 0
        if isinstance(error, PassingError):
            self._left -= 1
            return self._left >= 0
        return False
