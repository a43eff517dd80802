"""What docs/results/ranges.md says of both ends of pyproject's ranges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import ranges_page

_RESULTS = """<testsuites><testsuite tests="4">
<testcase classname="tests.unit.a" name="test_is_well" time="1.5"/>
<testcase classname="tests.unit.a" name="test_fails" time="60"><failure message="no"/></testcase>
<testcase classname="tests.unit.a" name="test_breaks[x]" time="58"><error message="no"/></testcase>
<testcase classname="tests.unit.a" name="test_is_left_out" time="0.5"><skipped message="no GPU"/></testcase>
</testsuite></testsuites>"""


def test_the_page_says_what_is_kept() -> None:
    assert ranges_page.PAGE.read_text(encoding="utf-8") == ranges_page.page(), "run python infra/ranges_page.py"


def test_the_versions_that_were_tested_and_those_of_the_lock_are_in_the_ranges() -> None:
    wanted, lock = ranges_page.requirements(), ranges_page.locked()
    assert lock.keys() == wanted.keys()
    tested = [kept["versions"] for kept in ranges_page.read().values()]
    for versions in (*tested, lock):
        outside = {
            name: f"{versions[name]} is not in {asked.specifier}"
            for name, asked in wanted.items()
            if versions.get(name) and not asked.specifier.contains(versions[name])
        }
        assert outside == {}


def test_a_part_that_was_run_is_counted_and_what_failed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges_page, "KEPT", tmp_path / "ranges.json")
    results = tmp_path / "results.xml"
    results.write_text(_RESULTS)
    ranges_page.keep("lowest", "tests/unit", results)
    page = ranges_page.page()
    assert "| lowest | `tests/unit` | 1 | 2 | 1 | 2 |" in page
    assert "- lowest: `tests.unit.a::test_breaks`\n- lowest: `tests.unit.a::test_fails`\n" in page


def test_a_part_that_was_run_before_a_bound_moved_says_with_which_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges_page, "KEPT", tmp_path / "ranges.json")
    (tmp_path / "results.xml").write_text(_RESULTS)
    ranges_page.keep("lowest", "tests/unit", tmp_path / "results.xml")
    kept = ranges_page.read()
    kept["lowest"]["parts"]["tests/unit"]["versions"]["numpy"] = "2.0.0"
    ranges_page.KEPT.write_text(json.dumps(kept))
    assert "| lowest, but numpy 2.0.0 | `tests/unit` |" in ranges_page.page()
