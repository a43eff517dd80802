"""The stages of a study's cells, kept by what decides their output: cells that share a stage compute it once.

A stage's folder is named by a digest of its settings, of what it reads and of the images, so a study that is
interrupted, extended or edited goes on with whatever is there already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from tocoad.config import MethodName, Settings
from tocoad.data.manifest import TEST_FILE, TRAIN_FILE, Manifest
from tocoad.graph import MANIFEST, METHODS, Stage
from tocoad.running import execute, read_record
from tocoad.stage import ProgressCallback, StageError, StageRecord, silent
from tocoad.workspace import Category, Workspace

STUDIES_DIR = "studies"


def run_study_stage(
    workspace: Workspace,
    category: Category,
    method: MethodName,
    name: str,
    settings: Settings,
    progress: ProgressCallback = silent,
) -> StageRecord:
    """As `tocoad.running.run_stage`, which does nothing else, with the folder that the stage's key names.

    Raises:
        StageError: an input is missing or the stage cannot do its work.
    """
    stage = METHODS[method].stage(name)
    target = stage_folder(workspace, category, method, name, settings)
    if (known := read_record(target)) is not None:
        return known
    inputs = {}
    for role, source in stage.inputs.items():
        upstream, _, part = source.partition("/")
        inputs[role] = stage_folder(workspace, category, method, upstream, settings) / part
        if not inputs[role].is_dir():
            raise StageError(f"{name} of {category} needs the output of {upstream}: run that stage first")
    return execute(stage, method, category, settings, workspace.data_dir(category), inputs, target, progress)


def stage_folder(workspace: Workspace, category: Category, method: MethodName, name: str, settings: Settings) -> Path:
    """Raises StageError where the stage `manifest`, whose digest is part of every other key, has not run yet."""
    base = workspace.root / "work" / STUDIES_DIR / "stages" / category.dataset / category.name
    stage = METHODS[method].stage(name)
    if stage.name == MANIFEST.name:
        return base / f"{MANIFEST.name}-{_digest([_sections(stage, settings), _fingerprint(workspace, category)])}"
    manifest = stage_folder(workspace, category, method, MANIFEST.name, settings)
    if not manifest.is_dir():
        raise StageError(f"{name} of {category} needs the output of {MANIFEST.name}: run that stage first")
    images = Manifest.load(manifest / TRAIN_FILE, manifest / TEST_FILE).digest
    return base / f"{name}-{_key(method, stage, settings, images)}"


def _key(method: MethodName, stage: Stage, settings: Settings, images: str) -> str:
    """Digest of the stage, its settings, and the keys of what it reads."""
    upstream = [
        images if source == MANIFEST.name else _key(method, METHODS[method].stage(source), settings, images)
        for source in stage.upstream
    ]
    return _digest([stage.function, "" if stage.shared else method, _sections(stage, settings), upstream])


def _sections(stage: Stage, settings: Settings) -> Mapping[str, object]:
    return settings.model_dump(mode="json", include=set(stage.params))


def _fingerprint(workspace: Workspace, category: Category) -> list[tuple[str, int, int]]:
    """Names, sizes and times of the images: the content is read, and told by the manifest, when these change."""
    folder = workspace.data_dir(category)
    files = [(file, file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
    return [(file.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns) for file, stat in files]


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
