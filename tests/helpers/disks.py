"""Disks that are full: a small file system of its own, and where that is not permitted a limit on the process."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def own_disk(folder: Path, size: str) -> Iterator[Path | None]:
    """A file system in memory of `size` (as `mount` takes it); None where mounting is not permitted."""
    folder.mkdir(parents=True, exist_ok=True)
    if not _mount(folder, size):
        yield None
        return
    try:
        yield folder
    finally:
        # Lazily: what was broken off may still have files there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """The same; skips the test where mounting is not permitted."""
    from skip_report import reason  # found by pytest alone, not by `python -m tests.chaos`

    with own_disk(folder, size) as disk:
        if disk is None:
            pytest.skip(reason("a small disk needs the right to mount", "as root, where the container permits it"))
        yield disk


def fill(ballast: Path) -> None:
    """Until nothing more fits beside the file."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def _mount(folder: Path, size: str) -> bool:
    """Whether it was permitted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: what a quota does, without any rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
