"""What is named, by whom: the objects of what is kept, and those of old versions."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from services.dvc.calls import DvcError
from services.dvc.named import Documents, Names, dataset_of
from services.git.tips import committed, documents_at_tips
from services.mlflow.calls import TrackingError
from services.mlflow.kept import Recorded, last_nights, night_documents, recorded_versions
from services.mlflow.registry import Registry
from tocoad.errors import StageError
from tocoad.files.documents import LOCK
from tocoad.files.workspace import Category, Workspace
from tocoad.stages.graph import METHODS, jobs_of
from tocoad.stages.stage import Progress, ProgressCallback


class UnknownNeedsError(StageError):
    """It is not known what a version needs that is to be kept; nothing is removed."""


@dataclass
class Named:
    """Names of objects, folders by their listings. `wanted` are those without which a kept version of the data set
    cannot be restored, by whom; all of them are among `kept`.
    """

    versions: list[Recorded]
    kept: set[str] = field(default_factory=set)
    wanted: dict[str, str] = field(default_factory=dict)
    old: set[str] = field(default_factory=set)
    by_version: dict[str, set[str]] = field(default_factory=dict)


def named(
    workspace: Workspace, registry: Registry, dataset: str, keep: int, ignore_lost: bool, progress: ProgressCallback
) -> Named:
    """Asks the registry, the workspace and git.

    Raises:
        UnknownNeedsError: the record of a version is missing or broken; with `ignore_lost` it is passed over.
        TrackingError, AwayError, DvcError, GitHistoryError: something cannot be read, or does not answer.
    """
    found = Named(recorded_versions(registry, dataset, keep))
    gathering = _Gathering(found, Names(), registry, dataset, ignore_lost)
    gathering.workspace(workspace)
    gathering.history(workspace)
    gathering.records(last_nights(registry.client, dataset, max(keep, 1)), progress)
    return found


@dataclass
class _Gathering:
    found: Named
    names: Names
    registry: Registry
    dataset: str
    ignore_lost: bool

    def workspace(self, workspace: Workspace) -> None:
        """What lies there, and what git's tips have of it."""
        self.found.kept |= self.names.everything(_present(workspace), "the workspace")
        for tip, documents in documents_at_tips(workspace):
            self.found.kept |= self.names.everything(documents, f"git's {tip}")

    def history(self, workspace: Workspace) -> None:
        """What can no longer be read of it names nothing, and keeps nobody from going on."""
        for path in (LOCK, f"data/{self.dataset}.dvc"):
            for text in committed(workspace, path):
                with suppress(DvcError):
                    self.found.old |= self._of(self.dataset, {path: text}, "")

    def records(self, last: Collection[str], progress: ProgressCallback) -> None:
        """`last` are the nights that are kept whatever versions there are. Each is read once."""
        by_night: dict[str, list[Recorded]] = {night: [] for night in last}
        for version in self.found.versions:
            if version.night is not None:
                by_night.setdefault(version.night, []).append(version)
            elif version.reasons:
                self._unknown(f"{version} is kept, and has no record of what it was made of", version.dataset)
        for step, (night, versions) in enumerate(by_night.items(), start=1):
            documents = self._record(night)
            if night in last:
                self.found.kept |= self._of(self.dataset, documents, f"the record in run {night}")
            for version in versions:
                self._take(version, documents)
            progress(Progress(step, len(by_night)))

    def _record(self, night: str) -> Documents:
        try:
            return night_documents(self.registry.client, night)
        except TrackingError as error:
            self._unknown(f"the record in run {night} cannot be read ({error})", self.dataset)
            return {}

    def _take(self, version: Recorded, documents: Documents) -> None:
        where = f"the record of {version} in run {version.night}"
        missing = [path for path in (LOCK, f"data/{version.dataset}.dvc") if path not in documents]
        if missing and version.reasons and not version.is_removed:
            self._unknown(f"{where} has no {missing[0]}", version.dataset)
        if version.dataset != self.dataset:
            self.found.kept |= self._of(version.dataset, documents, where)
            return
        images = self.names.images(documents, where, self.dataset)
        owners = {self.dataset, f"{self.dataset}/{version.category}"}
        own = images | self.names.outputs(documents, where, lambda stage: stage.partition("@")[2] in owners)
        self.found.by_version[str(version)] = own
        (self.found.kept if version.reasons else self.found.old).update(own)
        if version.reasons and not version.is_removed:
            wanted = images | self.names.outputs(documents, where, _jobs(version).__contains__)
            self.found.wanted |= dict.fromkeys(wanted, str(version))

    def _of(self, dataset: str, documents: Documents, where: str) -> set[str]:
        made = self.names.outputs(documents, where, lambda stage: dataset_of(stage) == dataset)
        return made | self.names.images(documents, where, dataset)

    def _unknown(self, what: str, dataset: str) -> None:
        if not self.ignore_lost:
            raise UnknownNeedsError(
                f"{what}: nothing is removed; a retrain of {dataset} gives a version in force its record, and "
                "--ignore-lost goes on without"
            )


def _jobs(version: Recorded) -> set[str]:
    """Those that lead to its detector; what else its record names of its category DVC may have let go of before."""
    if version.method is None or version.method not in METHODS:
        return set()
    return {job.dvc_name for job in jobs_of(Category(version.dataset, version.category), version.method)}


def _present(workspace: Workspace) -> dict[str, str]:
    """The documents that lie in the workspace, wherever a user keeps files `*.dvc`."""
    root = workspace.root.resolve()
    files = [root / LOCK, *_dvc_files(root)]
    return {str(file.relative_to(root)): file.read_bytes().decode() for file in files if file.is_file()}


def _dvc_files(folder: Path) -> Iterator[Path]:
    """Not in what is DVC's, git's or hidden, nor in what such a file is the record of: that may be 50,000 images."""
    with os.scandir(folder) as found:
        entries = {entry.name: entry for entry in found}
    for name, entry in entries.items():
        if name.endswith(".dvc") and entry.is_file():
            yield folder / name
        elif entry.is_dir(follow_symlinks=False) and not name.startswith(".") and f"{name}.dvc" not in entries:
            yield from _dvc_files(folder / name)
