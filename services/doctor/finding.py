"""What `tocoad doctor` says of one thing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from tocoad.text.redaction import redacted

State = Literal["ok", "warn", "bad"]
"""`warn`: it works, or will by itself, and someone should look; `bad`: commands that need it fail."""
_ORDER: tuple[State, ...] = ("ok", "warn", "bad")


@dataclass(frozen=True)
class Finding:
    """`do` is one line: what mends it. Empty where there is nothing to do, and where the text is an error of
    ours, which says it.
    """

    check: str
    state: State
    text: str
    do: str = ""

    def document(self) -> dict[str, str]:
        return asdict(self)


def worst(findings: Iterable[Finding]) -> State:
    """Of all of them; `ok` where there is none."""
    return max((finding.state for finding in findings), key=_ORDER.index, default="ok")


def shareable(text: str, root: Path | None) -> str:
    """For a report of a defect, which strangers read: no password, and no path that says whose machine it is. The
    workspace is `.`, the user's home `~`.
    """
    text, home = " ".join(redacted(text).split()), Path.home()
    places = [(place, ".") for place in (root, root and root.resolve()) if place is not None]
    for place, name in (*places, (home, "~"), (home.resolve(), "~")):
        if len(place.parts) > 1:
            text = re.sub(rf"{re.escape(str(place))}(?![\w-])", name, text)
    return text
