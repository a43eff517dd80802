"""The detectors that are served: one for each category, replaced whole while requests go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tocoad.errors import SettingsError
from tocoad.package.detector import Detector


@dataclass(frozen=True)
class Served:
    """`name` is the registered model's, `DATASET.CATEGORY`; of a package in a folder it is made from its card, and
    there is no `version`. The two digests are of the package and of its tensors.
    """

    name: str
    detector: Detector
    package_sha256: str
    model_sha256: str
    version: int | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def title(self) -> str:
        return self.name if self.version is None else f"{self.name} version {self.version}"


class Shelf:
    """What is served now. The mapping is replaced and never changed: a look sees one whole state, and whoever took a
    detector from it keeps that one.
    """

    def __init__(self) -> None:
        self._served: Mapping[str, Served] = {}

    @property
    def served(self) -> Mapping[str, Served]:
        return self._served

    def add(self, served: Served) -> None:
        """Raises SettingsError where a detector of the category is there already."""
        if served.name in self._served:
            raise SettingsError(f"{served.name} is named twice: of a category one detector is served")
        self.replace(served)

    def replace(self, served: Served) -> None:
        self._served = {**self._served, served.name: served}

    def find(self, text: str) -> list[Served]:
        """What `DATASET.CATEGORY` or the category alone means: one, none, or several where data sets share it."""
        now = self._served
        if text in now:
            return [now[text]]
        return [served for name, served in now.items() if name.partition(".")[2] == text]
