"""Figures as the pages print them."""

from __future__ import annotations

import re

from markupsafe import Markup

NBSP, DASH, MINUS, NONE = "\u00a0", "\u2013", "\u2212", "\u2013"
_JOINED = f"{DASH}\u2060"  # a line may not break after it


def percent(share: float | None, digits: int = 1) -> str:
    """`95.2 %`; a share that is not 0 or 1 is never printed as one of them."""
    if share is None:
        return NONE
    shown = f"{share * 100:.{digits}f}"
    edge = 10.0**-digits
    if 0 < share < 1 and float(shown) in (0, 100):
        shown = f"<{NBSP}{edge:.{digits}f}" if share < 0.5 else f">{NBSP}{100 - edge:.{digits}f}"
    return f"{shown}{NBSP}%"


def percent_range(interval: tuple[float, float] | None) -> str:
    """`86.7–99.0 %`."""
    if interval is None:
        return NONE
    low, high = interval
    return f"{low * 100:.1f}{_JOINED}{high * 100:.1f}{NBSP}%"


def figure(value: float | None, digits: int = 4) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def score(value: float, digits: int = 4) -> str:
    """A detector's score has no fixed size: `digits` that count, and no exponent where the point does."""
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e15 else f"{value:.{digits}g}"


def apart(first: float, second: float) -> tuple[str, str]:
    """Both with as many digits as it takes to tell them apart."""
    for digits in range(4, 18):
        shown = score(first, digits), score(second, digits)
        if shown[0] != shown[1]:
            return shown
    return score(first), score(second)


def figure_range(interval: tuple[float, float] | None, digits: int = 4) -> str:
    return "" if interval is None else f"{interval[0]:.{digits}f}{DASH}{interval[1]:.{digits}f}"


def signed(value: float, digits: int = 4) -> str:
    """With its sign, which a difference that rounds to nothing has not."""
    shown = f"{value:+.{digits}f}"
    return shown.lstrip("+-") if float(shown) == 0 else shown.replace("-", MINUS)


def signed_range(interval: tuple[float, float], digits: int = 4) -> str:
    return f"{signed(interval[0], digits)} to {signed(interval[1], digits)}"


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}{NBSP}MB"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 image`, `2 images`."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def breakable(name: str) -> Markup:
    """A name of the data, escaped, whose line may end after `_`, `-` and `/`, where a phone leaves no room."""
    return Markup("").join(
        part + Markup("<wbr>") if part in ("_", "-", "/") else part for part in re.split("([_/-])", name)
    )


def listed(names: list[str]) -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
