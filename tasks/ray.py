"""Stages on Ray: each is one plain task with the CPUs and GPUs that the settings give it."""

from __future__ import annotations

import importlib
import logging
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Lock
from types import TracebackType
from typing import Any, Self, cast

from tocoad.config import RaySettings, Settings, SettingsError
from tocoad.graph import Job
from tocoad.stage import Progress, ProgressCallback, StageError, StageRecord, silent
from tocoad.workspace import Workspace

_POLL_SECONDS = 0.25
_CLOSE_SECONDS = 30
# Ray's smallest: only paths and figures travel.
_OBJECT_STORE_BYTES = 100 * 1024 * 1024
# With an address of its own, Ray's workers may be on machines that have the dependencies but not this code.
_SHIPPED_PACKAGES = ("tocoad", "tasks")


class WorkerLostError(RuntimeError):
    """A stage's process died; one line. Another try goes on from the stage's last checkpoint."""


class StageStoppedError(StageError):
    """The flow ends, by Ctrl-C or an error, while the stage still runs."""


class RayStages:
    """Runs stages on the cluster at `ray.address`; where that is empty, on a Ray of its own on loopback.

    It starts at the first call, so that a flow with nothing to do does not pay for it, and ends with the context.
    `run` may be called from several threads at once; how many stages then run is Ray's to decide, from the CPUs and
    GPUs there are.
    """

    def __init__(
        self, workspace: Workspace, settings: RaySettings, stage_function: str = "tocoad.running:run_stage"
    ) -> None:
        self._root = str(workspace.root.resolve())
        self._settings = settings
        self._stage_function = stage_function
        self._lock = Lock()
        self._waiting = 0
        self._idle = Condition()
        self._closing = False
        self._mailbox: Any = None
        # Ray's processes die with the thread that started them; a thread of a caller's pool may end before they should.
        self._keeper = ThreadPoolExecutor(1, "ray")
        self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started:
            import ray

            self._keeper.submit(ray.shutdown).result()
        self._keeper.shutdown()

    def run(self, job: Job, settings: Settings, on_progress: ProgressCallback = silent) -> StageRecord:
        """Runs the stage and waits for it. `on_progress` is called here, in the caller's thread.

        Raises:
            WorkerLostError: the worker's process died, for want of memory or otherwise.
            SettingsError: a stage asks for more CPUs or GPUs than a local Ray has.
            Exception: what the stage itself raised.
        """
        with self._ready():
            from tasks.ray_worker import run_stage

            key = uuid.uuid4().hex
            stage = (self._stage_function, self._root, str(job.category), job.method, job.stage.name)
            arguments = (*stage, settings.model_dump_json(), self._mailbox, key)
            return cast(StageRecord, self._wait(job.dvc_name, run_stage, arguments, key, on_progress))

    def call(self, label: str, function: str, *arguments: Any) -> Any:
        """Calls `module:name` with small arguments in a worker, as `run` does a stage; `label` names it in errors."""
        with self._ready():
            from tasks.ray_worker import call

            return self._wait(label, call, (function, *arguments), None, silent)

    def _wait(
        self, label: str, function: Any, arguments: tuple[Any, ...], key: str | None, on_progress: ProgressCallback
    ) -> Any:
        import ray
        from ray.exceptions import RayError, RayTaskError

        # Tries are counted in one place, the flow; Ray's own, by default three, are off.
        remote = ray.remote(num_cpus=self._settings.num_cpus, num_gpus=self._settings.num_gpus, max_retries=0)(function)
        task = remote.remote(*arguments)
        try:
            done: list[Any] = []
            while not done:
                if self._closing:
                    raise StageStoppedError(f"{label}: stopped; the next run goes on from its last checkpoint")
                done, _ = ray.wait([task], timeout=_POLL_SECONDS)
                for update in self._take(key):
                    on_progress(update)
            return ray.get(task)
        except RayTaskError as error:
            cause = error.cause
            if not isinstance(cause, Exception):
                raise
            # Our own errors say all in a line; of others the worker's traceback is wanted.
            ours = type(cause).__module__.startswith(("tocoad.", "tasks."))
            raise cause from (None if ours else error)
        except RayError as error:
            raise WorkerLostError(f"{label}: {_reason(error)}; another try goes on from the last checkpoint") from error
        except BaseException:
            ray.cancel(task, force=True)
            raise

    def _take(self, key: str | None) -> list[Progress]:
        if key is None:
            return []
        import ray
        from ray.exceptions import RayActorError

        try:
            return cast(list[Progress], ray.get(self._mailbox.take.remote(key)))
        except RayActorError:
            # Its node was lost and it starts anew elsewhere; the stage may well go on.
            return []

    @contextmanager
    def _ready(self) -> Iterator[None]:
        """Ray is there, and is not stopped while the block lasts."""
        with self._idle:
            self._waiting += 1
        try:
            with self._lock:
                if self._closing:
                    raise StageStoppedError("stopped before it began")
                if self._mailbox is None:
                    self._keeper.submit(self._start).result()
            yield
        finally:
            with self._idle:
                self._waiting -= 1
                self._idle.notify_all()

    def _start(self) -> None:
        address = self._settings.address or None
        # A thread that still polls when Ray is stopped must not start another by that. Read at import, as the next is.
        os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
        if address is None:
            # The name misleads: 0 keeps every port of a local Ray on loopback, on Linux too.
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        import ray

        if not ray.is_initialized():
            options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
            if address is None:
                options |= {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
            else:
                options |= {"address": address, "runtime_env": {"py_modules": _package_folders()}}
            try:
                ray.init(**options)
            except ConnectionError as error:
                raise SettingsError(f"ray.address: no Ray cluster answers at {address} ({error})") from None
            self._started = True
        if address is None:
            self._check_resources(cast(Any, ray).cluster_resources())
        from tasks.ray_worker import Mailbox

        self._mailbox = cast(Any, Mailbox).remote()

    def _check_resources(self, have: dict[str, float]) -> None:
        """Without this a stage that asks for too much would wait for ever."""
        for name, key, wanted in (
            ("CPU", "num_cpus", self._settings.num_cpus),
            ("GPU", "num_gpus", self._settings.num_gpus),
        ):
            if wanted > have.get(name, 0):
                raise SettingsError(f"ray.{key}: a stage asks for {wanted:g}, this machine has {have.get(name, 0):g}")


def _package_folders() -> list[str]:
    return [str(Path(str(importlib.import_module(name).__file__)).parent) for name in _SHIPPED_PACKAGES]


def _reason(error: Exception) -> str:
    from ray.exceptions import OutOfMemoryError

    if isinstance(error, OutOfMemoryError):
        return "Ray stopped the worker because memory ran short (run fewer stages at a time: raise ray.num_cpus)"
    return f"the worker's process was lost ({str(error).partition('.')[0]})"
