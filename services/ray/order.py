"""What a node is asked to do, where it shares no file system with the driver: hashes and settings, and no folder of
anybody's. Everything here is text, and none of it is secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.store.store import Store, open_store
from services.store.transfer import Moved
from tocoad.files.remote_url import S3
from tocoad.files.workspace import Category, parse_owner
from tocoad.settings.sections import EncoderSettings, MethodName, RaySettings, Settings
from tocoad.stages.declaration import Stage
from tocoad.stages.device import Device
from tocoad.stages.graph import METHODS
from tocoad.stages.stage import StageRecord

# Of DVC's settings of a remote those that say where it is. Its keys, and files of the driver that hold some, are not
# for a node: that has its own.
_TOLD = ("endpointurl", "region", "use_ssl")

WITHOUT_ENCODER = EncoderSettings(weights="none")
"""For the versions of what loads none: a package has its weights in it."""


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StoreAddress(_Text):
    """Of the store that all nodes reach."""

    url: str
    settings: Mapping[str, Any] = {}

    @classmethod
    def of(cls, url: str, settings: Mapping[str, Any]) -> StoreAddress:
        return cls(url=url, settings={name: settings[name] for name in _TOLD if name in settings})

    @property
    def folder(self) -> Path | None:
        """None where it is a bucket."""
        return None if self.url.startswith(S3) else Path(self.url)

    def open(self) -> Store:
        """With the keys that the process's own environment has."""
        return open_store(self.url, self.settings)


class NodeSettings(_Text):
    """What a node needs to know whatever the job: its cache's folder and size, and how often it saves a training."""

    store: StoreAddress
    cache: str
    cache_bytes: int
    checkpoint_seconds: float

    @classmethod
    def of(cls, settings: RaySettings, store: StoreAddress) -> NodeSettings:
        return cls(
            store=store,
            cache=str(settings.node_cache),
            cache_bytes=int(settings.node_cache_gb * 10**9),
            checkpoint_seconds=settings.checkpoint_seconds,
        )


class OutsideFile(_Text):
    """A file or folder that a setting names. `folder` is the hash of one with its bytes; a file bears `name` in it."""

    setting: str
    folder: str
    name: str | None = None


class JobOrder(_Text):
    """One stage of its owner. Hashes are those of folders (`.dir`) in the store: `images` of the part of the owner's
    images that the stage may open, `inputs` of what it reads of other stages, by role. `device` is what
    `compute.device: auto` stands for, `versions` are the driver's.
    """

    label: str
    stage: str
    method: MethodName
    owner: str
    settings: str
    device: Device
    versions: Mapping[str, str]
    sources: str | None
    images: str | None
    inputs: Mapping[str, str]
    files: tuple[OutsideFile, ...] = ()

    @property
    def declared(self) -> Stage:
        return METHODS[self.method].stage(self.stage)

    @property
    def hashes(self) -> set[str]:
        """All that the node must have."""
        images = () if self.images is None else (self.images,)
        return {*images, *self.inputs.values(), *(file.folder for file in self.files)}

    @property
    def lists(self) -> set[str]:
        """Of these those that are in the store for the job alone. The list of a data set's images, or of an outside
        folder, may be one that somebody has under DVC.
        """
        images = self.images if isinstance(parse_owner(self.owner), Category) else None
        return {*self.inputs.values()} | ({images} if images is not None else set())

    @property
    def key(self) -> str:
        """Of all that decides the output, the kind of device included: by it a checkpoint is known again."""
        settings, declared = Settings.model_validate_json(self.settings), self.declared
        sections = settings.model_dump(mode="json", include={*METHODS[self.method].params(self.stage)})
        files = [(file.setting, file.folder) for file in self.files]
        content = [
            [declared.function, declared.revision, self.method, str(parse_owner(self.owner))],
            [sections, settings.compute.model_dump(mode="json"), self.device],
            [self.images, {**self.inputs}, files],
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class CallOrder(_Text):
    """A function, `module:name`, that is called with the folders of these hashes, by name, and with texts."""

    label: str
    function: str
    versions: Mapping[str, str]
    folders: Mapping[str, str]
    arguments: tuple[str, ...]

    @property
    def lists(self) -> set[str]:
        """Of these those that are in the store for the call alone. A package is an output, whose list DVC has."""
        return {name for role, name in self.folders.items() if role != "package"}

    @property
    def key(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


@dataclass(frozen=True)
class Done:
    """What a node tells of a job: the stage's record, the hash of its whole output folder in the store, and what
    travelled for it.
    """

    record: StageRecord
    output: str
    fetched: Moved
    put: Moved
    node: str
