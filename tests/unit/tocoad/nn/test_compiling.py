"""Machine code that numba keeps beside the source."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.disks import files_up_to

SOURCE = """
from tocoad.nn.compiling import compiled

@compiled
def double(x):
    return 2.0 * x
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "doubling.py"
    file.write_text(SOURCE)
    return file


def load(file: Path) -> Any:
    """The function as a process of its own would import it."""
    spec = importlib.util.spec_from_file_location("doubling", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.double


def kept(source: Path) -> dict[str, Path]:
    return {file.suffix: file for file in (source.parent / "__pycache__").glob("doubling.double*")}


def test_it_is_compiled_once(source: Path) -> None:
    assert load(source)(1.5) == 3.0
    again = load(source)
    assert again(1.5) == 3.0
    assert sum(again.stats.cache_hits.values()) == 1


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_what_is_cut_or_altered_is_compiled_again(source: Path, suffix: str) -> None:
    assert load(source)(1.5) == 3.0
    file = kept(source)[suffix]
    whole = file.read_bytes()
    middle = len(whole) // 2
    for damaged in (b"", whole[:middle], whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :]):
        file.write_bytes(damaged)
        assert load(source)(1.5) == 3.0
        again = load(source)
        assert again(1.5) == 3.0
        assert sum(again.stats.cache_hits.values()) == 1


def test_it_works_where_there_is_no_room_for_it(source: Path) -> None:
    with files_up_to(100):
        assert load(source)(1.5) == 3.0
    assert not kept(source)
