"""What the report says of versions and verdicts: known to the services alone, so the caller brings it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tocoad.files.workspace import Category
from tocoad.settings.sections import MethodName


@dataclass(frozen=True)
class Facts:
    """`verdicts` holds the last ledger entry of each category by its name (`bottle`, without the data set); a category
    that the gate never saw is missing. `generated` is the text that the footer shows; the pages hold no other time of
    their own.
    """

    data_version: str | None
    git_commit: str | None
    verdicts: Mapping[str, Mapping[str, Any]]
    generated: str

    def verdict(self, category: Category, method: MethodName) -> Mapping[str, Any] | None:
        """Of this detector of the category; None where the gate never saw it."""
        return self.verdicts.get(category.name)
