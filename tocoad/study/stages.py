"""The stages of a study's cells, kept by what decides their output: cells that share a stage compute it once.

A stage's folder is named by a digest of its settings, of what it reads and of the images, so a study that is
interrupted, extended or edited goes on with whatever is there already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tocoad.data.manifest import TEST_FILE, TRAIN_FILE, Manifest
from tocoad.errors import StageError
from tocoad.files.fingerprint import content_digest
from tocoad.files.lease import study_owner
from tocoad.files.workspace import Owner, Workspace
from tocoad.settings.sections import MethodName, Settings
from tocoad.stages.declaration import Stage
from tocoad.stages.graph import CACHE_DIR, METHODS
from tocoad.stages.running import StageFolders, execute, outside_files, read_record
from tocoad.stages.shared import MANIFEST
from tocoad.stages.stage import ProgressCallback, StageRecord, silent
from tocoad.study.plan import Cell

_Fingerprint = list[tuple[str, int, int]]


def run_study_stage(
    workspace: Workspace,
    owner: Owner,
    method: MethodName,
    name: str,
    settings: Settings,
    progress: ProgressCallback = silent,
    sources: str | None = None,
) -> StageRecord:
    """As `tocoad.stages.running.run_stage`, in the folder that the stage's key names: what lies there is not run again.

    Raises:
        StageError: an input is missing or the stage cannot do its work.
    """
    stage = METHODS[method].stage(name)
    folders = StudyFolders(workspace).around(owner, method, name, settings)
    if (known := read_record(folders.output)) is not None:
        return known
    return execute(stage, method, owner, settings, folders, progress, sources)


def owners_of(cells: Iterable[Cell]) -> set[Owner]:
    """Whose outputs the stages of these cells are: what a study asks the lease of."""
    return {study_owner(stage.owner(cell.category)) for cell in cells for stage in METHODS[cell.method].stages}


class StudyFolders:
    """The folders of a workspace's study stages. Images and manifests are looked at once: a study of a few hundred
    cells asks for thousands of folders. Where they may have changed, another of these is wanted.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._fingerprints: dict[Owner, _Fingerprint] = {}
        self._versions: dict[Path, str] = {}
        self._outside: dict[Path, str] = {}

    def of(self, asker: Owner, method: MethodName, name: str, settings: Settings) -> Path:
        """`asker` is the stage's owner or, of a data set, any of its categories.

        Raises StageError where the category's `manifest`, whose digest is part of its other stages' keys, has not run.
        """
        stage = METHODS[method].stage(name)
        owner = stage.owner(asker)
        base = self._workspace.root / "work" / "studies" / "stages" / str(owner)
        if stage.scope == "dataset":
            return base / f"{name}-{self._dataset_key(owner, method, stage, settings)}"
        if stage.name == MANIFEST.name:
            decided = [_sections(stage, settings), self._fingerprint(owner), *self._further(stage, settings)]
            return base / f"{MANIFEST.name}-{_digest(decided)}"
        manifest = self.of(owner, method, MANIFEST.name, settings)
        if not manifest.is_dir():
            raise StageError(f"{name} of {owner} needs the output of {MANIFEST.name}: run that stage first")
        return base / f"{name}-{self._key(owner, method, stage, settings, self._version(manifest))}"

    def around(self, owner: Owner, method: MethodName, name: str, settings: Settings) -> StageFolders:
        """All that the stage reads, and where it writes. Raises StageError as `of`."""
        stage, output = METHODS[method].stage(name), self.of(owner, method, name, settings)
        inputs = {
            role: self.of(owner, method, source.stage, settings) / source.folder
            for role, source in stage.inputs.items()
        }
        return StageFolders(self._workspace.data_dir(owner), inputs, output, output.parent / CACHE_DIR)

    def _key(self, owner: Owner, method: MethodName, stage: Stage, settings: Settings, version: str) -> str:
        """Digest of the stage, its settings, and the keys of what it reads."""

        def key_of(source: Stage) -> str:
            if source.scope == "dataset":
                return self._dataset_key(source.owner(owner), method, source, settings)
            return self._key(owner, method, source, settings, version)

        upstream = [
            version if source == MANIFEST.name else key_of(METHODS[method].stage(source)) for source in stage.upstream
        ]
        whose = "" if stage.scope == "category" else method
        return _digest([stage.function, whose, _sections(stage, settings), upstream, *self._further(stage, settings)])

    def _dataset_key(self, owner: Owner, method: MethodName, stage: Stage, settings: Settings) -> str:
        """Of a stage of a data set; what it reads of another one is of the same images."""
        names = METHODS[method].params(stage.name)
        decided = [stage.function, method, _named(names, settings), self._fingerprint(owner)]
        read = (METHODS[method].stage(name) for name in stage.upstream)
        return _digest([*decided, *(part for each in (stage, *read) for part in self._further(each, settings))])

    def _further(self, stage: Stage, settings: Settings) -> list[object]:
        """What decides the stage beyond its settings and inputs. Nothing of a first revision without outside files: so
        were the keys of the results that lie beside studies.
        """
        root = self._workspace.root
        files = [self._content(root / file) for file in outside_files(stage, settings, root)]
        return [*([stage.revision] if stage.revision > 1 else []), *files]

    def _content(self, file: Path) -> str:
        if file not in self._outside:
            self._outside[file] = content_digest(file)
        return self._outside[file]

    def _fingerprint(self, owner: Owner) -> _Fingerprint:
        """Names, sizes and times of the images: the content is read, and told by the manifest, when these change."""
        if owner not in self._fingerprints:
            folder = self._workspace.data_dir(owner)
            files = [(file, file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
            self._fingerprints[owner] = [
                (file.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns) for file, stat in files
            ]
        return self._fingerprints[owner]

    def _version(self, manifest: Path) -> str:
        """The data version that the manifest tells."""
        if manifest not in self._versions:
            self._versions[manifest] = Manifest.load(manifest / TRAIN_FILE, manifest / TEST_FILE).digest
        return self._versions[manifest]


def _sections(stage: Stage, settings: Settings) -> Mapping[str, object]:
    return _named(stage.params, settings)


def _named(sections: Iterable[str], settings: Settings) -> Mapping[str, object]:
    return settings.model_dump(mode="json", include=set(sections))


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
