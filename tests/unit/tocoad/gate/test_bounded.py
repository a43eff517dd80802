"""An entry of the log is as long as its place, whatever was found."""

from __future__ import annotations

import pytest

from tocoad.files.sealed import seal
from tocoad.gate.bounded import MOST_SAID, SHORTENED, bounded
from tocoad.gate.finding import Finding
from tocoad.gate.log import Entry
from tocoad.gate.records import Decision
from tocoad.gate.subject import Subject

PLACE = 100_000
"""Characters that MLflow takes as the value of a version's tag."""


def entry(types: int, name: str = "scratch on the inner ring", reason: str | None = None) -> Entry:
    """Of a verdict on so many types of defect, all of which are lost."""
    names = [f"{name} {number}" for number in range(types)]
    told = f"lost is {', '.join(f'{one} (0 of 12 caught, 11 by the champion)' for one in names)}: it may not be"
    figures = {f"{one} {who}": 1 / 3 for one in names for who in ("challenger", "champion")}
    found = Finding(name="recall by defect type", outcome="failed", reason=told, figures=figures)
    floor = Finding(name="image_AUROC floor", outcome="passed", reason="reaches it", figures={"challenger": 0.95})
    return Entry(
        id="0" * 32,
        time="2026-01-01T00:00:00.000+00:00",
        by="anna",
        action="judge",
        after=1,
        old=1,
        new=1,
        reason=reason,
        version=2,
        subject=Subject(method="tocoad", package="p" * 64, evaluation_set="e" * 64, rules="r" * 64),
        decision=Decision(verdict="kept", reasons=(told, "reaches it"), findings=(found, floor)),
        metrics={"image_AUROC": 0.95},
        images=dict.fromkeys(names, 12),
    )


def length(one: Entry) -> int:
    return len(seal(one.model_dump(mode="json", by_alias=True), indent=None))


@pytest.mark.parametrize(
    ("types", "name"), [(600, "scratch"), (2_000, "scratch"), (20_000, "scratch"), (300, "\u0416" * 200)]
)
def test_what_is_too_long_fits_and_still_says_how_it_was_decided(types: int, name: str) -> None:
    long = entry(types, name, "\u0416" * MOST_SAID)
    short = bounded(long)
    assert length(long) > PLACE >= length(short)
    assert short.decision is not None and long.decision is not None
    assert (short.version, short.metrics, short.subject) == (long.version, long.metrics, long.subject)
    assert (short.reason, short.decision.verdict) == (long.reason, "kept")
    assert short.decision.reasons[1:] == ("reaches it", SHORTENED)
    lost, floor = short.decision.findings
    assert (lost.outcome, floor.outcome) == ("failed", "passed")
    # What the report leaves out beside the findings is what stands in them.
    assert lost.reason == short.decision.reasons[0] and lost.reason.startswith(f"lost is {name[:100]}")
    assert Entry.model_validate_json(short.model_dump_json(by_alias=True)) == short
    assert bounded(short) is short


def test_what_fits_stays_to_the_last_figure() -> None:
    one = entry(50)
    assert bounded(one) is one


def test_the_images_by_type_by_which_shrinkage_is_judged_stay_as_long_as_they_fit() -> None:
    assert len(bounded(entry(1_000)).images) == 1_000
    assert bounded(entry(20_000)).images == {}
