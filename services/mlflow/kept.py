"""Versions in the registry, as a tidying-up sees them: which are to be kept, and where each has its record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient

from services.mlflow.decision_log import SUFFIX, DecisionLog
from services.mlflow.glance import Glance
from services.mlflow.judging import METHOD_TAG
from services.mlflow.nights import NIGHT_TAG, fetch_night
from services.mlflow.registry import PACKAGE_TAG, Registry, Version
from tocoad.files.temporary import temporary_folder
from tocoad.gate.keeping import kept_versions

# Of a version whose objects a tidying-up has removed: when. They are missed no more.
REMOVED_TAG = "data_removed"


@dataclass(frozen=True)
class Recorded:
    """A version, and why it is kept; one that is not kept has no reasons. `night` is the run with its record."""

    version: Version
    reasons: tuple[str, ...]

    @property
    def dataset(self) -> str:
        return self.version.name.partition(".")[0]

    @property
    def category(self) -> str:
        return self.version.name.partition(".")[2]

    @property
    def night(self) -> str | None:
        return self.version.tags.get(NIGHT_TAG)

    @property
    def method(self) -> str | None:
        return self.version.tags.get(METHOD_TAG)

    @property
    def is_removed(self) -> bool:
        return REMOVED_TAG in self.version.tags

    def __str__(self) -> str:
        return f"{self.version.name} version {self.version.version}"


def recorded_versions(registry: Registry, dataset: str, keep: int) -> list[Recorded]:
    """Of all data sets: those of other ones are all kept.

    Raises:
        DecisionLogError: of a category of this one it cannot be told which to keep.
    """
    glance = Glance(registry, dataset)
    found = []
    for name in registry.names():
        own, _, category = name.partition(".")
        if not category or name.endswith(SUFFIX):
            continue
        versions = [one for one in (glance if own == dataset else registry).versions(name) if PACKAGE_TAG in one.tags]
        kept: Mapping[int, tuple[str, ...]] = {one.version: (f"of data set {own}",) for one in versions}
        if own == dataset and versions:
            log = DecisionLog(glance, name)
            history = log.settled()
            log.champion(history)
            kept = kept_versions(history, [one.version for one in versions], keep)
        found += [Recorded(one, kept.get(one.version, ())) for one in versions]
    return found


def last_nights(client: MlflowClient, dataset: str, count: int) -> list[str]:
    """The runs with the records of the last retrains: one that registered nothing has no version that leads to it."""
    if (experiment := client.get_experiment_by_name(dataset)) is None:
        return []
    found = client.search_runs(
        [experiment.experiment_id], f"tags.{NIGHT_TAG} != ''", order_by=["start_time DESC"], max_results=count
    )
    return list(dict.fromkeys(str(run.data.tags[NIGHT_TAG]) for run in found))


def night_documents(client: MlflowClient, night: str) -> dict[str, str]:
    """Of such a run the texts of its record, by their paths below the workspace."""
    with temporary_folder("night") as scratch:
        files = fetch_night(client, night, scratch)
        return {path: file.read_bytes().decode(errors="surrogateescape") for path, file in files.items()}


def mark_removed(registry: Registry, versions: Collection[Version]) -> None:
    """Before anything is removed: one that was broken off may leave a version without some of its objects."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for version in versions:
        registry.set_tags(version, {REMOVED_TAG: now})
