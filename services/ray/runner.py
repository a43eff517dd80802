"""Stages on Ray: each is one plain task with the CPUs and GPUs that the settings give it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self

from services.interrupts import held
from services.ray.carrier import Carrier, FoldersOf
from services.ray.driver import Driver
from services.ray.inbox import Call, Inbox, stopped
from services.ray.order import NodeSettings, StoreAddress
from services.ray.placement import placement
from tocoad.files.lease import current_ticket
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import ComputeSettings, RaySettings, Settings
from tocoad.stages.graph import Job
from tocoad.stages.running import StageFolders, folders_of
from tocoad.stages.stage import ProgressCallback, StageRecord, silent

_DEFAULTS = ComputeSettings()


class RayStages:
    """Runs stages on the cluster at `ray.address`; where that is empty, on a Ray of its own on loopback.

    It starts at the first call, so that a flow with nothing to do does not pay for it, and ends with the context. How
    many stages run at a time is Ray's to decide, from the CPUs and GPUs there are.
    """

    # What the stages write, they write under the lease that this is made under.
    def __init__(
        self,
        workspace: Workspace,
        settings: RaySettings,
        stage_function: str = "tocoad.stages.running:run_stage",
        store: StoreAddress | None = None,
        folders_of_job: FoldersOf | None = None,
    ) -> None:
        """`store` is for a cluster, whose nodes reach it as this process does, and need nothing else that both reach.
        Where another function than `run_stage` runs the stages, `folders_of_job` tells the folders that it would use.
        """
        self._workspace, self._store = workspace, store
        self._folders_of_job = folders_of_job or self._in_workspace
        self._root = str(workspace.root.resolve())
        self._settings = settings
        self._stage_function = stage_function
        self._ticket = current_ticket()
        self._inbox = Inbox()
        self._lock = Lock()
        self._driver: Thread | None = None
        self._carrier: Carrier | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops what still runs, as after Ctrl-C, and Ray if it is ours."""
        with self._lock:
            self._closed = True
        with held():
            if self._driver is not None:
                self._inbox.end()
                self._driver.join()
            if self._carrier is not None:
                self._carrier.close()

    def submit(
        self,
        job: Job,
        settings: Settings,
        on_progress: ProgressCallback = silent,
        sources: str | None = None,
        urgency: float = 0.0,
    ) -> Future[StageRecord]:
        """As `tocoad.stages.runner.StageRunner.submit`; `on_progress` is not to keep its caller waiting.

        The future raises:
            WorkerLostError: the worker's process died, for want of memory or otherwise.
            StageStoppedError: the context was left before the stage had ended.
            SettingsError: no Ray answers at the address, or a stage asks for more than a local Ray has.
            Exception: what the stage itself raised.
        """
        where = placement(job.stage.name, self._settings, settings.compute)
        call = Call(uuid.uuid4().hex, job.dvc_name, "work", (), on_progress, urgency, where)
        if (carrier := self._apart()) is not None:
            return carrier.submit(call, job, settings, sources)
        stage = (self._stage_function, self._root, str(job.owner), job.method, job.stage.name)
        call.arguments = (*stage, settings.model_dump_json(), sources, self._ticket)
        self._put(call)
        return call.answer

    def call(
        self,
        label: str,
        function: str,
        folders: Mapping[str, Path],
        *arguments: str,
        compute: ComputeSettings = _DEFAULTS,
    ) -> Any:
        """As `start`, and waits."""
        answer = self.start(label, function, folders, *arguments, compute=compute)
        try:
            return answer.result()
        finally:
            answer.cancel()

    def start(
        self,
        label: str,
        function: str,
        folders: Mapping[str, Path],
        *arguments: str,
        compute: ComputeSettings = _DEFAULTS,
        parts: Mapping[str, Sequence[str]] | None = None,
        of_many: bool = False,
    ) -> Future[Any]:
        """Calls `module:name` in a worker, where `evaluate` would run, with the folders by their names and with texts;
        `label` names it in errors. Cancelling the future stops it.

        Of a folder that `parts` names, these files alone are read. A call that is one `of_many` may find its process
        as the one before has left it, and has the keys of this one.
        """
        where = replace(placement("evaluate", self._settings, compute), stays=of_many)
        worker_function = "call_with_keys" if of_many else "call_function"
        call = Call(uuid.uuid4().hex, label, worker_function, (function, dict(folders), *arguments), placement=where)
        if (carrier := self._apart()) is not None:
            return carrier.call(call, function, folders, arguments, parts or {})
        self._put(call)
        return call.answer

    def _in_workspace(self, job: Job, _: Settings) -> StageFolders:
        return folders_of(self._workspace, job.owner, job.method, job.stage)

    def _apart(self) -> Carrier | None:
        """For nodes that may share nothing with this process; a Ray of our own has this machine's folders."""
        if self._store is None:
            return None
        with self._lock:
            if self._carrier is None:
                node = NodeSettings.of(self._settings, self._store)
                self._carrier = Carrier(self._workspace, node, self._folders_of_job, self._ticket, self._put)
            return self._carrier

    def _put(self, call: Call) -> None:
        with self._lock:
            if self._closed:
                call.end(stopped(call))
                return
            if self._driver is None:
                self._driver = Thread(target=Driver(self._settings, self._inbox).run, name="ray", daemon=True)
                self._driver.start()
        self._inbox.put(call)
