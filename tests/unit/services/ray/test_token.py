from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.ray.token import guard_token


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / ".ray" / "auth_token"


def test_a_new_token_is_its_owner_s_alone_and_one_for_all_who_start_at_once(file: Path) -> None:
    before = os.umask(0)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: guard_token(), range(16)))
    finally:
        os.umask(before)
    token = file.read_text()
    assert len(token) == 64 and file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    guard_token()
    assert file.read_text() == token


def test_a_token_that_others_could_read_is_closed_to_them_and_stays(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("0123")
    file.chmod(0o644)
    guard_token()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("0123", 0o600)


def test_ray_finds_the_token_there(file: Path) -> None:
    guard_token()
    from ray._private.authentication.authentication_token_setup import _get_default_token_path

    assert _get_default_token_path() == file


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_a_token_of_the_user_s_own_is_left_alone(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "mine")
    guard_token()
    assert not file.exists()
