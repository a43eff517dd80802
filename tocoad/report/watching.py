"""What the watch saw of a category's new images, in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

from tocoad.watch.watched import Watched


def alarm_line(seen: Watched) -> str | None:
    """None where no alarm stands. The report asks no registry which version is champion now: it names the one it is
    about.
    """
    if (alarm := seen.standing(seen.version)) is None:
        return None
    return f"An alarm of the watch stands since {_told(alarm.time)}, about version {alarm.version}: {alarm.sentence}."


def look_line(seen: Watched) -> str:
    about = "" if seen.version is None else f", version {seen.version}"
    return f"Last look of the watch: {_told(seen.time)}{about}: {seen.outcome}."


def _told(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
