"""The benchmarks' command, and the committed figures: none of the questions is without an answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import NEED_MORE, QUESTIONS, main
from bench.kept import RESULTS
from tests.helpers.environment import kept_environment


def test_every_question_has_rows_and_the_machine_they_are_of() -> None:
    results = json.loads(RESULTS.read_text())
    assert set(QUESTIONS) - set(NEED_MORE) <= set(results) <= set(QUESTIONS)
    for question in results.values():
        assert question["rows"] and {"cpu", "date", "threads"} <= set(question["machine"])


def test_what_a_question_starts_finds_the_benchmarks_whatever_was_configured_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.delenv("TOCOAD_SCORE_IMAGES", raising=False)
    with kept_environment():
        assert main(["score"]) == 0
        part = [sys.executable, "-P", "-m", "bench", "no-question"]
        done = subprocess.run(part, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.partition(":")[0]) == (2, "no-question")
