"""The one way to run a stage of a workspace: `dvc repro` and the flow on Ray both come through here."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tocoad.errors import StageError
from tocoad.files.fingerprint import folder_digest, read_digests, reads_the_same
from tocoad.files.replacing import replacing
from tocoad.files.sealed import SEAL, seal, unseal
from tocoad.files.workspace import Owner, Workspace
from tocoad.settings.sections import MethodName, Settings
from tocoad.stages.graph import METHODS, Stage, output_dir
from tocoad.stages.stage import ProgressCallback, StageContext, StageRecord, silent

RECORD_FILE = "record.json"
_RECORD = TypeAdapter(StageRecord)
# What a record without a seal has in every version that wrote one, and what the later of these added.
_FIRST_KEYS = {"seconds", "metrics"}
_LATER_KEYS = {"cpu_seconds", "peak_memory"}


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
    target = output_dir(workspace, owner, method, stage)
    inputs = METHODS[method].input_dirs(workspace, owner, stage)
    for role, folder in inputs.items():
        if not folder.is_dir():
            upstream = stage.inputs[role].partition("/")[0]
            raise StageError(f"{name} of {owner} needs the output of {upstream}: run that stage first")
    return execute(stage, method, owner, settings, workspace.data_dir(owner), inputs, target, progress, sources)


def is_finished(workspace: Workspace, owner: Owner, method: MethodName, name: str, sources: str) -> bool:
    """Whether the output that lies there is what the stage would make now: it would read the same, bytes for bytes, and
    nothing has touched its output since.
    """
    stage = METHODS[method].stage(name)
    target = output_dir(workspace, owner, method, stage)
    record = read_record(target)
    if record is None or record.read is None:
        return False
    inputs = METHODS[method].input_dirs(workspace, owner, stage)
    same = reads_the_same(record.read, sources, inputs, without=RECORD_FILE)
    return same and record.wrote == folder_digest(target, without=RECORD_FILE)


def execute(
    stage: Stage,
    method: MethodName,
    owner: Owner,
    settings: Settings,
    data_dir: Path,
    inputs: Mapping[str, Path],
    target: Path,
    progress: ProgressCallback = silent,
    sources: str | None = None,
) -> StageRecord:
    """Calls the stage's function on the folders given; `target` appears, whole, with the stage's record in it."""
    # Before the work: what changes under the stage's hands is then not taken for what it read.
    read = None if sources is None else read_digests(sources, inputs, without=RECORD_FILE)
    checkpoint_dir = target.with_name(f".{target.name}.checkpoint")
    with replacing(target) as folder:
        context = StageContext(
            owner=owner,
            method=method,
            settings=settings,
            params=METHODS[method].params(stage.name),
            data_dir=data_dir,
            inputs=inputs,
            output_dir=folder,
            checkpoint_dir=checkpoint_dir,
            progress=progress,
        )
        made = stage.load()(context)
        used = context.meter.read()
        wrote = None if read is None else folder_digest(folder, without=RECORD_FILE)
        record = StageRecord({**made.metrics}, used.seconds, used.cpu_seconds, used.peak_memory, read, wrote)
        _write_record(folder, record)
    shutil.rmtree(checkpoint_dir, ignore_errors=True)
    return record


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
