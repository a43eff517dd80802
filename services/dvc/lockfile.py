"""dvc.lock by its stages: each has a block of the text for itself, so that to read or to write a few of thousands takes
the YAML of a few. Any other layout than DVC's own is left to DVC.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from dvc.dvcfile import Lockfile
from dvc.repo import Repo
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml, parse_yaml

from tocoad.files.replacing import sync

T = TypeVar("T")
Blocks = dict[str, str]

_HEAD = "schema: '2.0'\nstages:\n"
_ANCHOR = re.compile(r"[:-] [&*]\w")  # one block may lean on another
_BATCH = 100
_SETTINGS = "params"
_OUTER_LINE = re.compile(r"^ {0,3}[^ \n].*\n?", re.MULTILINE)
_FIRST_LINE = re.compile(r"  ([\w-]+(?:@[\w/-]+)?):\n")


def read_blocks(root: Path) -> Blocks | None:
    """The text of each stage's entry; None where the file is laid out in another way."""
    file = root / "dvc.lock"
    try:
        return blocks_in(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError:
        return None


def blocks_in(text: str) -> Blocks | None:
    """The same of a text."""
    if not text.startswith(_HEAD) or _ANCHOR.search(text):
        return None
    starts = list(_OUTER_LINE.finditer(text, len(_HEAD)))
    names = [_FIRST_LINE.fullmatch(start[0]) for start in starts]
    ends = [start.start() for start in starts[1:]] + [len(text)]
    blocks = {name[1]: text[start.start() : end] for name, start, end in zip(names, starts, ends, strict=True) if name}
    # A line that is no stage's first, or one name twice.
    return blocks if len(blocks) == len(starts) and text.endswith("\n") else None


def parse(blocks: Mapping[str, str]) -> dict[str, Any] | None:
    """What the entries say; None where one is not an entry of its own after all."""
    stages: dict[str, Any] = {}
    try:
        for texts in _batches(list(blocks.values())):
            stages |= Lockfile.SCHEMA(parse_yaml(_HEAD + "".join(texts), "dvc.lock"))["stages"]
    except Exception:  # whatever is wrong with it, DVC says of the whole file
        return None
    return stages if list(stages) == list(blocks) else None


def read_whole(repo: Repo) -> dict[str, Any]:
    """What the entries say, by DVC's own reading of the file."""
    stages: dict[str, Any] = Lockfile(repo, str(Path(repo.root_dir) / "dvc.lock")).load().get("stages", {})
    return stages


def write(repo: Repo, stages: Sequence[Any]) -> None:
    """dvc.lock with these stages' entries new, in one step: DVC writes into the file itself, and a kill or a full disk
    in the middle of that would leave a half that no DVC command reads any more.
    """
    lock = Path(repo.root_dir) / "dvc.lock"
    with _incoming(lock) as incoming:
        blocks, new = read_blocks(lock.parent), _dump(stages)
        if blocks is not None and new is not None:
            incoming.write_text(text_of({**blocks, **new}), encoding="utf-8")
        else:
            incoming.write_bytes(lock.read_bytes() if lock.is_file() else b"")
            Lockfile(repo, str(incoming)).dump_stages(stages)


def write_entries(root: Path, blocks: Blocks, entries: Mapping[str, Any]) -> None:
    """dvc.lock, of which these are the blocks, with these entries new."""
    new = blocks_in(dumps_yaml({"schema": "2.0", "stages": _apart(entries)})) or {}
    with _incoming(root / "dvc.lock") as incoming:
        incoming.write_text(text_of({**blocks, **new}), encoding="utf-8")


@contextmanager
def _incoming(lock: Path) -> Iterator[Path]:
    """A file that takes its place when it is written."""
    incoming = lock.with_name(".dvc.lock.incoming")
    try:
        yield incoming
        with incoming.open("rb") as written:
            os.fsync(written.fileno())
        incoming.replace(lock)
        sync(lock.parent)
    finally:
        incoming.unlink(missing_ok=True)


def text_of(blocks: Blocks) -> str:
    """The file that has these entries."""
    return _HEAD + "".join(blocks.values())


def _dump(stages: Sequence[Any]) -> Blocks | None:
    """As DVC writes them. The settings, most of the text, are the same for all stages of a kind: they are written once,
    and put in the place of an empty section.
    """
    blocks: Blocks = {}
    texts: dict[str, str] = {}
    for batch in _batches(stages):
        if (new := _dump_batch(batch, texts)) is None:
            return None
        blocks |= new
    return blocks


def _dump_batch(stages: Sequence[Any], texts: dict[str, str]) -> Blocks | None:
    """`texts` are those of the settings that have been met, by what they say."""
    entries: dict[str, Any] = {}
    settings: dict[str, str] = {}
    for stage in stages:
        entry = to_lockfile(stage)[stage.name]
        if said := entry.get(_SETTINGS):
            key = json.dumps(said, default=str)
            if key not in texts:
                texts[key] = dumps_yaml({"": {"": {_SETTINGS: _apart(said)}}}).partition("\n  '':\n")[2]
            settings[stage.name], entry[_SETTINGS] = texts[key], {}
        entries[stage.name] = entry
    if (blocks := blocks_in(dumps_yaml({"schema": "2.0", "stages": entries}))) is None:
        return None
    for name, text in settings.items():
        above, _, below = blocks[name].rpartition(f"    {_SETTINGS}: {{}}\n")
        blocks[name] = above + text + below
    return blocks


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """YAML's trees take fifty times the memory of the text."""
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _apart(value: Any) -> Any:
    """No two parts are one object, of which YAML would write a reference."""
    if isinstance(value, Mapping):
        return {key: _apart(part) for key, part in value.items()}
    return [_apart(part) for part in value] if isinstance(value, list | tuple) else value
