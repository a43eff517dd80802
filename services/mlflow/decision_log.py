"""The log of decisions of a category, in the registry: the one record of which version is champion, by whom, and why.

MLflow moves an alias without asking what it was before, so two that move it at once both seem to win. What it does give
is an order: it numbers the versions of a registered model one by one, whoever makes them. So each decision is a version
of a model of its own, `DATASET.CATEGORY.decisions`; `tocoad.gate.log` says which of them count, and the aliases follow.
"""

from __future__ import annotations

import platform
import random
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
)

from services.mlflow.calls import AwayError, TrackingError
from services.mlflow.registry import (
    CHALLENGER,
    CHAMPION,
    PACKAGE_TAG,
    PENDING,
    PREVIOUS,
    ROLLED_BACK_TAG,
    STATUS_TAG,
    UNTIL_TAG,
    Registry,
    Version,
    is_code,
)
from services.people import user_name
from tocoad.errors import StageError, first_line
from tocoad.files.sealed import seal, unseal
from tocoad.gate.bounded import bounded
from tocoad.gate.log import ANSWERS, Action, Entry, History, Numbered, replay

SUFFIX = ".decisions"
# The sealed entry; what else a version of the log carries is for the eye.
_ENTRY_TAG = "entry"
_KIND_TAG = "tocoad.kind"
_ABOUT = (
    "Not a model: the log of what became champion of {name}. Each version is a decision; tocoad appends them, and sets "
    "the aliases of {name} by them. Leave it as it is."
)
_DESCRIPTION_LIMIT = 5000
_BUSY_TRIES, _BUSY_SECONDS = 20, 0.05
_LOSSES = 50


class DecisionLogError(StageError):
    """The log cannot be read as it is, or a version that it names is gone; one line with the way out."""


