"""What was skipped is told with the way to run it: after a run of pytest, and once after several."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parents[1] / "helpers"
SKIPPING = """
import pytest
from skip_report import reason

@pytest.fixture
def browser():
    pytest.skip(reason("no browser", "infra/browser.sh"))

@pytest.mark.parametrize("page", range(2))
def test_page(page, browser):
    pass

@pytest.mark.skipif(True, reason=reason("no GPU", "on a machine with one"))
def test_gpu():
    pass

def test_other():
    pass
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "test_some.py").write_text(SKIPPING)
    return {**os.environ, "PYTHONPATH": str(HELPERS), "SKIPPED_TO": str(tmp_path / "skipped")}


def run(*command: str, env: dict[str, str], cwd: Path) -> str:
    return subprocess.run([sys.executable, *command], env=env, cwd=cwd, capture_output=True, text=True).stdout


def test_skips_are_told_by_reason_at_the_end_of_a_run_and_once_after_several(
    environment: dict[str, str], tmp_path: Path
) -> None:
    pytest_run = ("-m", "pytest", "-q", "-p", "skip_report", "test_some.py")
    first = run(*pytest_run, env=environment, cwd=tmp_path)
    assert "skipped 2: no browser; to run: infra/browser.sh\nskipped 1: no GPU; to run: on a" in first
    run(*pytest_run, "-k", "page", env=environment, cwd=tmp_path)
    told = run(str(HELPERS / "skip_report.py"), environment["SKIPPED_TO"], env=environment, cwd=tmp_path)
    assert told.splitlines() == [
        "skipped 4: no browser; to run: infra/browser.sh",
        "skipped 1: no GPU; to run: on a machine with one",
    ]


def test_where_nothing_was_skipped_that_is_said(environment: dict[str, str], tmp_path: Path) -> None:
    run("-m", "pytest", "-q", "-p", "skip_report", "test_some.py", "-k", "other", env=environment, cwd=tmp_path)
    told = run(str(HELPERS / "skip_report.py"), environment["SKIPPED_TO"], env=environment, cwd=tmp_path)
    assert told == "skipped: nothing\n"


def test_every_skip_of_the_suite_names_the_way_out() -> None:
    """`reason` is the one that makes their texts."""
    calls = ("pytest.skip(", "skipif(", "importorskip(", "xfail(", "mark.skip(")
    for file in Path(__file__).parents[1].rglob("*.py"):
        if file != Path(__file__):
            text = file.read_text()
            told = "skip_report import" in text and "reason(" in text
            assert told or not any(call in text for call in calls), file
