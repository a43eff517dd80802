"""dvc.lock as earlier versions wrote it: what it says of what is there holds still, and nothing is trained anew."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from services.dvc import lockfile

_TRAIN, _LIST = "train_unified", "list_unified"
_SPLIT = "split"


def bring_up_to_date(root: Path) -> None:
    """`train_unified` once read a whole data set and listed its training images itself. The list that it left is what
    `list_unified` would have written for it; so one entry becomes two.
    """
    lock, stages = root / "dvc.lock", root / "dvc.yaml"
    if not lock.is_file() or f"\n  {_TRAIN}@".encode() not in lock.read_bytes():
        return
    if f"\n  {_LIST}:".encode() not in stages.read_bytes():  # what is run is of an earlier version too
        return
    blocks = lockfile.read_blocks(root) or {}
    old = {name: block for name, block in blocks.items() if name.startswith(f"{_TRAIN}@") and _is_old(name, block)}
    entries: dict[str, Any] = {}
    for name, entry in (lockfile.parse(old) or {}).items():
        entries |= _divided(root, name.partition("@")[2], entry)
    if entries:
        lockfile.write_entries(root, blocks, entries)


def _is_old(name: str, block: str) -> bool:
    return f"    - path: data/{name.partition('@')[2]}\n" in block


def _divided(root: Path, dataset: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The entries of both stages; none where the list is missing."""
    left, listed = (f"work/{dataset}/recontrast_unified/{stage}/images.json" for stage in (_TRAIN, _LIST))
    images = [{**out, "path": listed} for out in entry["outs"] if out["path"] == left]
    if not images or not (root / left).is_file():
        return {}
    (root / listed).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / left, root / listed)
    whole = [dep for dep in entry["deps"] if dep["path"] == f"data/{dataset}"]
    settings = {file: dict(values) for file, values in entry["params"].items()}
    split = {file: {_SPLIT: values.pop(_SPLIT)} for file, values in settings.items() if _SPLIT in values}
    cmd = f"python -m tocoad {_LIST} --dataset {dataset}"
    return {
        f"{_LIST}@{dataset}": {"cmd": cmd, "deps": whole, "params": split, "outs": images},
        f"{_TRAIN}@{dataset}": {
            **entry,
            "deps": [*images, *(dep for dep in entry["deps"] if dep not in whole)],
            "params": settings,
        },
    }
