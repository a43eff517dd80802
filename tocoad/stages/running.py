"""The one way to run a stage of a workspace: `dvc repro` and the flow on Ray both come through here."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tocoad.errors import StageError
from tocoad.files.fingerprint import content_digest, folder_digest, parts_digest
from tocoad.files.lease import still_held
from tocoad.files.replacing import discarded, replacing
from tocoad.files.sealed import SEAL, seal, unseal
from tocoad.files.stand_ins import where
from tocoad.files.workspace import Owner, Workspace
from tocoad.parallel.world import current_world
from tocoad.settings.sections import MethodName, Settings
from tocoad.stages.declaration import Stage
from tocoad.stages.device import device_of
from tocoad.stages.graph import METHODS, cache_dir, input_dirs, output_dir
from tocoad.stages.stage import CHECKPOINT_SECONDS, ProgressCallback, StageContext, StageRecord, silent

RECORD_FILE = "record.json"
_SOURCES = "sources"
_RECORD = TypeAdapter(StageRecord)
# What a record without a seal has in every version that wrote one, and what the later of these added.
_FIRST_KEYS = {"seconds", "metrics"}
_LATER_KEYS = {"cpu_seconds", "peak_memory"}


@dataclass(frozen=True)
class StageFolders:
    """Where a stage finds its owner's images and, by the names that its function uses, its inputs; where its output is
    to appear; and where it may keep what can be made again.
    """

    data: Path
    inputs: Mapping[str, Path]
    output: Path
    cache: Path

    @property
    def checkpoint(self) -> Path:
        return self.output.with_name(f".{self.output.name}.checkpoint")


def run_stage(
    workspace: Workspace,
    owner: Owner,
    method: MethodName,
    name: str,
    settings: Settings,
    progress: ProgressCallback = silent,
    sources: str | None = None,
) -> StageRecord:
    """Runs one stage of a category, or of a data set. Its output folder appears, whole, by an atomic rename, or stays
    as it was.

    `sources` is a digest of all that the stage reads but other stages' outputs: with it `is_finished` can tell later
    whether the output is still what the stage would make.

    Raises:
        StageError: an input is missing or the stage cannot do its work; nothing was written.
    """
    stage = METHODS[method].stage(name)
    return execute(stage, method, owner, settings, folders_of(workspace, owner, method, stage), progress, sources)


def folders_of(workspace: Workspace, owner: Owner, method: MethodName, stage: Stage) -> StageFolders:
    """Where a workspace has what the stage reads, and where its output belongs."""
    return StageFolders(
        data=workspace.data_dir(owner),
        inputs=input_dirs(workspace, owner, METHODS[method], stage),
        output=output_dir(workspace, owner, method, stage),
        cache=cache_dir(workspace, owner, method, stage),
    )


def is_finished(workspace: Workspace, owner: Owner, method: MethodName, name: str, sources: str) -> bool:
    """Whether the output that lies there is what the stage would make now: it would read the same, bytes for bytes, and
    nothing has touched its output since.
    """
    stage = METHODS[method].stage(name)
    target = output_dir(workspace, owner, method, stage)
    record = read_record(target)
    if record is None or record.read is None or not all((target / name).exists() for name in stage.writes):
        return False
    if record.read.get(_SOURCES) != sources:  # before a byte of the inputs is looked at
        return False
    inputs = input_dirs(workspace, owner, METHODS[method], stage)
    same = record.read == {_SOURCES: sources, **_input_digests(stage, method, inputs)}
    return same and record.wrote == folder_digest(target, without=RECORD_FILE)


def execute(
    stage: Stage,
    method: MethodName,
    owner: Owner,
    settings: Settings,
    folders: StageFolders,
    progress: ProgressCallback = silent,
    sources: str | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> StageRecord:
    """Calls the stage's function on the folders given; the output appears, whole, with the stage's record in it. Of
    several workers that share the stage the leading one's output is that, and the others' is discarded.

    Raises:
        StageError: as `run_stage`, or the stage left other files than it declares.
    """
    refuse_missing(stage, owner, folders.inputs)
    inputs, target = folders.inputs, folders.output
    # Before the work: what changes under the stage's hands is then not taken for what it read.
    digests = _input_digests(stage, method, inputs)
    read = None if sources is None else {_SOURCES: sources, **digests}
    world = current_world()
    with replacing(target, still_held()) if world.leads else discarded(target) as folder:
        context = StageContext(
            owner=owner,
            method=method,
            settings=settings,
            params=METHODS[method].params(stage.name),
            data_dir=folders.data,
            inputs=inputs,
            output_dir=folder,
            checkpoint_dir=folders.checkpoint,
            cache_dir=folders.cache,
            key=_key(stage, method, settings, digests),
            progress=progress,
            checkpoint_seconds=checkpoint_seconds,
        )
        made = stage.load()(context)
        _refuse_undeclared(stage, folder)
        used = context.meter.read()
        wrote = None if read is None else folder_digest(folder, without=RECORD_FILE)
        taken = (used.seconds, used.cpu_seconds, used.peak_memory)
        record = StageRecord({**made.metrics}, *taken, read, wrote, used.processors, used.workers)
        _write_record(folder, record)
    if world.leads:
        shutil.rmtree(folders.checkpoint, ignore_errors=True)
    return record


def refuse_missing(stage: Stage, owner: Owner, inputs: Mapping[str, Path]) -> None:
    """Raises StageError where a stage that this one reads has not run."""
    for role, folder in inputs.items():
        if not folder.is_dir():
            upstream = stage.inputs[role].stage
            raise StageError(f"{stage.name} of {owner} needs the output of {upstream}: run that stage first")


def _input_digests(stage: Stage, method: MethodName, inputs: Mapping[str, Path]) -> dict[str, str]:
    """Of what the stage reads of other stages' outputs, by content; whatever else lies there may change."""
    reads = METHODS[method].reads(stage)
    return {role: parts_digest(folder, reads[role]) for role, folder in inputs.items()}


