"""The one thread that talks to Ray; the others hand it calls and get answers.

Ray's processes die with the thread that started them, and it does not bear being stopped while another thread is in
one of its calls or still holds one of its references: so all of that stays in here.
"""

from __future__ import annotations

import importlib
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, cast

from services.interrupts import sigterm_kept
from services.ray.folder import ray_folder
from services.ray.nodes import lacking
from services.ray.token import guard_token
from tocoad.errors import PassingError, SettingsError, StageError, first_line
from tocoad.settings.sections import RaySettings

_POLL_SECONDS = 0.25
# No call waits for longer: what it asks for is there already, or lost.
_GET_SECONDS = 60.0
_MAIL_AGAIN_SECONDS = 10.0
# How often a cluster's nodes are looked at, and how long it may have none that is large enough for a stage.
_LOOK_SECONDS = 10.0
_PATIENCE_SECONDS = 300.0
# Little more than Ray's smallest: only paths and figures travel.
_OBJECT_STORE_BYTES = 100 * 1024 * 1024
# A cluster's machines have the dependencies; the code comes from here.
_SHIPPED_PACKAGES = ("tocoad", "services")


class WorkerLostError(PassingError):
    """A stage's process died; one line. Another try goes on from the stage's last checkpoint."""


class StageStoppedError(StageError):
    """The flow ended, by Ctrl-C or an error, while the stage still ran."""


@dataclass
class Call:
    """One function for a worker. `answers` gets its progress as it comes and then the result, or an exception."""

    key: str
    label: str
    worker_function: str
    arguments: tuple[Any, ...]
    answers: SimpleQueue[Any] = field(default_factory=SimpleQueue)
    abandoned: bool = False


