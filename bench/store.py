"""How long do 169 files of 52 MB take into a store and out of it, beside DVC's own push and fetch of the same?

Seconds by the clock, the median of three turns in which both ways take turns, each into a place of its own; the stores
are a folder on the same disk and rclone's S3 server on loopback. "Again" is the question whether all is there. DVC's
seconds have the opening of its repository in them; ours have the reading of every byte to check it, and a sync of it.

What a job of a node pays for a folder that the node's cache has, every byte of it read and checked, stands beside a
plain copy of the folder.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.timing import Row

FILES, BYTES, TURNS = 169, 52_000_000, 3
_STEPS = ("put", "get", "put again")
_OURS, _DVCS = "tocoad", "dvc"


def run() -> list[Row]:
    from tests.helpers.s3_servers import rclone_s3

    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        workspace, folder = _dvc_workspace(root)
        rows += _rows("a folder", workspace, folder, str(root / "far"))
        rows += _rows_of_a_node(root, workspace, folder)
        with rclone_s3(root / "buckets") as server:
            os.environ |= server.env
            rows += _rows("rclone's S3", workspace, folder, server.url)
    return rows


def _rows(place: str, workspace: Path, folder: str, url: str) -> list[Row]:
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for turn in range(TURNS + 1):
        for way, steps in ((_DVCS, _by_dvc), (_OURS, _by_us)):
            for step, work in zip(_STEPS, steps(workspace, folder, f"{url}/{way}-{turn}"), strict=True):
                begin = time.perf_counter()
                work()
                if turn:  # the first one warms up
                    seconds[step, way].append(time.perf_counter() - begin)
    rows = []
    for step in _STEPS:
        plain, ours = (statistics.median(seconds[step, way]) for way in (_DVCS, _OURS))
        case = f"{FILES} files of {BYTES / 1e6:.0f} MB, {place}: {step}"
        rows += [Row(f"{case}, dvc", plain, "s"), Row(f"{case}, services.store", ours, "s", ours / plain)]
    return rows


def _rows_of_a_node(root: Path, workspace: Path, folder: str) -> list[Row]:
    from services.store.node_cache import NodeCache
    from services.store.store import open_store

    far, cache = open_store(str(root / "far" / f"{_OURS}-0")), NodeCache(root / "node", 10 * BYTES)
    cache.fetch(far, [folder])
    copies, links = [], []
    for turn in range(TURNS + 1):
        targets = root / f"copy-{turn}", root / f"links-{turn}"
        begin = time.perf_counter()
        shutil.copytree(workspace / "data", targets[0])
        between = time.perf_counter()
        assert not cache.fetch(far, [folder]).bytes + cache.place(far, folder, targets[1]).bytes
        if turn:
            copies.append(between - begin)
            links.append(time.perf_counter() - between)
        for target in targets:
            shutil.rmtree(target)
    case, plain, ours = f"{FILES} files of {BYTES / 1e6:.0f} MB", statistics.median(copies), statistics.median(links)
    return [Row(f"{case}, copied", plain, "s"), Row(f"{case}, known to a node: links", ours, "s", ours / plain)]


def _dvc_workspace(root: Path) -> tuple[Path, str]:
    """One whose cache holds a folder of random files, and the folder's hash."""
    from dvc.repo import Repo

    workspace, rng = root / "workspace", random.Random(0)
    (workspace / "data").mkdir(parents=True)
    for number in range(FILES):
        (workspace / "data" / f"{number}.png").write_bytes(rng.randbytes(BYTES // FILES))
    with Repo.init(str(workspace), no_scm=True) as repo:
        with repo.config.edit() as config:
            config["core"]["site_cache_dir"] = str(root / "site")
        return workspace, str(repo.add(str(workspace / "data"))[0].outs[0].hash_info.value)


def _by_dvc(workspace: Path, folder: str, url: str) -> list[Callable[[], Any]]:
    from dvc.repo import Repo

    cache = workspace / ".dvc" / "cache"

    def with_repo(work: Callable[[Any], Any]) -> None:
        with Repo(str(workspace), config={"core": {"remote": "far"}, "remote": {"far": {"url": url}}}) as repo:
            work(repo)

    def get() -> None:
        aside = cache.rename(cache.with_name("aside"))
        with_repo(lambda repo: repo.fetch())
        shutil.rmtree(cache)
        aside.rename(cache)

    return [lambda: with_repo(lambda repo: repo.push()), get, lambda: with_repo(lambda repo: repo.push())]


def _by_us(workspace: Path, folder: str, url: str) -> list[Callable[[], Any]]:
    from services.store.store import open_store
    from services.store.transfer import transfer

    here, there = workspace / ".dvc" / "cache", workspace / "there"

    def put() -> None:
        transfer(open_store(str(here)), open_store(url), [folder])

    def get() -> None:
        transfer(open_store(url), open_store(str(there)), [folder])
        shutil.rmtree(there)

    return [put, get, put]
