"""Stages on Ray: each is one plain task with the CPUs and GPUs that the settings give it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self, cast

from services.interrupts import held
from services.ray.driver import Call, Driver, stopped
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import RaySettings, Settings
from tocoad.stages.graph import Job
from tocoad.stages.stage import Progress, ProgressCallback, StageRecord, silent

logger = logging.getLogger(__name__)

# How often one that waits looks whether the driver is still there.
_LIFE_SECONDS = 5.0


class RayStages:
    """Runs stages on the cluster at `ray.address`; where that is empty, on a Ray of its own on loopback.

    It starts at the first call, so that a flow with nothing to do does not pay for it, and ends with the context.
    `run` may be called from several threads at once; how many stages then run is Ray's to decide, from the CPUs and
    GPUs there are.
    """

    def __init__(
        self, workspace: Workspace, settings: RaySettings, stage_function: str = "tocoad.stages.running:run_stage"
    ) -> None:
        self._root = str(workspace.root.resolve())
        self._settings = settings
        self._stage_function = stage_function
        self._inbox: SimpleQueue[Call | None] = SimpleQueue()
        self._lock = Lock()
        self._driver: Thread | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops what still runs, as after Ctrl-C, and Ray if it is ours."""
        with self._lock:
            self._closed = True
        if self._driver is not None:
            with held():
                self._inbox.put(None)
                self._driver.join()

    def run(
        self, job: Job, settings: Settings, on_progress: ProgressCallback = silent, sources: str | None = None
    ) -> StageRecord:
        """Runs the stage and waits for it. `on_progress` is called here, in the caller's thread; `sources` is for
        `tocoad.stages.running.run_stage`.

        Raises:
            WorkerLostError: the worker's process died, for want of memory or otherwise.
            StageStoppedError: the context was left while the stage ran.
            SettingsError: no Ray answers at the address, or a stage asks for more than a local Ray has.
            Exception: what the stage itself raised.
        """
        stage = (self._stage_function, self._root, str(job.owner), job.method, job.stage.name)
        arguments = (*stage, settings.model_dump_json(), sources)
        return cast(StageRecord, self._wait(job.dvc_name, "run_stage", arguments, on_progress))

    def call(self, label: str, function: str, *arguments: Any) -> Any:
        """Calls `module:name` with small arguments in a worker, as `run` does a stage; `label` names it in errors."""
        return self._wait(label, "call_function", (function, *arguments), silent)

    def _wait(
        self, label: str, worker_function: str, arguments: tuple[Any, ...], on_progress: Callable[[Progress], None]
    ) -> Any:
        call = Call(uuid.uuid4().hex, label, worker_function, arguments)
        with self._lock:
            if self._closed:
                raise stopped(call)
            if self._driver is None:
                self._driver = Thread(target=Driver(self._settings, self._inbox).run, name="ray", daemon=True)
                self._driver.start()
        self._inbox.put(call)
        try:
            while isinstance(answer := self._answer(call), Progress):
                try:
                    on_progress(answer)
                except Exception:
                    # Who watches is told nothing more; the stage is worth more than its figures.
                    logger.warning("%s: its progress could not be shown", label, exc_info=True)
                    on_progress = silent
        except BaseException:
            call.abandoned = True
            raise
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _answer(self, call: Call) -> Any:
        """What comes next for the call; an exception where nobody is left to answer."""
        while True:
            try:
                return call.answers.get(timeout=_LIFE_SECONDS)
            except Empty:
                if self._driver is None or (not self._driver.is_alive() and call.answers.empty()):
                    return stopped(call)