class DecisionLog:
    """Of a model by its name, `DATASET.CATEGORY`."""

    def __init__(self, registry: Registry, name: str) -> None:
        self._registry = registry
        self._client = registry.client
        self.name = name

    @property
    def fresh(self) -> DecisionLog:
        """The same, which asks the registry anew."""
        return DecisionLog(self._registry.fresh, self.name)

    def read(self) -> History:
        """What the log says, without a write.

        Raises:
            DecisionLogError: an entry is missing, altered, or of a later version of this software.
        """
        return replay(self._entries())

    def settled(self) -> History:
        """What the log says, after the aliases were made to say the same: a move may have broken off before them. A
        registry that has no log yet begins one with its champion as it stands.
        """
        versions = self._versions()
        history = self.read()
        if not _moves(versions, history):
            return history
        if self._registry is not self._registry.fresh:
            return self.fresh.settled()
        if not history.counted and (champion := _aliases(versions).get(CHAMPION)) is not None:
            self.append(self._adoption(champion))
            history = self.read()
        return self.follow(history)

    def follow(self, history: History) -> History:
        """Tags of what was taken down or waits no more, then the aliases, `champion` last; until the log says
        afterwards what was set: who came in between may have been slower with the aliases than with the entry.
        """
        for _ in range(_LOSSES):
            versions = self._versions()
            for version in versions.values():
                self._mark(version, history)
            for alias, number in _moves(versions, history).items():
                self._registry.set_alias(self.name, alias, number)
            now = self.read()
            if len(now.counted) == len(history.counted):
                return now
            history = now
        raise DecisionLogError(f"{self.name}: its champion changes faster than its alias can follow: run again")

    def champion(self, history: History) -> Version | None:
        """Raises DecisionLogError where the version in force was deleted."""
        version = self.in_force(history)
        if version is None and history.champion is not None:
            dataset, _, category = self.name.partition(".")
            raise DecisionLogError(
                f"{self.name} version {history.champion} is champion and is gone from the registry: choose another: "
                f"tocoad promote {dataset} {category} --version V"
            )
        return version

    def in_force(self, history: History) -> Version | None:
        """The same; None too where it was deleted."""
        return None if history.champion is None else self._registry.get(self.name, history.champion)

    def way_back(self, history: History) -> int | None:
        """Where a rollback leads: among the versions that there still are."""
        return history.way_back(self._versions())

    def challenger(self, history: History) -> int | None:
        """The version that waits for a person, or was registered and is not judged yet."""
        return _challenger(self._versions(), history)

    def _versions(self) -> dict[int, Version]:
        return {version.version: version for version in self._registry.versions(self.name)}

    def entry(self, action: Action, history: History, new: int | None, **more: Any) -> Entry:
        """A decision that was made in the knowledge of `history`, as long as the registry takes it."""
        entry = Entry(
            id=uuid.uuid4().hex,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            by=user_name(),
            host=platform.node(),
            action=action,
            after=history.reign,
            old=history.champion,
            new=new,
            **more,
        )
        return bounded(entry)

    def append(self, entry: Entry) -> None:
        """Whether it counts is for the next reading to tell. It bears to be asked again after any error."""
        document = seal(entry.model_dump(mode="json", by_alias=True), indent=None).strip()
        shown = {"action": entry.action, "by": entry.by, "from": entry.old, "to": entry.new}
        if entry.subject is not None and entry.decision is not None:
            shown |= {"verdict": entry.decision.verdict, "version": entry.version, **entry.subject.model_dump()}
        tags = {key: str(value) for key, value in shown.items() if value is not None}
        # A version of a model must have a source; this one is where the model's own is.
        source = f"models:/{self.name}/{entry.version if entry.new is None else entry.new}"
        for tries_left in range(_BUSY_TRIES, -1, -1):
            try:
                self._client.create_model_version(
                    self.name + SUFFIX,
                    source,
                    tags={**tags, _ENTRY_TAG: document},
                    description=_sentence(entry)[:_DESCRIPTION_LIMIT],
                    await_creation_for=0,
                )
                return
            except (TrackingError, AwayError) as error:
                if not tries_left or not self._again(error):
                    raise

    def _again(self, error: TrackingError | AwayError) -> bool:
        if isinstance(error, TrackingError) and is_code(error, RESOURCE_DOES_NOT_EXIST):
            return self._create()
        # A database of the workspace's own has no server that would wait for others' writes.
        if self._registry.uri.startswith("http") or (
            isinstance(error, TrackingError) and not is_code(error, INTERNAL_ERROR)
        ):
            return False
        time.sleep(random.uniform(0, _BUSY_SECONDS))
        return True

    def _create(self) -> bool:
        """Whether there was no log; then there is one now."""
        try:
            about = _ABOUT.format(name=self.name)
            self._client.create_registered_model(self.name + SUFFIX, {_KIND_TAG: "decisions"}, about)
        except TrackingError as error:
            if not is_code(error, RESOURCE_ALREADY_EXISTS):
                raise
            # The log is there now: it was made in between, or what is not there is what the entry names.
        return True

    def _entries(self) -> list[Numbered]:
        found = sorted((int(version.version), version.tags) for version in self._registry.found(self.name + SUFFIX))
        for expected, (number, _) in enumerate(found, start=1):
            if number != expected:
                raise DecisionLogError(f"{self.name}{SUFFIX}: entry {expected} was deleted: {self._way_out}")
        return [Numbered(number, self._parsed(number, tags)) for number, tags in found]

    def _parsed(self, number: int, tags: Mapping[str, str]) -> Entry:
        try:
            return Entry.model_validate(unseal(tags[_ENTRY_TAG].encode()))
        except (KeyError, ValueError) as error:
            raise DecisionLogError(
                f"{self.name}{SUFFIX}: entry {number} cannot be read ({first_line(error)}): where a later version of "
                f"tocoad wrote it, use that; else {self._way_out}"
            ) from None

    @property
    def _way_out(self) -> str:
        return f"delete the model {self.name}{SUFFIX}, and a new log begins with the champion as it stands"

    def _adoption(self, champion: int) -> Entry:
        """By the tags of versions before the log: when reigns ended, and what was taken down."""
        versions = self._registry.versions(self.name)
        package = next((v.tags.get(PACKAGE_TAG) for v in versions if v.version == champion), None)
        reigned = [v for v in versions if (UNTIL_TAG in v.tags or PREVIOUS in v.aliases) and v.version != champion]
        reigned.sort(key=lambda version: version.tags.get(UNTIL_TAG, ""))
        taken_down = {v.version: v.tags[ROLLED_BACK_TAG] for v in versions if ROLLED_BACK_TAG in v.tags}
        former = tuple(version.version for version in reigned)
        return self.entry("adopt", History(), champion, package=package, former=former, taken_down=taken_down)

    def _mark(self, version: Version, history: History) -> None:
        why, status = history.taken_down.get(version.version), version.tags.get(STATUS_TAG)
        if why is None:
            self._registry.remove_tag(version, ROLLED_BACK_TAG)
        elif version.tags.get(ROLLED_BACK_TAG) != why:
            self._registry.set_tags(version, {ROLLED_BACK_TAG: why})
        if status == "waiting" and (now := history.status(version.version) or PENDING) != status:
            self._registry.set_tags(version, {STATUS_TAG: now})


