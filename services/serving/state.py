"""How the server is: what it still loads, and how the looks for new champions went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class State:
    """Written by the thread that loads and looks, read by requests; each field is replaced whole.

    `loading` are the models, as they were typed, that are not there yet. `registry_error` says why the last look at the
    registry failed, `last_look` when one last did not. `not_taken` says by category why a newer champion is not served.
    """

    loading: tuple[str, ...]
    registry_error: str | None = None
    last_look: datetime | None = None
    not_taken: Mapping[str, str] = field(default_factory=dict)
