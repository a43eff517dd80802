"""Whatever was trained, promoted and tidied away before: what was not given up comes back to the byte."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import Phase
from hypothesis import settings as drawing
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from services.gc.plan import Choice
from services.gc.removal import tidy
from tests.helpers.line_of_versions import Factory
from tests.helpers.objects import object_file
from tocoad.files.workspace import Category
from tocoad.stages.stage import Progress

pytestmark = pytest.mark.integration

CATEGORIES = st.sampled_from([Category("set", "a"), Category("set", "b"), Category("other", "a")])
# Few contents, so that versions, categories and data sets share them.
CONTENTS = st.sampled_from([b"one", b"two", b"three"])
NIGHT = st.tuples(CATEGORIES, CONTENTS, CONTENTS, st.sampled_from(["promoted", "kept", "rejected", None]))


class BreaksOff(KeyboardInterrupt):
    """As Ctrl-C would."""


class Histories(RuleBasedStateMachine):
    def __init__(self, folder: Path, services: Path) -> None:
        super().__init__()
        self.folder = folder
        self.factory = Factory(folder / "workspace", str(folder / "store"), services)
        self.given_up: set[tuple[str, int]] = set()
        self.scratch = (folder / f"restored-{number}" for number in itertools.count())

    @initialize(nights=st.lists(NIGHT, min_size=3, max_size=4))
    def some_nights_pass(self, nights: list[tuple[Category, bytes, bytes, str | None]]) -> None:
        for night in nights:
            self.night_passes(night)

    @rule(night=NIGHT)
    def night_passes(self, night: tuple[Category, bytes, bytes, str | None]) -> None:
        category, image, output, verdict = night
        both = {f"{name}/{number}": content for name in "ab" for number, content in enumerate((b"always", image))}
        self.factory.images(category.dataset, both)
        self.factory.retrain(category, output, verdict)

    @rule(pick=st.integers(0, 9))
    def a_version_is_promoted(self, pick: int) -> None:
        name, version = sorted(self.factory.made)[pick % len(self.factory.made)]
        self.factory.promote(Category(*name.split(".")), version)

    @rule(
        keep=st.integers(0, 2), dataset=st.sampled_from(["set", "other"]), ends_after=st.integers(0, 6) | st.just(999)
    )
    def tidied(self, keep: int, dataset: str, ends_after: int) -> None:
        if not any(name.startswith(f"{dataset}.") for name, _ in self.factory.made):
            return

        def progress(now: Progress) -> None:
            if self.removes and now.step > ends_after:
                raise BreaksOff

        def tell(plan: object) -> None:
            self.removes = True

        self.removes = False
        try:
            plan = tidy(
                self.factory.workspace, self.factory.registry, dataset, Choice(keep, 0, True), None, tell, progress
            )
        except BreaksOff:
            for version in self.factory.registry_versions():
                if "data_removed" in version.tags:
                    self.given_up.add((version.name, version.version))
        else:
            self.given_up |= {
                (f"{dataset}.{category}", number)
                for category, versions in plan.categories().items()
                for number in versions.going
            }
        self.look()

    def look(self) -> None:
        for place in self.factory.places:
            for name, version in self.factory.made.keys() - self.given_up:
                category = Category(*name.split("."))
                restored = self.factory.restored(category, version, place, next(self.scratch))
                assert restored == self.factory.made[name, version]
            for listing in listings(place):
                for entry in json.loads(listing.read_bytes()):
                    assert object_file(place, entry["md5"]).is_file(), listing


def listings(place: Path) -> Iterator[Path]:
    return place.glob("files/md5/??/*.dir")


def test_what_was_not_given_up_comes_back_to_the_byte_from_the_cache_and_from_the_store(
    tmp_path: Path, begun_services: Path, restored_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folders = (tmp_path / str(number) for number in itertools.count())
    # Each step takes a second: none is spent on a shorter history for the same failure.
    settings = drawing(max_examples=4, stateful_step_count=8, phases=[Phase.generate], deadline=None)
    run_state_machine_as_test(lambda: Histories(next(folders), begun_services), settings=settings)
