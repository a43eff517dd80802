"""Jobs for nodes that share no file system with this process: what they read is put into the store, what they made is
brought home.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from services.ray.guard import versions
from services.ray.inbox import Call, stopped
from services.ray.order import WITHOUT_ENCODER, CallOrder, Done, JobOrder, NodeSettings, OutsideFile
from services.store.errors import AbsentError, DamagedError
from services.store.folders import files_below, folder_name, get_folder, put_files
from services.store.notes import JOBS, add_to_note
from services.store.objects import md5_of_file
from services.store.store import Store
from tocoad.errors import PassingError
from tocoad.files.lease import on_behalf, still_held
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import Settings
from tocoad.stages.declaration import Stage
from tocoad.stages.device import Device
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.running import StageFolders, outside_files, refuse_missing
from tocoad.stages.stage import StageRecord

T = TypeVar("T")

_log = logging.getLogger(__name__)

# They wait for the store, most of the time.
_THREADS = 8

FoldersOf = Callable[[Job, Settings], StageFolders]


class LostInStoreError(PassingError):
    """An object that a job needs, or made, is not in the store, or not what it was. What is lost is put there anew for
    the next try.
    """


class Carrier:
    """Between the folders of a workspace and the store that the nodes reach. `put_call` hands a call to Ray's thread.

    What comes home takes its place under the lease of `ticket`, whoever of the threads brings it.
    """

    def __init__(
        self,
        workspace: Workspace,
        node: NodeSettings,
        folders_of_job: FoldersOf,
        ticket: Path | None,
        put_call: Callable[[Call], None],
    ) -> None:
        self._root, self._node, self._folders_of_job = workspace.root.resolve(), node, folders_of_job
        self._ticket, self._put_call = ticket, put_call
        self._far: Store = node.store.open()
        self._known = _Known()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="carrier")

    def submit(self, call: Call, job: Job, settings: Settings, sources: str | None) -> Future[StageRecord]:
        """The call bears the job's name, its urgency and who watches; what it asks for is written here.

        The future raises what the node has met, and StoreError and StoreAwayError of the way there and back;
        LostInStoreError of an object that another try puts there anew.
        """

        def order() -> str:
            asked = self._order(job, settings, sources, call.placement.device)
            add_to_note(self._far, JOBS + asked.key, asked.lists)
            return asked.model_dump_json()

        def home(done: Done) -> StageRecord:
            with on_behalf(self._ticket):
                target = self._folders_of_job(job, settings).output
                get_folder(self._far, done.output, target, allowed=still_held())
            moved = done.node, done.fetched.bytes, done.put.bytes
            _log.debug("%s: done on %s, which fetched %d bytes for it and put %d", call.label, *moved)
            return done.record

        return self._run(call, "work_apart", order, home)

    def call(
        self,
        call: Call,
        function: str,
        folders: Mapping[str, Path],
        arguments: tuple[str, ...],
        parts: Mapping[str, Sequence[str]] = {},
    ) -> Future[Any]:
        """As `Node.call`, with these folders, or those files alone that `parts` has of one."""

        def put(name: str, folder: Path) -> str:
            if name not in parts:
                return self._put(files_below(folder))
            # Each is asked for once, of any number: nothing is remembered of it. Who misses one says so.
            files = {part: folder / part for part in parts[name]}
            there = {part: file for part, file in files.items() if file.is_file() and os.access(file, os.R_OK)}
            return put_files(there, self._far)[0]

        def order() -> str:
            hashes = {name: put(name, folder) for name, folder in folders.items()}
            asked = CallOrder(
                label=call.label,
                function=function,
                versions=versions(WITHOUT_ENCODER),
                folders=hashes,
                arguments=arguments,
            )
            add_to_note(self._far, JOBS + asked.key, asked.lists)
            return asked.model_dump_json()

        return self._run(call, "call_apart", order, lambda told: told)

    def close(self) -> None:
        """When all calls have had their answers. Whoever still waits for one is told that it was stopped."""
        self._pool.shutdown(cancel_futures=True)

    def _run(self, call: Call, worker_function: str, order: Callable[[], str], home: Callable[[Any], T]) -> Future[T]:
        """No thread waits while the node works."""
        answer: Future[T] = Future()

        def send() -> None:
            call.worker_function, call.arguments = worker_function, (self._node.model_dump_json(), order())
            self._put_call(call)

        def receive() -> None:
            try:
                answer.set_result(home(call.answer.result()))
            except (AbsentError, DamagedError) as error:
                # It is put there anew for the next try; what else a store cannot do, another try meets again.
                self._known.forget()
                raise LostInStoreError(f"{call.label}: {error}") from error

        call.answer.add_done_callback(lambda _: self._step(call, answer, receive))
        answer.add_done_callback(lambda _: call.answer.cancel())
        self._step(call, answer, send)
        return answer

    def _step(self, call: Call, answer: Future[Any], work: Callable[[], None]) -> None:
        """Whoever asked may cancel the answer at any moment."""

        def fail(error: BaseException) -> None:
            with suppress(InvalidStateError):
                answer.set_exception(error)

        def checked() -> None:
            try:
                if not answer.cancelled():
                    work()
            except BaseException as error:
                fail(error)

        try:
            step = self._pool.submit(checked)
        except RuntimeError:  # closed
            fail(stopped(call))
        else:
            step.add_done_callback(lambda done: fail(stopped(call)) if done.cancelled() else None)

    def _order(self, job: Job, settings: Settings, sources: str | None, device: Device) -> JobOrder:
        folders, stage = self._folders_of_job(job, settings), job.stage
        refuse_missing(stage, job.owner, folders.inputs)
        reads = METHODS[job.method].reads(stage)
        inputs = {role: self._put(_parts(folder, reads[role])) for role, folder in folders.inputs.items()}
        return JobOrder(
            label=job.dvc_name,
            stage=stage.name,
            method=job.method,
            owner=str(job.owner),
            settings=settings.model_dump_json(),
            device=device,
            versions=versions(settings.encoder),
            sources=sources,
            images=None if stage.data == "none" else self._put(_images(stage, folders.data)),
            inputs=inputs,
            files=tuple(self._outside_file(path) for path in outside_files(stage, settings, self._root)),
        )

    def _outside_file(self, path: Path) -> OutsideFile:
        lies_at = self._root / path
        if lies_at.is_file():
            return OutsideFile(setting=str(path), folder=self._put({lies_at.name: lies_at}), name=lies_at.name)
        return OutsideFile(setting=str(path), folder=self._put(files_below(lies_at)))

    def _put(self, files: Mapping[str, Path]) -> str:
        return self._known.put(files, self._far)


def _parts(folder: Path, parts: Iterable[str]) -> dict[str, Path]:
    """What lies there of these files and folders; of all where none is named."""
    wanted, found = {Path(part) for part in parts}, files_below(folder)
    named = (path for path in found if not wanted or not wanted.isdisjoint((Path(path), *Path(path).parents)))
    return {path: found[path] for path in named}


def _images(stage: Stage, folder: Path) -> dict[str, Path]:
    """Of its owner's images those that the stage may open: what its list names are training images of any category."""
    if stage.data == "all":
        return files_below(folder)
    patterns = {"train": "train", "listed": "*/train"}
    return {
        file.relative_to(folder).as_posix(): file
        for part in sorted(folder.glob(patterns[stage.data]))
        for file in files_below(part).values()
    }


class _Known:
    """What this process has put into the store, and the hashes of files as long as they stay as they were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._digests: dict[Path, tuple[tuple[int, ...], str]] = {}
        self._there: set[str] = set()

    def put(self, files: Mapping[str, Path], store: Store) -> str:
        name = folder_name({path: self._digest(file) for path, file in files.items()})
        with self._lock:
            if name in self._there:
                return name
        name, _ = put_files(files, store, self._digest)
        with self._lock:
            self._there.add(name)
        return name

    def forget(self) -> None:
        with self._lock:
            self._there.clear()

    def _digest(self, file: Path) -> str:
        stat = file.stat()
        now = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        with self._lock:
            then, digest = self._digests.get(file, (None, ""))
        if now != then:
            digest = md5_of_file(file)
            with self._lock:
                self._digests[file] = now, digest
        return digest
