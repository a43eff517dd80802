"""The one thread that talks to Ray; the others hand it calls and get answers.

Ray's processes die with the thread that started them, and it does not bear being stopped while another thread is in
one of its calls or still holds one of its references: so all of that stays in here.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Container
from contextlib import suppress
from dataclasses import replace
from itertools import count
from queue import Empty
from typing import Any, cast
from uuid import uuid4

from services.ray.connection import Connection
from services.ray.inbox import Call, Inbox, stopped
from services.ray.lost import NodeLostError, RayLostError, WorkerLostError
from services.ray.nodes import Resources, Room, Seats, lacking
from services.ray.orphans import clear_orphans
from services.ray.placement import Placement
from tocoad.errors import SettingsError, first_line
from tocoad.settings.sections import RaySettings

# How long a call may wait for the thread, which waits for Ray meanwhile.
_POLL_SECONDS = 0.05
_MAIL_SECONDS = 0.25
# No call waits for longer: what it asks for is there already, or lost. All wait for a mailbox whose node hangs.
_GET_SECONDS = 60.0
_LETTERS_SECONDS = 5.0
_MAIL_AGAIN_SECONDS = 10.0
# How often a cluster's nodes are looked at, and how long it may have none that is large enough for a stage.
_LOOK_SECONDS = 10.0
_PATIENCE_SECONDS = 300.0
# A place that comes free is filled at once by what waits in Ray's queue, and that is taken as it came: the more waits
# there, the less counts what is urgent. As many as run already let an autoscaler double its cluster at a time.
_ROUNDS = 2


class Driver:
    """Takes calls from the inbox until it finds the end there."""

    def __init__(self, settings: RaySettings, inbox: Inbox) -> None:
        self._settings = settings
        self._inbox = inbox
        self._ray = Connection(settings.address)
        self._mailbox: Any = None
        # By what they ask for, a heap of each: the most urgent first, of equals the oldest.
        self._waiting: dict[Placement, list[tuple[float, int, Call]]] = {}
        self._numbers = count()
        # With the seats of each in the room, where it has some.
        self._running: dict[Any, tuple[Call, Seats | None]] = {}
        # By a running call's key: on which node it is, once that is known. Of the others: those that ran when the last
        # look found a node dead.
        self._node_of: dict[str, str] = {}
        self._astray: set[str] = set()
        self._remotes: dict[tuple[str, Placement], Any] = {}
        self._room = Room([], _ROUNDS)
        self._nodes: list[Resources] = []
        # Times of the monotonic clock.
        self._mail_at = self._deaf_until = self._look_at = 0.0
        self._lacks_since: dict[Placement, float] = {}

    def run(self) -> None:
        """The thread's body. Every call gets its answer, and one that fails takes no other with it."""
        try:
            while self._take_calls():
                self._fill()
                try:
                    self._poll()
                except RayLostError as error:
                    self._give_up(error)
                except Exception as error:
                    self._answer_all(WorkerLostError(f"Ray failed ({first_line(error)})"))
        finally:
            self._stop()

    def _take_calls(self) -> bool:
        """Takes what lies in the inbox; with nothing else to do it waits for that. False: this is the end."""
        with suppress(Empty):
            while True:
                call = self._inbox.take(wait=not (self._waiting or self._running))
                if call is None:
                    return False
                self._queue(call)
        return True

    def _queue(self, call: Call) -> None:
        queue = self._waiting.setdefault(call.placement, [])
        heapq.heappush(queue, (-call.urgency, next(self._numbers), call))

    def _fill(self) -> None:
        """Hands to Ray what there is room for, the most urgent first. What there is none for holds up no other."""
        if self._mailbox is not None and not self._ray.answers:
            return  # Ray would keep this thread waiting, to learn of a function or an actor
        full: set[Placement] = set()
        while open_queues := [queue for placement, queue in self._waiting.items() if placement not in full]:
            call = min(open_queues)[0][-1]
            if not call.answer.cancelled():
                try:
                    seats = self._seats(call)
                except Exception as error:
                    call.end(error)
                    if self._mailbox is None:  # no other would fare better, and each would wait as long
                        self._answer_all(error)
                        return
                else:
                    if seats is None:
                        full.add(call.placement)
                        continue
                    self._submit(call, seats)
            heapq.heappop(self._waiting[call.placement])
            if not self._waiting[call.placement]:
                del self._waiting[call.placement]

    def _seats(self, call: Call) -> Seats | None:
        if self._mailbox is None:
            self._start()
        if not self._settings.address and (lack := lacking(call.placement, self._nodes, "this machine")):
            raise SettingsError(lack)
        return self._room.take(call.placement)

    def _submit(self, call: Call, seats: Seats) -> None:
        try:
            remote = self._remote(call.worker_function, call.placement)
            task = remote.remote(call.placement.device, self._mailbox, call.key, *_arguments(call))
        except Exception as error:
            self._room.give_back(call.placement, seats)
            call.end(error)
        else:
            self._running[task] = call, seats

    def _remote(self, worker_function: str, placement: Placement) -> Any:
        """Made once: by that Ray knows the calls as alike, takes them in their order, and lets a worker go on with the
        next without asking anew for its place.
        """
        if (worker_function, placement) not in self._remotes:
            import ray

            from services.ray import parallel, worker

            called = getattr(worker, worker_function) if placement.workers == 1 else parallel.work_together
            # Tries are counted in one place, the flow; Ray's own, by default three, are off.
            on_ray = ray.remote(max_retries=0, **placement.options)
            self._remotes[worker_function, placement] = on_ray(worker.on_device(called))
        return self._remotes[worker_function, placement]

    def _poll(self) -> None:
        if self._running:
            self._take_results()
        elif self._waiting:
            time.sleep(_POLL_SECONDS)
        if (self._running or self._waiting) and time.monotonic() > self._look_at:
            self._look()

    def _take_results(self) -> None:
        import ray

        # The first that is done ends the wait, and then all are taken that are.
        done, others = ray.wait(list(self._running), timeout=_POLL_SECONDS)
        if done and others:
            done += ray.wait(others, num_returns=len(others), timeout=0)[0]
        # After the look at what is done: a stage's last progress is in the mailbox before its result is there.
        if done or time.monotonic() > self._mail_at:
            self._deliver_progress()
        for task in done:
            self._leave(task).end(_result(task))
        for task in [task for task, (call, _) in self._running.items() if call.answer.cancelled()]:
            self._leave(task)
            _cancel(task)

    def _leave(self, task: Any) -> Call:
        call, seats = self._running.pop(task)
        self._node_of.pop(call.key, None)
        self._room.give_back(call.placement, seats)
        return call

    def _deliver_progress(self) -> None:
        """Progress may be lost, with the mailbox's node or otherwise: the stages go on and have their results."""
        if time.monotonic() < self._deaf_until:
            return
        import ray

        try:
            letters, begun = ray.get(self._mailbox.take.remote(), timeout=_LETTERS_SECONDS)
        except Exception:
            # It starts anew, if it can.
            self._deaf_until = time.monotonic() + _MAIL_AGAIN_SECONDS
            return
        self._mail_at = time.monotonic() + _MAIL_SECONDS
        for call, _ in self._running.values():
            if call.key in begun:
                self._node_of[call.key] = begun[call.key]
            for update in letters.get(call.key, ()):
                call.tell(update)

    def _look(self) -> None:
        """What there is room for now. What no node can take would wait for ever: to a cluster a node may yet come, by
        an autoscaler.
        """
        dead = self._ray.dead
        left = [task for task, (call, _) in self._running.items() if self._node_of.get(call.key) in dead]
        astray = [task for task, (call, _) in self._running.items() if call.key in self._astray - self._node_of.keys()]
        self._see(self._ray.nodes())
        self._leave_behind(left)
        self._take_back(astray)
        keys = {call.key for call, _ in self._running.values()} if self._ray.dead - dead else set()
        self._astray = keys - self._node_of.keys()
        now = time.monotonic()
        self._look_at = now + (_LOOK_SECONDS if self._ray.answers else _MAIL_SECONDS)
        if self._ray.answers and any(placement.workers > 1 for _, placement in self._remotes):
            clear_orphans()
        asked = {*self._waiting, *(call.placement for call, _ in self._running.values())}
        lacks = {
            placement: lack for placement in asked if (lack := lacking(placement, self._nodes, "the largest node"))
        }
        self._lacks_since = {placement: self._lacks_since.get(placement, now) for placement in lacks}
        for placement, since in self._lacks_since.items():
            if now - since >= _PATIENCE_SECONDS:
                told = f"{lacks[placement]}, and for {_PATIENCE_SECONDS:.0f} s none has come"
                self._answer_all(SettingsError(told), {placement})

    def _leave_behind(self, tasks: list[Any]) -> None:
        """Those of nodes that were dead a look ago. Ray tells of a process that has ended; one that stands still, or
        whose network is gone, it waits for without end.
        """
        for task in tasks:
            _cancel(task)
            self._leave(task).end(NodeLostError("its node was lost; another try goes on from the last checkpoint"))

    def _take_back(self, tasks: list[Any]) -> None:
        """Those that may have been on a node that was found dead a look ago: it may have stood still before they could
        say where they are, or the letter was lost. They begin anew; most had not begun, and none is a try the less.
        """
        for task in tasks:
            _cancel(task)
            # By another key: what the lost one may yet say of itself is not of this one.
            self._queue(replace(self._leave(task), key=uuid4().hex))

    def _see(self, nodes: list[Resources]) -> None:
        if nodes == self._nodes:
            return
        self._nodes, self._room = nodes, Room(nodes, _ROUNDS)
        for task, (call, _) in self._running.items():
            self._running[task] = call, self._room.take(call.placement)

    def _answer_all(self, error: Exception, asking: Container[Placement] | None = None) -> None:
        """Those alone that ask for one of these, where they are given. What runs is stopped: another try is not to meet
        it at work.
        """
        for task in [task for task, (call, _) in self._running.items() if asking is None or call.placement in asking]:
            _cancel(task)
            self._leave(task).end(error)
        for placement in [placement for placement in self._waiting if asking is None or placement in asking]:
            for *_, call in self._waiting.pop(placement):
                call.end(error)

    def _start(self) -> None:
        self._ray.open()
        self._see(self._ray.nodes())
        import ray

        from services.ray.worker import Mailbox

        # Beside this process: no other node takes it away. An affinity would not do: what asks for nothing is sent to
        # any node, which may not know this one yet.
        here = f"node:{cast(Any, ray.util).get_node_ip_address()}"
        self._mailbox = cast(Any, Mailbox).options(resources={here: 0.001}).remote()

    def _give_up(self, error: RayLostError) -> None:
        """The next call starts anew."""
        self._answer_all(error)
        self._forget()

    def _forget(self) -> None:
        self._remotes.clear()
        self._mailbox = None
        self._nodes = []
        self._ray.close()

    def _stop(self) -> None:
        for queue in self._waiting.values():
            for *_, call in queue:
                call.end(stopped(call))
        for task, (call, _) in self._running.items():
            _cancel(task)
            call.end(stopped(call))
        self._waiting.clear()
        self._running.clear()
        self._inbox.close()
        self._forget()


