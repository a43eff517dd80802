"""Where a local Ray keeps its files and sockets."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from services.ray.folder import ray_folder

SOCKET = "r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"


def can_bind(folder: str) -> bool:
    """The sockets that Ray makes there, with the longest names that they can have."""
    file = Path(folder) / SOCKET
    file.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(file))
    return True


@pytest.mark.parametrize("length", [15, 30, 90])
def test_it_is_private_short_enough_and_gone_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        place = Path(short) / ("x" * length)
        place.mkdir()
        monkeypatch.delenv("RAY_TMPDIR", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        with ray_folder() as folder:
            assert Path(folder).stat().st_mode & 0o777 == 0o700
            assert can_bind(folder)
        assert not Path(folder).exists()


def test_the_user_may_choose_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setenv("RAY_TMPDIR", place)
        with ray_folder() as folder:
            assert Path(folder).parent == Path(place)
