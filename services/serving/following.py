"""Loads what was asked for, then looks for new champions again and again. Whatever fails, what is served stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from services.mlflow.calls import AwayError
from services.mlflow.decision_log import champion_in_force, log_length
from services.mlflow.package_check import BrokenPackageError
from services.mlflow.registry import Registry, Version
from services.serving.loading import from_folder, from_registry
from services.serving.served import Served, Shelf
from services.serving.state import State
from tocoad.errors import error_line
from tocoad.package.detector import PackageError

IN_REGISTRY = "models:/"
_AGAIN_SECONDS = 60.0  # a champion whose package is broken is not fetched at every look

Say = Callable[[str], None]


class Following:
    """For one thread. `registry` is None where no model is of the registry."""

    def __init__(self, shelf: Shelf, state: State, registry: Registry | None, say: Say) -> None:
        self._shelf, self._state, self._say = shelf, state, say
        self._registry = registry
        self._followed: dict[str, str] = {}
        self._seen: dict[str, int] = {}
        self._broken: dict[str, tuple[int, float]] = {}

    def load(self, models: Sequence[str], stopped: Event) -> None:
        """One after another, until one fails or `stopped`.

        Raises:
            TocoadError: it cannot be loaded, or is named twice.
        """
        for model in models:
            if stopped.is_set():
                return
            served = self._loaded(model)
            self._shelf.add(served)
            if "@" in model and model.startswith(IN_REGISTRY):
                self._followed[model] = served.name
            self._state.loading = self._state.loading[1:]
            self._say(f"loaded {served.title} ({served.detector.card.method})")
        if self._followed:
            self._looked(None)

    def follow(self, seconds: float, stopped: Event) -> None:
        """Looks every so many seconds, until `stopped`."""
        while self._followed and not stopped.wait(seconds):
            self.look()

    def look(self) -> None:
        """Once at each champion, and serves the new ones."""
        assert self._registry is not None
        first = None
        for model, name in self._followed.items():
            try:
                length = log_length(self._registry, model)
                # A log grows by an entry a night, and to read all of it every few seconds would be much.
                if not length or length != self._seen.get(model):
                    taken = self._take(name, champion_in_force(self._registry, model))
                    self._seen[model] = length if taken else 0
            except Exception as error:  # a defect of ours too is told, and stops no look
                first = first or error_line(error)
                if isinstance(error, AwayError):
                    break  # of the others it would be the same, after as long a wait
        self._looked(first)

    def _loaded(self, model: str) -> Served:
        others = self._shelf.served.values()
        if not model.startswith(IN_REGISTRY):
            return from_folder(Path(model), others)
        assert self._registry is not None
        return from_registry(self._registry, champion_in_force(self._registry, model), others)

    def _take(self, name: str, version: Version) -> bool:
        """Whether it is served now."""
        assert self._registry is not None
        before, broken = self._shelf.served[name], self._broken.get(name)
        if version.version != before.version:
            if broken is not None and broken[0] == version.version and time.monotonic() < broken[1]:
                return False
            try:
                served = from_registry(self._registry, version, self._shelf.served.values())
            except (PackageError, BrokenPackageError) as error:
                self._broken[name] = version.version, time.monotonic() + _AGAIN_SECONDS
                self._state.not_taken = {**self._state.not_taken, name: str(error)}
                self._say(f"warning: {before.title} stays: {error}")
                return False
            self._shelf.replace(served)
            self._say(f"{served.title} in place of version {before.version}")
        self._broken.pop(name, None)
        self._state.not_taken = {of: why for of, why in self._state.not_taken.items() if of != name}
        return True

    def _looked(self, error: str | None) -> None:
        before, self._state.registry_error = self._state.registry_error, error
        if error is None:
            self._state.last_look = datetime.now(UTC)
        if error is not None and before is None:
            self._say(f"warning: {error}; what is served stays")
        elif error is None and before is not None:
            self._say("the registry answers again")
