"""`python -m tests.chaos faults` and `python -m tests.chaos soak`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.cluster.page import page
from tests.chaos.cluster.plan import Round, once, soak
from tests.chaos.cluster.rounds import one_round
from tests.chaos.cluster.rows import HEADINGS, Row, Rows
from tests.chaos.cluster.site import Site
from tests.chaos.revision import revision
from tests.chaos.workshop import PROJECT
from tests.helpers.disks import own_disk

RESULTS = PROJECT / "docs" / "results"
DISK_MEGABYTES = 1024


def faults(seed: int, only: Sequence[str] | None, missing: bool, place: Path | None) -> int:
    """Each once, or those alone whose names have one of the texts; with `missing` those of which no row
    is kept that is clean.
    """
    rows = Rows(RESULTS / "faults.jsonl")
    chosen = [at for at in once(seed) if only is None or any(text in f"{at.fault}, {at.moment}" for text in only)]
    return _all(rows, [at for at in chosen if not (missing and rows.has_clean(at))], False, seed, place)


def soaked(seed: int, count: int, place: Path | None) -> int:
    """Goes on where one with this seed was broken off."""
    rows = Rows(RESULTS / "faults.jsonl")
    return _all(rows, [at for at in soak(seed, count) if not rows.has(at, True, seed)], True, seed, place)


def _all(rows: Rows, chosen: Iterable[Round], is_soak: bool, seed: int, place: Path | None) -> int:
    """`place` is a folder for all that is needed, or one that has been: then nothing is made ready anew."""
    folder = place or Path(tempfile.mkdtemp(prefix="faults-"))
    folder.mkdir(exist_ok=True)
    failed = False
    with own_disk(folder / "disk", f"{DISK_MEGABYTES}m") as disk, ExitStack() as stack:
        root = (disk or folder) / "workspace"
        root.mkdir(exist_ok=True)
        site = Site(folder, root, stack)
        seconds = 0.0
        print(" | ".join(HEADINGS), flush=True)
        for at in chosen:
            reference = site.reference(at.is_long)
            if is_soak and not seconds:
                seconds = one_round(site, Round(0, "nothing", "", 0), reference, 0).done
                print(f"undisturbed: {seconds} s", flush=True)
            row = Row.of(at, one_round(site, at, reference, seconds), is_soak, seed, revision())
            rows.keep(row)
            (RESULTS / "faults.md").write_text(page(rows.all), encoding="utf-8")
            print(" | ".join(row.cells()), flush=True)
            if row.found:
                failed = True
                shutil.copytree(root, folder / f"left {at.number}", symlinks=True, dirs_exist_ok=True)
    if failed:
        print(f"logs, and workspaces of rounds that were not clean, are kept in {folder}")
        return 1
    if place is None:
        shutil.rmtree(folder)
    return 0
