"""The comparison of champion and challenger as Markdown, for pages that show no HTML of ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tocoad.gate.comparison import Changed, Comparison, Kind
from tocoad.gate.finding import Finding, Outcome
from tocoad.report.comparing import changes, headline, kind_name, named, scores, what_changed
from tocoad.report.embedding import embedded
from tocoad.report.rates import Rate
from tocoad.report.text import DASH, figure, figure_range, percent, percent_range, signed, signed_range
from tocoad.text.printable import markdown

# Prefect keeps what its page shows in its database; a picture is about 10 kB.
_PICTURED, _LISTED = 6, 40
_FIRST: tuple[Outcome, ...] = ("failed", "unsure", "passed", "not applicable")
_PANELS = (("champion", "challenger"), ("image", "truth"))


def comparison_markdown(comparison: Comparison, findings: Sequence[Finding] = (), pictures: Path | None = None) -> str:
    """`findings` are the gate's on the challenger; `pictures` the folder with those that the comparison names, of which
    the first few are part of the text.
    """
    parts = [
        f"**{named(comparison.challenger)} against the champion, {named(comparison.champion)}.** "
        f"{headline(comparison)}",
        *_changes(comparison),
        *_made(comparison),
        *_findings(findings),
        *_changed(comparison, pictures),
        _figures(comparison),
        *_kinds([kind for kind in (*comparison.kinds, comparison.made) if kind is not None]),
    ]
    return "\n\n".join(parts) + "\n"


def _changes(comparison: Comparison) -> Iterator[str]:
    if found := changes(comparison):
        yield "\n".join(f"- {one}" for one in found)


def findings_markdown(findings: Sequence[Finding]) -> str:
    """Where there is nothing to compare with."""
    return "\n\n".join(_findings(findings))


def _made(comparison: Comparison) -> Iterator[str]:
    if comparison.synthetic:
        yield "There are no defective test images: the figures are of anomalies made on good ones, which stand in."


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    """As a list: in a table of Prefect's pages a sentence has one line, of which a phone shows the beginning."""
    if findings:
        ranked = sorted(findings, key=lambda one: _FIRST.index(one.outcome))
        yield "### What the gate found"
        yield "\n".join(f"- **{one.outcome}**, {markdown(one.name)}: {markdown(one.reason)}" for one in ranked)


def _changed(comparison: Comparison, pictures: Path | None) -> Iterator[str]:
    if not comparison.changed:
        return
    yield "### Judged otherwise, the worst first"
    rest = []
    for number, one in enumerate(comparison.changed):
        new, old = scores(one, comparison.thresholds)
        line = (
            f"**{what_changed(one)}**: {markdown(one.image_path)} ({markdown(one.defect_type)}); "
            f"challenger {markdown(new)}, champion {markdown(old)}"
        )
        shown = _pictures(one, pictures) if number < _PICTURED else ""
        if shown:
            yield f"{line}\n\n{shown}"
        elif number < _LISTED:
            rest.append(f"- {line}")
    if more := len(comparison.changed) - _LISTED:
        rest += [f"- and {more} more"] if more > 0 else []
    if rest:
        yield "\n".join(rest)


def _pictures(changed: Changed, folder: Path | None) -> str:
    """Two by two, so that both heat maps are in sight; nothing where a picture is missing."""
    if folder is None or not changed.pictures:
        return ""
    rows: list[tuple[str, ...]] = []
    try:
        for titles in _PANELS:
            there = [title for title in titles if title in changed.pictures]
            sources = [f"![{title}]({embedded(folder / changed.pictures[title])})" for title in there]
            blank = [""] * (len(titles) - len(there))
            rows += [(*there, *blank), (*sources, *blank)]
    except OSError:
        return ""
    return _table(rows[0], rows[1:])


def _figures(comparison: Comparison) -> str:
    rows = []
    for pair in comparison.figures:
        interval = "" if pair.interval is None else f" ({signed_range(pair.interval)})"
        told = DASH if pair.difference is None else f"{signed(pair.difference)}{interval}"
        new, old = (pair.challenger, pair.challenger_interval), (pair.champion, pair.champion_interval)
        rows.append((markdown(pair.metric), _figure(*new), _figure(*old), told))
    return "### Figures, with 95 % intervals\n\n" + _table(("metric", "challenger", "champion", "difference"), rows)


def _figure(value: float | None, interval: tuple[float, float] | None) -> str:
    return figure(value) if interval is None else f"{figure(value)} ({figure_range(interval)})"


def _kinds(kinds: Sequence[Kind]) -> Iterator[str]:
    rows = []
    for kind in kinds:
        new, old = Rate(kind.challenger, kind.images), Rate(kind.champion, kind.images)
        what = "good, passed" if kind.good else f"{markdown(kind_name(kind))}, caught"
        rows.append((what, str(kind.images), _rate(new), _rate(old), str(kind.lost), str(kind.gained)))
    if rows:
        yield "### By type\n\n" + _table(("type", "images", "challenger", "champion", "lost", "gained"), rows)


def _rate(rate: Rate) -> str:
    return f"{rate.count}: {percent(rate.share)} ({percent_range(rate.interval)})"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
