"""DVC: which stages are stale, and the record of what was made. One lock a workspace: the driver alone comes here."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dvc.config import Config
from dvc.dependency.param import ParamsDependency
from dvc.dvcfile import Lockfile
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo, lock_repo

from services.dvc.damage import absent_objects, data_file_md5, healing, remove_damaged_listing
from services.dvc.moved_links import repoint
from tocoad.errors import StageError
from tocoad.files.full_disk import full_disk_named
from tocoad.files.replacing import sync
from tocoad.files.workspace import Workspace

_LOCK_SECONDS = 60.0

Stages = dict[str, Any]
"""DVC's stage objects, by the names they have in dvc.yaml."""

# Its errors reach us as exceptions; what it logs besides goes to standard output, progress bars included.
logging.getLogger("dvc").setLevel(logging.CRITICAL)


class DvcError(StageError):
    """DVC cannot do its work: a broken dvc.yaml, a missing output, a lock that stays taken; one line."""


@healing
def track_dataset(workspace: Workspace, dataset: str) -> str:
    """Brings the data set's folder under DVC as it is now (`data/NAME.dvc`); returns its data version."""
    folder = workspace.dataset_dir(dataset)
    if not folder.is_dir():
        raise DvcError(f"data set {dataset!r}: {folder} is missing")
    with _repository(workspace) as repo:
        repo.add(str(folder))
        version = data_version(workspace, dataset)
        assert version is not None
        if remove_damaged_listing(repo, version):
            repo.add(str(folder))
        if absent := absent_objects(repo, version):
            place, images = repo.cache.local.path, f"{len(absent)} files of {dataset}"
            raise DvcError(f"{place}: {images} could not be copied there: make room, then run the same again")
    return version


def data_version(workspace: Workspace, dataset: str) -> str | None:
    """The content hash in `data/NAME.dvc`, or None where the data set was never brought under DVC."""
    file = workspace.dataset_dir(dataset).with_name(f"{dataset}.dvc")
    try:
        return data_file_md5(file) if file.is_file() else None
    except ValueError as error:
        raise DvcError(f"{file}: damaged ({error}); tocoad retrain {dataset} makes it anew") from None


def cache_dir(workspace: Workspace) -> Path:
    """Where DVC keeps contents, and where the files of a data set are links to if `cache.type` is `symlink`."""
    configured = _cache_settings(workspace).get("dir")
    return Path(configured) if configured else workspace.root.resolve() / ".dvc" / "cache"


def follow_links(workspace: Workspace) -> None:
    """Where the workspace has moved, or is a copy: lets DVC's links lead to its own cache."""
    if "symlink" in (_cache_settings(workspace).get("type") or ()):
        root = workspace.root.resolve()
        repoint((root / "data", root / "work"), cache_dir(workspace))


def _cache_settings(workspace: Workspace) -> dict[str, Any]:
    folder = workspace.root.resolve() / ".dvc"
    try:
        return dict(Config(str(folder))["cache"]) if folder.is_dir() else {}
    except DvcException as error:
        raise DvcError(f"DVC: {_one_line(error)}") from error


@healing
def stale(workspace: Workspace, names: Iterable[str]) -> set[str]:
    """Those stages (`stage1@sample/gear`) whose command, settings, inputs or outputs differ from the record.

    A stage below a stale one is in it only if its own inputs have changed already.
    """
    with _repository(workspace) as repo:
        return {name for name, stage in _pick(_graph(repo), names).items() if stage.status(check_updates=True)}


def sources(workspace: Workspace, names: Iterable[str]) -> dict[str, str]:
    """For each stage, a digest of what it reads from outside the graph: settings and images, not other stages' outputs.

    Taken before the stages run, and given to `commit`, it keeps a change made meanwhile from being recorded as done.
    """
    with _repository(workspace) as repo:
        graph = _graph(repo)
        return _sources(graph, _pick(graph, names))


def commit(workspace: Workspace, names: Iterable[str], before: Mapping[str, str] | None = None) -> set[str]:
    """Records that the outputs of these stages, and of no other, belong to the inputs and settings that lie there now.

    Returns the stages that it left unrecorded, and so stale, because their sources are no longer those `before`.

    Raises:
        DvcError: an output is missing; nothing is recorded.
    """
    with _repository(workspace) as repo:
        graph = _graph(repo)
        stages = _pick(graph, names)
        changed = set()
        if before is not None:
            now = _sources(graph, stages)
            changed = {name for name in stages if now[name] != before[name]}
        recorded = [stage for name, stage in stages.items() if name not in changed]
        # As `Repo.commit` does stage by stage, but with dvc.lock read and written once: that is most of its time.
        for stage in recorded:
            # No entry in the run cache: DVC finds its way there only from inside the workspace's root.
            stage.save(run_cache=False)
            stage.commit()
        if recorded:
            _write_lock(repo, recorded)
        return changed


