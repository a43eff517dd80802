"""What is done with many images, each part in a process of its own: `python -m bench.images_parts PART FOLDER`.

In the folder: `source` and `more`, images to be brought in; `ours`, a workspace; `plain`, the repository of a user who
copies and calls DVC himself.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bench.fleet_workspace import PROJECT
from bench.timing import greatest_resident_set
from services.datasets import add_dataset, check_dataset
from services.dvc import data
from services.merging import bring_in
from tocoad.files.workspace import Workspace
from tocoad.settings.file import override, save_plan
from tocoad.settings.plan import Plan
from tocoad.stages.stage import silent

DATASET, CATEGORIES, SIDE, MORE = "many", 10, 24, 100


def make(folder: Path, images: int) -> None:
    """Images that differ, of about a kilobyte."""
    rng = np.random.default_rng(0)
    for place, count in (("source", images), ("more", MORE)):
        for category in range(CATEGORIES):
            good = folder / place / f"part{category}" / "train" / "good"
            good.mkdir(parents=True)
            for number in range(count // CATEGORIES):
                pixels = rng.integers(0, 256, (SIDE, SIDE), np.uint8)
                cv2.imwrite(str(good / f"{place}{number:05d}.png"), pixels)
    root = folder / "ours"
    root.mkdir()
    for name in ("params.yaml", "plan.yaml", "dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, root)
    save_plan(Workspace(root), Plan())  # the checkout is a workspace too
    override(Workspace(root), {}, profile="demo")
    for place in ("ours", "plain"):
        subprocess.run(["git", "init", "-q", str(folder / place)], check=True)
    _dvc(folder / "plain", "init")


def copied(folder: Path) -> None:
    shutil.copytree(folder / "source", folder / "plain" / DATASET)


def copied_more(folder: Path) -> None:
    shutil.copytree(folder / "more", folder / "plain" / DATASET, dirs_exist_ok=True)


def checked(folder: Path) -> None:
    """Decoded, hashed and compared; nothing is written."""
    check_dataset(Workspace(folder / "ours"), folder / "source", "mvtec", silent)


def added(folder: Path) -> None:
    add_dataset(Workspace(folder / "ours"), folder / "source", DATASET, "mvtec", silent)


def unchanged(folder: Path) -> None:
    """As each retrain asks."""
    data.track_dataset(Workspace(folder / "ours"), DATASET)


def merged(folder: Path) -> None:
    bring_in(Workspace(folder / "ours"), folder / "more", DATASET, "mvtec", "new", lambda _: None, silent)


def removed(folder: Path) -> None:
    """So that there is something to bring back."""
    shutil.rmtree(folder / "ours" / "data" / DATASET)


def removed_plain(folder: Path) -> None:
    shutil.rmtree(folder / "plain" / DATASET)


def restored(folder: Path) -> None:
    """Every file is read through, where DVC believes its cache."""
    from services.restoring.restore import restore
    from services.restoring.states import present_state
    from services.restoring.unrecorded import recorded_here

    workspace = Workspace(folder / "ours")
    restore(workspace, present_state(workspace, DATASET), recorded_here(workspace))


def _dvc(root: Path, *arguments: str) -> None:
    """In this process: the start of Python is counted nowhere."""
    from dvc.cli import main

    os.environ["DVC_NO_ANALYTICS"] = "1"
    os.chdir(root)
    code = main([*arguments, "--quiet"])
    assert code == 0, arguments


def dvc(*arguments: str) -> Callable[[Path], None]:
    return lambda folder: _dvc(folder / "plain", *arguments)


PARTS: dict[str, Callable[[Path], None]] = {
    "check alone": checked,
    "add": added,
    "no change": unchanged,
    "merge 100": merged,
    "copy": copied,
    "dvc add": dvc("add", DATASET),
    "dvc status": dvc("status", f"{DATASET}.dvc"),
    "copy 100": copied_more,
    "dvc add again": dvc("add", DATASET),
    "remove": removed,
    "remove plain": removed_plain,
    "restore": restored,
    "dvc checkout": dvc("checkout", f"{DATASET}.dvc"),
}


def measure(part: str, folder: Path) -> dict[str, float]:
    """Seconds by the clock, of the processor, and the greatest resident set in bytes."""
    started, before = time.perf_counter(), _processor_seconds()
    PARTS[part](folder)
    return {
        "wall": time.perf_counter() - started,
        "seconds": _processor_seconds() - before,
        "peak": greatest_resident_set(),
    }


def _processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
