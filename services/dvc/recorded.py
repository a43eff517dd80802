"""What documents record of a data set, or of a category of it: the hashes of its images and of its stages' outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from dvc.dvcfile import Lockfile
from dvc.repo import Repo
from dvc.utils.serialize import dumps_yaml, load_yaml, parse_yaml

from services.dvc import lockfile
from services.dvc.calls import told
from tocoad.files.documents import LOCK, PARAMS
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Workspace
from tocoad.stages.dvc_file import entries as definitions
from tocoad.stages.graph import Job

Belongs = Callable[[str], bool]
"""Whether a stage, by the owner that stands behind its `@`, is meant."""
Outputs = Mapping[str, str]
"""By path below the job's folder, the hash of a file or folder (`.dir`)."""


def entries(documents: Workspace, belongs: Belongs) -> dict[str, Any]:
    """What dvc.lock says of these stages; nothing where there is none."""
    root = documents.root
    if not (root / LOCK).is_file():
        return {}
    with told(root):
        blocks = lockfile.read_blocks(root)
        picked = {name: text for name, text in (blocks or {}).items() if belongs(_owner(name))}
        found = lockfile.parse(picked) if blocks is not None else None
        return _read_whole(documents, belongs) if found is None else found


def outputs_of(job: Job, entry: Mapping[str, Any]) -> dict[str, str]:
    """By path below the job's output folder."""
    folder = PurePosixPath(job.output_dir(Workspace(PurePosixPath())).as_posix())  # type: ignore[arg-type]
    outs = {PurePosixPath(out["path"]): out["md5"] for out in entry.get("outs", ()) if "md5" in out}
    return {path.relative_to(folder).as_posix(): md5 for path, md5 in outs.items() if path.is_relative_to(folder)}


def of_other_code(jobs: Iterable[Job], recorded: Mapping[str, Any]) -> list[str]:
    """Those whose record is of another command, and so of other code, than this checkout's."""
    named = {entry.name: entry for entry in definitions()}
    found = []
    for job in jobs:
        definition = named[job.dvc_name.partition("@")[0]]
        command = definition.command.replace(definition.owner, str(job.owner))
        if job.dvc_name in recorded and recorded[job.dvc_name].get("cmd") != command:
            found.append(job.dvc_name)
    return found


def hit_by(settings: str, now: Workspace, belongs: Belongs) -> list[str]:
    """The owners of those other stages that are recorded with the present settings, and would be stale with these."""
    present, other = parse_yaml(now.params_file.read_text(encoding="utf-8"), PARAMS), parse_yaml(settings, PARAMS)
    hit = set()
    for name, entry in entries(now, lambda owner: not belongs(owner)).items():
        read = entry.get("params", {}).get(PARAMS, {})
        if _agrees(read, present) and not _agrees(read, other):
            hit.add(_owner(name))
    return sorted(hit)


def replace_entries(repo: Repo, now: Workspace, then: Workspace, belongs: Belongs) -> None:
    """dvc.lock of `now` with the entries of these stages as `then` has them. In the open, locked repository."""
    file = now.root / LOCK
    blocks, earlier = lockfile.read_blocks(now.root), lockfile.read_blocks(then.root)
    if blocks is not None and earlier is not None:
        mixed = _mixed(blocks, earlier, belongs)
        text = lockfile.text_of(mixed)
    else:
        present, old = _read_whole(now, lambda _: True), _read_whole(then, lambda _: True)
        mixed = _mixed(present, old, belongs)
        text = dumps_yaml({"schema": "2.0", "stages": mixed})
    if not mixed:  # DVC reads no such file that names no stage
        file.unlink(missing_ok=True)
    elif text.encode() != (file.read_bytes() if file.is_file() else b""):
        write_whole(file, text.encode())


def _mixed(present: Mapping[str, Any], earlier: Mapping[str, Any], belongs: Belongs) -> dict[str, Any]:
    """The earlier ones where the first of them stood: a file that is all theirs comes out as it was."""
    restored = {name: entry for name, entry in earlier.items() if belongs(_owner(name))}
    names = list(present)
    first = next((place for place, name in enumerate(names) if belongs(_owner(name))), len(names))
    before, after = names[:first], [name for name in names[first:] if not belongs(_owner(name))]
    return {n: present[n] for n in before} | restored | {n: present[n] for n in after}


def _read_whole(documents: Workspace, belongs: Belongs) -> dict[str, Any]:
    file = documents.root / LOCK
    if not file.is_file():
        return {}
    stages = Lockfile.SCHEMA(load_yaml(str(file))).get("stages", {})
    return {name: entry for name, entry in stages.items() if belongs(_owner(name))}


def _agrees(read: Mapping[str, Any], document: Mapping[str, Any]) -> bool:
    """Whether a stage that was made with these values reads the same from the document."""
    chosen = f"profiles.{document.get('profile')}."
    return all(
        _value(document, key) == value and (not key.startswith("profiles.") or key.startswith(chosen))
        for key, value in read.items()
    )


def _value(document: Any, key: str) -> Any:
    for part in key.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return document


def _owner(name: str) -> str:
    return name.partition("@")[2]
