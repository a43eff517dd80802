"""What is told when a flow has finished: one document, which names what a person should look at."""

from __future__ import annotations

import json
import platform
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from services.people import user_name
from tocoad.text.printable import encodable
from tocoad.text.redaction import redacted

# Of many categories; receivers take no document of any size.
_TOLD_MAX = 100
_LISTS = ("failed", "waiting", "alarms", "changed")

When = Literal["always", "changed", "attention"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Told(_Part):
    """What became of one category, `what` in a word or two; `answer` is the command with which a person answers."""

    category: str
    what: str
    version: int | None = None
    why: str | None = None
    answer: str | None = None


class Notice(_Part):
    """A finished flow. `text` says all in one line; `error` is what ended the whole, or the first of what failed.

    `failed`: categories that are not complete. `waiting`: versions that wait for a person's answer. `alarms`: what a
    person should look at, though nothing failed. `changed`: what was trained, judged, moved or scored. A category may
    be in several. No `dataset` is known of a detector in a folder that could not be opened.
    """

    flow: str
    dataset: str | None
    text: str
    error: str | None = None
    failed: tuple[Told, ...] = ()
    waiting: tuple[Told, ...] = ()
    alarms: tuple[Told, ...] = ()
    changed: tuple[Told, ...] = ()
    warnings: tuple[str, ...] = ()
    links: Mapping[str, str] = {}

    def is_wanted(self, when: When) -> bool:
        """By who wants to hear of every flow, of changes and failures, or only where a person is needed."""
        needs_person = bool(self.error or self.failed or self.waiting or self.alarms)
        return when == "always" or needs_person or (when == "changed" and bool(self.changed))

    def document(self, run: str | None, workspace: str) -> dict[str, Any]:
        """As it is sent, with no secret of the environment in it. `id` is the same however often it is tried."""
        lists = {name: [told.model_dump(mode="json") for told in getattr(self, name)] for name in _LISTS}
        found = {
            "format": 1,
            "id": uuid.uuid4().hex,
            "flow": self.flow,
            "dataset": self.dataset,
            "text": self.text,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": run,
            "by": user_name(),
            "host": platform.node(),
            "workspace": workspace,
            "error": self.error,
            **{name: entries[:_TOLD_MAX] for name, entries in lists.items()},
            "left_out": sum(max(len(entries) - _TOLD_MAX, 0) for entries in lists.values()),
            "warnings": [*self.warnings],
            "links": dict(self.links),
        }
        cleaned: dict[str, Any] = _cleaned(found)
        return cleaned


def as_json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(redacted(value))
    if isinstance(value, dict):
        return {key: _cleaned(inner) for key, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value
