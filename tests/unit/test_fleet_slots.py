"""The share of busy places, against fleets that one can count by hand."""

from __future__ import annotations

import pytest

from bench.fleet_slots import busy_share
from tocoad.files.workspace import Category
from tocoad.stages.graph import Job, jobs_of


def chain(name: str) -> tuple[Job, ...]:
    return jobs_of(Category("fleet", name), "patchcore")


def spans(*times: tuple[str, float, float]) -> dict[str, tuple[float, float]]:
    return {name: (began, ended) for name, began, ended in times}


def test_a_chain_without_a_pause_keeps_its_place() -> None:
    ran = spans(("manifest@fleet/a", 0, 1), ("fit_patchcore@fleet/a", 1, 3), ("evaluate_patchcore@fleet/a", 3, 4))
    assert busy_share(chain("a"), ran, 1) == 1
    assert busy_share(chain("a"), ran, 100) == 1, "a chain can fill one place"


def test_a_pause_between_two_jobs_leaves_the_place_empty() -> None:
    ran = spans(("manifest@fleet/a", 0, 1), ("fit_patchcore@fleet/a", 2, 4), ("evaluate_patchcore@fleet/a", 4, 5))
    assert busy_share(chain("a"), ran, 1) == pytest.approx(4 / 5)


def test_what_waits_wants_no_more_than_the_places_there_are() -> None:
    """Two chains one after the other on one place, and the same where there are two."""
    ran = spans(
        *(("manifest@fleet/a", 0, 1), ("fit_patchcore@fleet/a", 1, 2), ("evaluate_patchcore@fleet/a", 2, 3)),
        *(("manifest@fleet/b", 3, 4), ("fit_patchcore@fleet/b", 4, 5), ("evaluate_patchcore@fleet/b", 5, 6)),
    )
    both = chain("a") + chain("b")
    assert busy_share(both, ran, 1) == 1
    assert busy_share(both, ran, 2) == pytest.approx(6 / 9)
