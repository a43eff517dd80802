"""What runs inside Ray's processes: a stage in a worker, and the mailbox its progress goes through."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray

from services.ray.apart import node_of
from services.ray.order import CallOrder, Done, JobOrder
from services.store.keys import forget_keys
from tocoad.files.lease import on_behalf
from tocoad.files.workspace import Workspace, parse_owner
from tocoad.parallel.world import current_world
from tocoad.settings.sections import Settings
from tocoad.stages.device import Device, settled_device
from tocoad.stages.stage import Progress, StageRecord

_POST_SECONDS = 0.25
_FLUSH_SECONDS = 10.0


@ray.remote(num_cpus=0, max_restarts=-1)
class Mailbox:
    """Progress that the driver has not fetched yet, by the call's key, and on which node a call has begun."""

    def __init__(self) -> None:
        self._updates: dict[str, list[Progress]] = {}
        self._nodes: dict[str, str] = {}

    def begin(self, key: str, node: str) -> None:
        self._nodes[key] = node

    def post(self, key: str, updates: list[Progress]) -> None:
        self._updates.setdefault(key, []).extend(updates)

    def take(self) -> tuple[dict[str, list[Progress]], dict[str, str]]:
        taken = self._updates, self._nodes
        self._updates, self._nodes = {}, {}
        return taken


class Postman:
    """A stage's progress callback: about four letters a second. Every figure arrives; bare steps may be left out. Of
    several workers the leading one's letters alone are sent.
    """

    def __init__(self, mailbox: Any, key: str) -> None:
        self._mailbox = mailbox
        self._key = key
        self._updates: list[Progress] = []
        self._posted = time.monotonic()
        self._leads = current_world().leads

    def __call__(self, progress: Progress) -> None:
        if not self._leads:
            return
        if self._updates and not self._updates[-1].metrics:
            self._updates.pop()
        self._updates.append(progress)
        if time.monotonic() - self._posted >= _POST_SECONDS:
            self._post()

    def flush(self) -> None:
        """Returns when the mailbox has everything: the driver looks a last time when the stage is over."""
        if self._updates and (letter := self._post()) is not None:
            # A mailbox that died with its node must not fail the stage that has ended.
            with suppress(Exception):
                # Not `ray.get`: a task that waits in it lends its CPUs, and Ray starts one more process for the next.
                letter.future().result(_FLUSH_SECONDS)

    def _post(self) -> Any | None:
        letter = None
        with suppress(Exception):
            letter = self._mailbox.post.remote(self._key, self._updates)
        self._updates = []
        self._posted = time.monotonic()
        return letter


def on_device(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, after a first argument: the device for which `compute.device: auto` stands in it. The mailbox hears on
    which node it is.
    """

    def placed(device: Device, mailbox: Any, key: str, *arguments: Any) -> Any:
        with suppress(Exception):
            mailbox.begin.remote(key, ray.get_runtime_context().get_node_id())
        with settled_device(device):
            return function(mailbox, key, *arguments)

    placed.__name__ = placed.__qualname__ = function.__name__  # the process bears it
    return placed


def work_apart(mailbox: Any, key: str, node: str, order: str) -> Done:
    """Runs a stage as `services.ray.apart.Node.run` has it."""
    postman = Postman(mailbox, key)
    try:
        return node_of(node).run(JobOrder.model_validate_json(order), postman)
    finally:
        postman.flush()


def call_apart(mailbox: Any, key: str, node: str, order: str) -> Any:
    """Calls a function as `services.ray.apart.Node.call` has it."""
    return node_of(node).call(CallOrder.model_validate_json(order))


def call_function(mailbox: Any, key: str, function: str, *arguments: Any) -> Any:
    """Calls `module:name`."""
    forget_keys()
    return _load(function)(*arguments)


def call_with_keys(mailbox: Any, key: str, function: str, *arguments: Any) -> Any:
    """The same for what asks a bucket itself."""
    return _load(function)(*arguments)


def work(
    mailbox: Any,
    key: str,
    function: str,
    root: str,
    owner: str,
    method: str,
    stage: str,
    settings: str,
    sources: str | None,
    ticket: Path | None,
) -> StageRecord:
    """Runs a stage by calling `module:name`, which is `run_stage` or its like, with what came as text."""
    forget_keys()
    os.chdir(root)  # paths in the settings are relative to the workspace, as they are for `dvc repro`
    postman = Postman(mailbox, key)
    try:
        # Should the driver be killed and another run take over, what this process makes goes nowhere.
        with on_behalf(ticket):
            record: StageRecord = _load(function)(
                Workspace(Path(root)),
                parse_owner(owner),
                method,
                stage,
                Settings.model_validate_json(settings),
                postman,
                sources,
            )
        return record
    finally:
        postman.flush()


def _load(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return loaded
