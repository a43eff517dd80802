from __future__ import annotations

from pathlib import Path

import pytest

from tocoad.replacing import replacing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "set"
    with replacing(target) as folder:
        (folder / "a").touch()
        assert not target.exists()
    assert names(target) == ["a"]
    assert names(target.parent) == ["set"]


def test_earlier_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "set"
    for name in ("a", "b"):
        with replacing(target) as folder:
            (folder / name).touch()
    assert names(target) == ["b"]
    assert names(tmp_path) == ["set"]


def test_failure_leaves_the_earlier_folder_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "set"
    target.mkdir()
    (target / "a").touch()
    with pytest.raises(KeyboardInterrupt), replacing(target) as folder:
        (folder / "b").touch()
        raise KeyboardInterrupt
    assert names(target) == ["a"]
    assert names(tmp_path) == ["set"]


def test_failing_last_rename_puts_the_earlier_folder_back(tmp_path: Path) -> None:
    target = tmp_path / "set"
    target.mkdir()
    (target / "a").touch()
    with pytest.raises(FileNotFoundError), replacing(target) as folder:
        folder.rmdir()
    assert names(target) == ["a"]
    assert names(tmp_path) == ["set"]


def test_what_a_killed_process_left_is_put_right(tmp_path: Path) -> None:
    target = tmp_path / "set"
    (tmp_path / ".set.previous").mkdir()
    (tmp_path / ".set.previous" / "a").touch()
    (tmp_path / ".set.incoming-0123").mkdir()
    with pytest.raises(ZeroDivisionError), replacing(target):
        raise ZeroDivisionError
    assert names(target) == ["a"]
    assert names(tmp_path) == ["set"]
