"""The committed figures of the benchmarks: none of the questions is without an answer."""

from __future__ import annotations

import json

from bench.__main__ import NEED_MORE, QUESTIONS
from bench.kept import RESULTS


def test_every_question_has_rows_and_the_machine_they_are_of() -> None:
    results = json.loads(RESULTS.read_text())
    assert set(QUESTIONS) - set(NEED_MORE) <= set(results) <= set(QUESTIONS)
    for question in results.values():
        assert question["rows"] and {"cpu", "date", "threads"} <= set(question["machine"])