def is_clean(workspace: Workspace, names: Iterable[str]) -> bool:
    """Whether `dvc repro` would find nothing to do for these stages."""
    return not stale(workspace, names)


@contextmanager
def _repository(workspace: Workspace) -> Iterator[Repo]:
    """The locked repository; DVC's errors leave as one line."""
    root = workspace.root.resolve()
    try:
        _initialise(root)
        with full_disk_named(root / ".dvc"), ExitStack() as stack:
            repo = stack.enter_context(Repo(str(root)))
            _lock(stack, repo)
            follow_links(workspace)
            yield repo
    except LockError:
        raise DvcError(f"{root}: another DVC command has held the lock for {_LOCK_SECONDS:.0f} s; let it end") from None
    except DvcException as error:
        raise DvcError(f"DVC: {_one_line(error)}") from error


def _initialise(root: Path) -> None:
    in_git = any((folder / ".git").exists() for folder in (root, *root.parents))
    if not (root / ".dvc").is_dir():
        Repo.init(str(root), no_scm=not in_git, subdir=in_git and not (root / ".git").exists()).close()
    elif not in_git and not Config(str(root / ".dvc"))["core"].get("no_scm"):
        # A copy of a checkout without its .git: DVC refuses to work there until it is told so.
        with Config(str(root / ".dvc")).edit("local") as config:
            config["core"]["no_scm"] = True


def _lock(stack: ExitStack, repo: Repo) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            stack.enter_context(lock_repo(repo))
        except LockError:
            # DVC itself has waited some seconds by now.
            if time.monotonic() > deadline:
                raise
        else:
            return


def _graph(repo: Repo) -> Stages:
    # By its full path: DVC takes a bare stage name to be in the dvc.yaml of the process's current folder.
    file = Path(repo.root_dir) / "dvc.yaml"
    if not file.is_file():
        raise DvcError(f"{file} is missing: a workspace is a checkout of the project, or a copy of one")
    return {stage.name: stage for stage in repo.stage.load_all(str(file))}


def _pick(graph: Stages, names: Iterable[str]) -> Stages:
    wanted = list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in graph]:
        raise DvcError(f"dvc.yaml has no stage {unknown[0]!r}: is its category in the plan of params.yaml?")
    return {name: graph[name] for name in wanted}


def _write_lock(repo: Repo, stages: Sequence[Any]) -> None:
    """dvc.lock with these stages' entries new, in one step: DVC writes into the file itself, and a kill or a full disk
    in the middle of that would leave a half that no DVC command reads any more.
    """
    lock = Path(repo.root_dir) / "dvc.lock"
    incoming = lock.with_name(".dvc.lock.incoming")
    try:
        incoming.write_bytes(lock.read_bytes() if lock.is_file() else b"")
        Lockfile(repo, str(incoming)).dump_stages(stages)
        with incoming.open("rb") as written:
            os.fsync(written.fileno())
        incoming.replace(lock)
        sync(lock.parent)
    finally:
        incoming.unlink(missing_ok=True)


def _sources(graph: Stages, stages: Stages) -> dict[str, str]:
    made = {Path(out.fs_path) for stage in graph.values() for out in stage.outs}
    above = {parent for out in made for parent in out.parents}
    # Stages of one kind read the same settings: the file is read once for all categories.
    settings: dict[tuple[str, ...], Any] = {}
    digests = {}
    for name, stage in stages.items():
        read: list[Any] = [stage.cmd]
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                key = (str(dep.fs_path), *dep.params)
                if key not in settings:
                    settings[key] = dep.read_params()
                read.append(settings[key])
            elif (path := Path(dep.fs_path)) not in above and made.isdisjoint((path, *path.parents)):
                read.append([dep.def_path, dep.get_hash().value])
        digests[name] = hashlib.sha256(json.dumps(read, sort_keys=True, default=str).encode()).hexdigest()
    return digests


def _one_line(error: DvcException) -> str:
    """DVC's first sentence, and for a broken file the reason that it hangs below."""
    text = str(error).partition("\n")[0]
    cause = error.__cause__
    return f"{text} ({' '.join(str(cause).split())})" if cause is not None and "\n" not in str(error) else text
