"""A local cluster of a test, started by the script that users have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from infra.local.processes import lives, living, marked
from infra.local.state import State, load
from tests.helpers.project import PROJECT
from tests.helpers.skip_report import reason

Answer = TypeVar("Answer")
SCRIPT = PROJECT / "infra/local-cluster.sh"


def lacking() -> str | None:
    """The reason of a skip where something is not installed that it starts."""
    there = shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not there:
        return reason("PostgreSQL is not installed", "apt-get install postgresql")
    return None if find_spec("psycopg2") else reason("psycopg2 is not installed", "make setup")


needs_its_programs = pytest.mark.skipif(lacking() is not None, reason=lacking() or "")


class LocalCluster:
    """In a folder that PostgreSQL's user can reach, should the test be root's: pytest's own are closed to others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "TOCOAD_CLUSTER_DIR": str(folder), "PYTHON": sys.executable}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [SCRIPT, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def call(self, *arguments: str, code: int = 0) -> str:
        """What it said on standard output."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=600)
        assert process.returncode == code, out + err
        return out

    @property
    def state(self) -> State:
        state = load(self.folder)
        assert state is not None
        return state

    def processes(self) -> list[psutil.Process]:
        """Those that were started, what they started, and whatever else bears the cluster's mark."""
        found = set(marked(self.state.secrets["mark"]))
        for recorded in self.state.processes.values():
            if (process := living(recorded)) is not None:
                found |= {process, *process.children(recursive=True)}
        return [process for process in found if lives(process)]


def asked(processes: Iterable[psutil.Process], question: Callable[[psutil.Process], Answer]) -> list[Answer]:
    """Of those that are still there: PostgreSQL's own come and go."""
    answers = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            answers.append(question(process))
    return answers


@contextmanager
def reachable_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="local-cluster-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def local_cluster() -> Iterator[LocalCluster]:
    """Nothing of it runs after the block."""
    with reachable_folder() as folder:
        cluster = LocalCluster(folder / "cluster")
        try:
            yield cluster
        finally:
            cluster.call("down")


def said_of(output: str) -> Mapping[str, str]:
    """By server the words on it; of several lines the last."""
    return {line.split()[0]: " ".join(line.split()[1:]) for line in output.splitlines()}