def _key(stage: Stage, method: MethodName, settings: Settings, digests: Mapping[str, str]) -> str:
    sections = settings.model_dump(mode="json", include=set(METHODS[method].params(stage.name)))
    outside = [content_digest(where(file)) for file in outside_files(stage, settings)]
    content = [stage.function, stage.revision, sections, digests, outside]
    if "compute" in sections and settings.compute.device == "auto" and device_of(settings.compute) == "cuda":
        # A checkpoint of one kind of device is not the other's. Of a CPU nothing is said: so were the keys before.
        content.append("cuda")
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def outside_files(stage: Stage, settings: Settings, root: Path = Path()) -> tuple[Path, ...]:
    """The files and folders outside the workspace's data that the stage reads with these settings, where they exist:
    of one that does not the stage itself says what is wrong. They are as the settings name them, below `root`.
    """
    named = (attrgetter(name)(settings) for name in stage.files)
    return tuple(dict.fromkeys(path for path in named if path is not None and where(root / path).exists()))


def _refuse_undeclared(stage: Stage, folder: Path) -> None:
    """What a stage does not declare, DVC does not keep and no digest covers."""
    if missing := [name for name in stage.writes if not (folder / name).exists()]:
        raise StageError(f"{stage.name} left no {missing[0]}, which it declares")
    declared = {Path(name) for name in (*stage.writes, *stage.notes)}
    files = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    if others := [file for file in files if declared.isdisjoint((file, *file.parents))]:
        raise StageError(f"{stage.name} left {min(others)}, which it does not declare")


def read_record(folder: Path) -> StageRecord | None:
    """The record that the stage's last run left in its output folder.

    None where it never ran here, and where the record is damaged: then it is as if the stage had not run.
    """
    try:
        text = (folder / RECORD_FILE).read_bytes()
        return _RECORD.validate_python(unseal(text) if SEAL.encode() in text else _unsealed(text))
    except (OSError, ValueError):
        return None


def _write_record(folder: Path, record: StageRecord) -> None:
    (folder / RECORD_FILE).write_text(seal(_RECORD.dump_python(record)), encoding="utf-8")


def _unsealed(text: bytes) -> dict[str, Any]:
    """A record as versions before the seal wrote it: their keys and no other. Raises ValueError."""
    document = json.loads(text)
    if not isinstance(document, dict) or not _FIRST_KEYS <= set(document) <= _FIRST_KEYS | _LATER_KEYS:
        raise ValueError("not a record")
    return document


def weights_sha256(folder: Path) -> str:
    """One digest over every `*.safetensors` below the folder: names and bytes, in order of their names."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        digest.update(file.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
