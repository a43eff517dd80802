"""What the cluster's benchmark says: bytes on the disk, and its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import cluster_page
from bench.cluster_page import write_page
from bench.cluster_workspace import bytes_below
from bench.timing import Row


def test_a_copy_is_counted_and_a_link_is_not(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(bytes(100))
    (tmp_path / "folder" / "copy").write_bytes(bytes(100))
    (tmp_path / "folder" / "link").hardlink_to(tmp_path / "file")
    (tmp_path / "folder" / "name").symlink_to(tmp_path / "file")
    assert bytes_below(tmp_path) == 200


def test_a_row_has_its_figure_and_what_it_is_compared_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_page, "PAGE", tmp_path / "cluster.md")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_page([Row("a job: orchestration", 1.25, "s"), Row("on 2 workers, times as fast", 61.3, "s", 1.8125)], 3)
    page = (tmp_path / "cluster.md").read_text()
    assert "| a job: orchestration | 1.25 s |  |" in page
    assert "| on 2 workers, times as fast | 61.3 s | 1.81 x |" in page
