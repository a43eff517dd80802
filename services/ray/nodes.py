"""Whether a Ray has a node that a job fits on, and how many jobs are given to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from services.ray.placement import WORKERS, Placement

Resources = Mapping[str, float]

# Ray counts in ten thousandths.
_STEPS = 10_000
# Where a job asks for nothing that is counted, this many count as what a node has.
_UNCOUNTED, _UNCOUNTED_PLACES = "uncounted", 64
_NOWHERE = -1

Seats = tuple[int, ...]


def lacking(placement: Placement, nodes: list[Resources], where: str) -> str | None:
    """What no node has as much of as the job asks for; None where one has all. `where` names the largest."""
    if any(all(node.get(name, 0) >= amount for name, amount in placement.amounts) for node in nodes):
        return _lacking_for_all(placement, nodes)
    for name, amount in placement.amounts:
        there = max((node.get(name, 0) for node in nodes), default=0)
        if amount > there:
            key = placement.keys.get(name, name)
            return f"{key}: a stage asks for {_told(name, amount)}, {where} has {_told(name, there)}"
    keys = " and ".join(placement.keys.get(name, name) for name, _ in placement.amounts)
    asked = " and ".join(_told(name, amount) for name, amount in placement.amounts)
    return f"{keys}: a stage asks for {asked} on one node, and no node has all of it"


def _lacking_for_all(placement: Placement, nodes: list[Resources]) -> str | None:
    """The same where one worker has all that it asks for."""
    if Room(nodes, 1).holds(placement):
        return None
    each = " and ".join(_told(name, amount) for name, amount in placement.amounts)
    asked = f"{placement.workers} workers of {each} each"
    return f"{placement.keys.get(WORKERS, WORKERS)}: a stage asks for {asked}, and there is room for fewer"


def _told(name: str, amount: float) -> str:
    return f"{amount / 10**9:g} GB" if name == "memory" else f"{amount:g} {name}"


class Room:
    """Which jobs are given to Ray: as many as its nodes hold `rounds` times over. Of each a seat is taken here for
    every worker, on some node that it fits on; Ray may put it elsewhere.
    """

    def __init__(self, nodes: list[Resources], rounds: int) -> None:
        uncounted = {_UNCOUNTED: float(_UNCOUNTED_PLACES)}
        # Who needs no GPU leaves those that have one to others, as Ray does.
        self._nodes = [_steps(node) for node in (*sorted(nodes, key=_riches), uncounted)]
        self._left = [{name: rounds * amount for name, amount in node.items()} for node in self._nodes]
        self._rounds = rounds
        self._homeless: Counter[Placement] = Counter()

    def take(self, placement: Placement) -> Seats | None:
        """None: there is no room now. What never fits on the nodes has a few seats all the same, by which an autoscaler
        sees what is asked for.
        """
        if self.holds(placement):
            return self._seated(placement, self._left)
        if self._homeless[placement] < self._rounds:
            self._homeless[placement] += 1
            return (_NOWHERE,)
        return None

    def holds(self, placement: Placement) -> bool:
        """Whether it fits on the nodes while nothing else is there."""
        return self._seated(placement, [dict(node) for node in self._nodes]) is not None

    def give_back(self, placement: Placement, seats: Seats | None) -> None:
        for seat in seats or ():
            if seat == _NOWHERE:
                self._homeless[placement] -= 1
            else:
                _take(self._left[seat], _wanted(placement), -1)

    def _seated(self, placement: Placement, left: list[dict[str, int]]) -> Seats | None:
        """A seat for each worker, taken from what is `left`; None, and nothing taken, where one has none."""
        wanted = _wanted(placement)
        seats: list[int] = []
        for seat, node in enumerate(self._nodes):
            while len(seats) < placement.workers and _holds(node, wanted) and _holds(left[seat], wanted):
                _take(left[seat], wanted)
                seats.append(seat)
        if len(seats) == placement.workers:
            return tuple(seats)
        for seat in seats:
            _take(left[seat], wanted, -1)
        return None


def _take(node: dict[str, int], wanted: Mapping[str, int], times: int = 1) -> None:
    for name, amount in wanted.items():
        node[name] -= times * amount


def _wanted(placement: Placement) -> dict[str, int]:
    return _steps(dict(placement.amounts)) or _steps({_UNCOUNTED: 1})


def _steps(amounts: Resources) -> dict[str, int]:
    return {name: max(round(amount * _STEPS), 1) for name, amount in amounts.items() if amount}


def _holds(node: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    return all(node.get(name, 0) >= amount for name, amount in wanted.items())


def _riches(node: Resources) -> tuple[float, int]:
    return node.get("GPU", 0), len(node)
