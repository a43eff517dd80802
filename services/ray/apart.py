"""What runs on a node that shares no file system with the driver: a job by its order. What it reads comes from the
store through the node's cache, the stage works in a private folder, and what it makes goes to the store.
"""

from __future__ import annotations

import importlib
import platform
from collections.abc import Iterator, Set
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from services.ray.checkpoints import Checkpoints
from services.ray.decoded import SHARE, Decoded
from services.ray.guard import refuse_other
from services.ray.order import WITHOUT_ENCODER, CallOrder, Done, JobOrder, NodeSettings
from services.ray.private import private_folder
from services.store.errors import StoreAwayError, StoreError
from services.store.node_cache import NodeCache
from services.store.notes import JOBS, add_to_note
from services.store.store import Store
from services.store.transfer import Moved
from tocoad.errors import SettingsError
from tocoad.files.stand_ins import standing_in
from tocoad.files.workspace import parse_owner
from tocoad.parallel.world import current_world
from tocoad.settings.sections import Settings
from tocoad.stages.running import StageFolders, execute
from tocoad.stages.stage import ProgressCallback


@cache
def node_of(settings: str) -> Node:
    """Once for a process, which does one job after another with the same."""
    return Node(NodeSettings.model_validate_json(settings))


@contextmanager
def _told_with_its_name() -> Iterator[None]:
    """What keeps this machine from the store or its cache: the driver may fare well with the same store."""
    try:
        yield
    except (StoreError, StoreAwayError) as error:
        raise type(error)(f"node {platform.node()}: {error}") from error


class Node:
    """The machine that this process is on, with its cache, and its way to the store."""

    def __init__(self, settings: NodeSettings) -> None:
        self._checkpoint_seconds = settings.checkpoint_seconds
        self._far: Store = settings.store.open()
        self._store_folder = settings.store.folder
        folder = Path(settings.cache).expanduser()
        decoded = int(SHARE * settings.cache_bytes)
        # On one disk: a job's inputs are links into the cache.
        self._cache, self._private = NodeCache(folder, settings.cache_bytes - decoded), folder / "jobs"
        self._decoded = Decoded(folder.absolute() / "decoded", decoded)

    @_told_with_its_name()
    def run(self, order: JobOrder, progress: ProgressCallback) -> Done:
        """Raises what the stage raises, StoreError and StoreAwayError, and SettingsError where something that decides
        bytes is installed here in another version than where the driver runs.
        """
        settings, owner = Settings.model_validate_json(order.settings), parse_owner(order.owner)
        refuse_other(order.versions, platform.node(), settings.encoder)
        fetched = self._fetch(order.hashes)
        with private_folder(self._private), standing_in(self._outside(order)):
            folders = self._folders(order)
            stage, seconds = order.declared, self._checkpoint_seconds
            arguments = (stage, order.method, owner, settings, folders, progress, order.sources, seconds)
            if not current_world().leads:  # of several workers; the leading one has all that the others made
                return Done(execute(*arguments), "", fetched, Moved(), platform.node())
            with Checkpoints(self._far, order.key, folders.checkpoint, seconds) as kept:
                record = execute(*arguments)
                output, put = self._cache.put(folders.output, self._far)
                self._note(order, output)
                kept.done()
        self._cache.shrink()
        self._decoded.shrink()
        return Done(record, output, fetched, put, platform.node())

    @_told_with_its_name()
    def call(self, order: CallOrder) -> Any:
        """What the function returns, which gets its folders as a mapping from their names, and the texts."""
        refuse_other(order.versions, platform.node(), WITHOUT_ENCODER)
        self._fetch(set(order.folders.values()))
        module, _, name = order.function.partition(":")
        function = getattr(importlib.import_module(module), name)
        with private_folder(self._private):
            folders = {role: self._placed(name, Path("folders", role)) for role, name in order.folders.items()}
            return function(folders, *order.arguments)

    def _note(self, order: JobOrder, output: str) -> None:
        """What else lies in the store for the job alone: the list of what it made, and what DVC does not keep of it."""
        made, kept = self._far.listing(output), {Path(name) for name in order.declared.writes}
        notes = {name for path, name in made.items() if kept.isdisjoint((Path(path), *Path(path).parents))}
        add_to_note(self._far, JOBS + order.key, {*order.lists, output, *notes})

    def _folders(self, order: JobOrder) -> StageFolders:
        """As in a workspace, so that errors name files as they are named there."""
        images = Path("data", order.owner)
        if order.images is not None:
            self._placed(order.images, images)
        inputs = {role: self._placed(order.inputs[role], Path("work", "inputs", role)) for role in order.inputs}
        return StageFolders(images, inputs, Path("work", order.owner, order.stage), self._decoded.of(order.owner))

    def _outside(self, order: JobOrder) -> dict[Path, Path]:
        places = {}
        for number, file in enumerate(order.files):
            place = self._placed(file.folder, Path("files", str(number)))
            places[Path(file.setting)] = place if file.name is None else place / file.name
        return places

    def _fetch(self, names: Set[str]) -> Moved:
        """The driver has put them into the store: a folder that is not there is another's."""
        if names and self._store_folder is not None and not self._store_folder.is_dir():
            raise SettingsError(
                f"node {platform.node()}: there is no folder {self._store_folder}: let ray.store name one that all "
                "nodes reach, or s3://BUCKET/PREFIX"
            )
        return self._cache.fetch(self._far, names)

    def _placed(self, name: str, place: Path) -> Path:
        self._cache.place(self._far, name, place)
        return place
