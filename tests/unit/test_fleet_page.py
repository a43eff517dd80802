"""The page of the fleet's benchmark says what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import fleet_page
from bench.fleet_page import exponent, write_page
from bench.fleet_sizes import FITTED
from bench.timing import Row


def test_what_takes_the_square_of_the_categories_has_the_exponent_two() -> None:
    measured = {
        n: {"line": {"seconds": 3.0 * n, "peak": 0}, "square": {"seconds": 0.1 * n**2, "peak": 0}} for n in FITTED
    }
    assert exponent(measured, "line") == pytest.approx(1)
    assert exponent(measured, "square") == pytest.approx(2)


def test_a_part_is_told_beside_dvc_status_with_its_exponent_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_page, "PAGE", tmp_path / "fleet.md")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    parts = dict.fromkeys(fleet_page._DRAWN, 1.0) | {"stale": 0.5}
    measured = {
        n: {part: {"seconds": cost * n, "peak": n * 2**20} for part, cost in parts.items()} for n in (3, *FITTED)
    }
    retrains = [
        Row("3 categories: stale", 0.2, "s"),
        Row("1000 categories: stale", 7.5, "s"),
        Row("3 to 1000: each category more", 7.3, "ms"),
    ]
    write_page(measured, [Row("places at work", 98.5, "%")], retrains)
    page = (tmp_path / "fleet.md").read_text()
    assert "| stale | 1.50 | 5.00 | 50.00 | 500.00 | 1.00 | 0.50 | 1000 |" in page
    assert "| places at work | 98.5 % |" in page
    assert "| part | 3 | 1,000 |\n|---|---:|---:|\n| stale | 0.20 | 7.50 |\n" in page
    assert "- 3 to 1000: each category more: 7 ms\n" in page
    assert (tmp_path / "fleet.svg").read_text().count("dvc status") == 1