def _arguments(call: Call) -> tuple[Any, ...]:
    """Of the worker function, behind what it belongs to where several workers are to call it."""
    place = call.placement
    if place.workers == 1:
        return call.arguments
    return (call.worker_function, place.device, place.workers, dict(place.amounts), *call.arguments)


def _cancel(task: Any) -> None:
    import ray

    # It may be over, or its node gone: then there is nothing to stop.
    with suppress(Exception):
        ray.cancel(task, force=True)


def _result(task: Any) -> Any:
    """What the task returned, or the exception for the caller: without Ray's frames, which hold references."""
    import ray
    from ray.exceptions import LocalRayletDiedError, NodeDiedError, OutOfMemoryError, RayError, RayTaskError

    try:
        # It is done, but its node may be lost with it.
        return ray.get(task, timeout=_GET_SECONDS)
    except RayTaskError as error:
        cause: Any = error.cause
        if not isinstance(cause, Exception):
            return error.with_traceback(None)
        # Our own errors say all in a line; of others the worker's traceback is wanted.
        ours = type(cause).__module__.startswith(("tocoad.", "services."))
        cause.__cause__ = None if ours else error.with_traceback(None)
        return cause
    except OutOfMemoryError:
        return WorkerLostError(
            "memory ran short and Ray stopped the worker: raise ray.num_cpus, or memory_gb of its ray.stages, so that "
            "fewer run"
        )
    except RayError as error:
        kind = NodeLostError if isinstance(error, LocalRayletDiedError | NodeDiedError) else WorkerLostError
        reason = str(error).partition(".")[0]
        return kind(f"the worker's process was lost ({reason}); another try goes on from the last checkpoint")
    except Exception as error:
        return error.with_traceback(None)