def _moves(versions: Mapping[int, Version], history: History) -> dict[str, int | None]:
    """The aliases that say something else than the log, in the order in which they are to be set; None: it goes."""
    wanted = {PREVIOUS: history.way_back(versions), CHALLENGER: _challenger(versions, history)}
    if history.champion is None or history.champion in versions:
        wanted[CHAMPION] = history.champion
    aliases = _aliases(versions)
    return {alias: number for alias, number in wanted.items() if aliases.get(alias) != number}


def _challenger(versions: Mapping[int, Version], history: History) -> int | None:
    asked = None if history.waiting is None else history.waiting.entry.version
    # A version without a package was not registered by a retrain, and no verdict will come.
    return history.challenger([n for n, version in versions.items() if n == asked or PACKAGE_TAG in version.tags])


def _aliases(versions: Mapping[int, Version]) -> dict[str, int]:
    return {alias: number for number, version in versions.items() for alias in version.aliases}


def champion_in_force(registry: Registry, uri: str) -> Version:
    """As `Registry.resolve`, but `@champion` is asked of the log, which the alias follows.

    Raises:
        SettingsError: there is no such model, alias or version.
    """
    name, at, alias = uri.removeprefix("models:/").partition("@")
    if uri.startswith("models:/") and at and alias == CHAMPION:
        log = DecisionLog(registry, name)
        if (champion := log.champion(log.read())) is not None:
            return champion
    return registry.resolve(uri)


def log_length(registry: Registry, uri: str) -> int:
    """Of the log that `champion_in_force` reads, in one small request: as long as it stays the same, so does the
    champion. 0 where no log decides.
    """
    name, _, alias = uri.removeprefix("models:/").partition("@")
    if alias != CHAMPION:
        return 0
    query = f"name = '{name}{SUFFIX}'"
    last = registry.client.search_model_versions(query, max_results=1, order_by=["version_number DESC"])
    return int(last[0].version) if last else 0


def told(entry: Entry) -> str:
    """Who decided what, when: "anna on line-3 promoted version 3 at ..."."""
    who = f"{entry.by} on {entry.host}" if entry.host else entry.by
    return f"{who}: {_sentence(entry)} ({entry.time})"


def _sentence(entry: Entry) -> str:
    before = "where there was no champion" if entry.old is None else f"in place of version {entry.old}"
    moved = f"; it is champion now, {before}" if entry.new != entry.old else ""
    because = "" if entry.reason is None else f": {entry.reason}"
    if entry.action == "adopt":
        return f"version {entry.new} was champion when this log began"
    if entry.action == "judge" and entry.decision is not None:
        return f"the gate on version {entry.version}: {entry.decision.verdict}{moved}: {entry.decision.reasons[0]}"
    if entry.action in ANSWERS:
        return f"{entry.action}d version {entry.version}{moved}{because}"
    return f"{entry.action} to version {entry.new}, {before}{because}"