class Driver:
    """Takes calls from the inbox until it finds None there."""

    def __init__(self, settings: RaySettings, inbox: SimpleQueue[Call | None]) -> None:
        self._settings = settings
        self._inbox = inbox
        self._mailbox: Any = None
        self._started = False
        self._folder: TemporaryDirectory[str] | None = None
        self._running: dict[Any, Call] = {}
        # Times of the monotonic clock.
        self._mail_again = self._look_again = 0.0
        self._lacks_since: float | None = None

    def run(self) -> None:
        """The thread's body. Every call gets its answer, and one that fails takes no other with it."""
        try:
            while (calls := self._next_calls()) is not None:
                for call in calls:
                    try:
                        self._submit(call)
                    except Exception as error:
                        call.answers.put(error)
                try:
                    self._poll()
                except Exception as error:
                    self._answer_all(WorkerLostError(f"Ray failed ({first_line(error)})"))
        finally:
            self._stop()

    def _next_calls(self) -> list[Call] | None:
        """What waits in the inbox; with nothing running it waits itself. None: this is the end."""
        calls: list[Call] = []
        try:
            while True:
                call = self._inbox.get(block=not (calls or self._running))
                if call is None:
                    for waiting in calls:
                        waiting.answers.put(stopped(waiting))
                    return None
                calls.append(call)
        except Empty:
            return calls

    def _submit(self, call: Call) -> None:
        if self._mailbox is None:
            self._start()
        import ray

        from services.ray import worker as ray_worker

        # Tries are counted in one place, the flow; Ray's own, by default three, are off.
        on_ray = ray.remote(num_cpus=self._settings.num_cpus, num_gpus=self._settings.num_gpus, max_retries=0)
        remote = on_ray(getattr(ray_worker, call.worker_function))
        self._running[remote.remote(self._mailbox, call.key, *call.arguments)] = call

    def _poll(self) -> None:
        if not self._running:
            return
        import ray

        done, _ = ray.wait(list(self._running), timeout=_POLL_SECONDS)
        # After the look at what is done: a stage's last progress is in the mailbox before its result is there.
        self._deliver_progress()
        for task in done:
            self._running.pop(task).answers.put(_result(task))
        for task in [task for task, call in self._running.items() if call.abandoned]:
            del self._running[task]
            _cancel(task)
        if self._running and time.monotonic() > self._look_again:
            self._refuse_what_never_fits()

    def _deliver_progress(self) -> None:
        """Progress may be lost, with the mailbox's node or otherwise: the stages go on and have their results."""
        if time.monotonic() < self._mail_again:
            return
        import ray

        try:
            letters = ray.get(self._mailbox.take.remote(), timeout=_GET_SECONDS)
        except Exception:
            # It starts anew elsewhere, if it can.
            self._mail_again = time.monotonic() + _MAIL_AGAIN_SECONDS
            return
        for call in self._running.values():
            for update in letters.get(call.key, ()):
                call.answers.put(update)

    def _refuse_what_never_fits(self) -> None:
        """A request that no node can fulfil would wait for ever. On a cluster a node may yet come, by an autoscaler."""
        now = time.monotonic()
        self._look_again = now + _LOOK_SECONDS
        if (lack := lacking(self._settings)) is None:
            self._lacks_since = None
        elif self._lacks_since is None:
            self._lacks_since = now
        elif now - self._lacks_since >= _PATIENCE_SECONDS:
            for task in self._running:
                _cancel(task)
            self._answer_all(SettingsError(f"{lack}, and for {_PATIENCE_SECONDS:.0f} s none has come"))

    def _answer_all(self, error: Exception) -> None:
        for call in self._running.values():
            call.answers.put(error)
        self._running.clear()

    def _start(self) -> None:
        address = self._settings.address
        # Both are read when Ray is imported. A call after the end must not start another Ray by itself, and the second,
        # whose name misleads, keeps every port of a local Ray on loopback, on Linux too.
        os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
        if not address:
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        import ray

        if not ray.is_initialized():
            from services.ray.job import ForeignFoldersLeftOut

            options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
            options["job_config"] = ForeignFoldersLeftOut()
            if address:
                options |= {"address": address, "runtime_env": {"py_modules": _package_folders()}}
            else:
                guard_token()
                self._folder = ray_folder()
                options |= {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
                # Without the word RAY_ADDRESS, or the file of some `ray start`, would decide.
                options |= {"address": "local", "_temp_dir": str(Path(self._folder.name) / "r")}
            self._started = True
            try:
                with sigterm_kept():
                    ray.init(**options)
            except ConnectionError as error:
                raise SettingsError(f"ray.address: no Ray answers at {address} ({first_line(error)})") from None
        if not address and (lack := lacking(self._settings)) is not None:
            raise SettingsError(lack)
        from services.ray.worker import Mailbox

        self._mailbox = cast(Any, Mailbox).remote()

    def _stop(self) -> None:
        for task, call in self._running.items():
            _cancel(task)
            call.answers.put(stopped(call))
        self._running.clear()
        self._mailbox = None
        if self._started:
            import ray

            with sigterm_kept():
                ray.shutdown()
        if self._folder is not None:
            self._folder.cleanup()


def _cancel(task: Any) -> None:
    import ray

    # It may be over, or its node gone: then there is nothing to stop.
    with suppress(Exception):
        ray.cancel(task, force=True)


def _result(task: Any) -> Any:
    """What the task returned, or the exception for the caller: without Ray's frames, which hold references."""
    import ray
    from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

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
        return WorkerLostError("memory ran short and Ray stopped the worker: raise ray.num_cpus, so that fewer run")
    except RayError as error:
        reason = str(error).partition(".")[0]
        return WorkerLostError(
            f"the worker's process was lost ({reason}); another try goes on from the last checkpoint"
        )
    except Exception as error:
        return error.with_traceback(None)


def stopped(call: Call) -> StageStoppedError:
    return StageStoppedError(f"{call.label}: stopped; the next run goes on from its last checkpoint")


def _package_folders() -> list[str]:
    return [str(Path(str(importlib.import_module(name).__file__)).parent) for name in _SHIPPED_PACKAGES]
