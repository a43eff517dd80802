"""A study's tables: each variant's mean over categories, its spread over seeds, and its distance from the control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from tocoad.metrics.names import METRIC_NAMES, MetricName
from tocoad.metrics.seeds import Spread, over_seeds
from tocoad.stages.graph import METHODS, OF_SEVERAL_METHODS
from tocoad.stages.stage import CURVES_FILE
from tocoad.study.earlier import MARK, EarlierRows, row_name, row_seeds
from tocoad.study.plan import Cell, StudyFile
from tocoad.study.results import CellResult

# What the tables show of the seven; pixel AUROC is saturated and stands beside the others for that reason alone.
SHOWN: tuple[MetricName, ...] = ("image_AUROC", "image_AP", "pixel_AUROC", "pixel_AP", "pixel_AUPRO")
_CONFIDENCE = 0.95
# A list of images costs nothing beside what is made of them.
_OWN = {
    stage.name: stage
    for method in METHODS.values()
    for stage in method.stages
    if not stage.lists_images and stage.name not in OF_SEVERAL_METHODS
}
_TIMED = (*_OWN, *OF_SEVERAL_METHODS)
_TRAINED = tuple(name for name, stage in _OWN.items() if CURVES_FILE in stage.writes)


@dataclass(frozen=True)
class Gain:
    """Variant less control, in points (hundredths), over the categories and seeds that both have."""

    value: float
    low: float
    high: float


def study_table(
    study: StudyFile, results: Sequence[CellResult], cells: Sequence[Cell], file: Path, earlier: str | None = None
) -> str:
    """Markdown. Every figure comes from the `results`, of the `cells` of the study in `file`; or from a row of the
    `earlier` table that has more seeds than there are results for, and is marked.

    Raises SettingsError where the earlier table has other columns.
    """
    header = _header(study)
    kept = EarlierRows(earlier or "", header[0])
    sections: list[str] = []
    rows: list[str] = []
    for encoder in study.encoders:
        of_encoder = [result for result in results if result.encoder == encoder]
        heading = ["", f"## {encoder}"]
        for place, categories in _places(study, [cell for cell in cells if cell.encoder == encoder]):
            found = list(_rows(study, of_encoder, categories, kept.of(encoder, place)))
            if found:
                sections += [*heading, "", f"### {place}", "", *header, *found]
                rows += found
                heading = []
    made = f"Made by `tocoad study {file}` from {len(results)} of {len(cells)} cells."
    if marked := sum(row_name(row).endswith(MARK) for row in rows):
        made += (
            f" {marked} of {len(rows)} rows, marked{MARK}, are of runs before, as they stood in this table; "
            "their Δ is to the control of their own run."
        )
    names = {row_name(row).removesuffix(MARK) for row in rows}
    return "\n".join([f"# Study: {file.stem}", "", made, "", *_legend(study, names), *sections]) + "\n"


def _places(study: StudyFile, cells: Sequence[Cell]) -> Iterator[tuple[str, Sequence[str]]]:
    """The title of each of an encoder's tables, and the categories it is the mean of."""
    planned = list(dict.fromkeys(cell.category.name for cell in cells))
    averaged = [name for name in planned if study.mean_over is None or name in study.mean_over]
    yield "Mean over " + ("categories" if study.mean_over is None else ", ".join(study.mean_over)), averaged
    yield from ((name, [name]) for name in planned)


def gain(metric: MetricName, variant: Sequence[CellResult], control: Sequence[CellResult]) -> Gain | None:
    """The mean difference, category by category against the control of the same seed (its first where it has not that
    seed), with a paired-bootstrap interval: in every draw of test images both are judged on the same ones, and the
    categories' draws are independent of each other. Seeds are averaged, so the interval is of the images alone.
    """
    differences, draws = [], []
    for category in dict.fromkeys(result.category for result in variant):
        of_category = [
            (mine, theirs)
            for mine in variant
            if mine.category == category and (theirs := _partner(mine, control)) is not None
        ]
        pairs = [(a, b) for a, b in of_category if a.metrics[metric] is not None and b.metrics[metric] is not None]
        if not pairs:
            continue
        differences.append(mean(_value(a, metric) - _value(b, metric) for a, b in pairs))
        if all(a.replicates.get(metric) and b.replicates.get(metric) for a, b in pairs):
            draws.append(np.mean([np.subtract(a.replicates[metric], b.replicates[metric]) for a, b in pairs], axis=0))
    if not differences:
        return None
    value = 100 * mean(differences)
    if len(draws) != len(differences):
        return Gain(value, float("nan"), float("nan"))
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(100 * np.mean(draws, axis=0), [tail, 1 - tail])
    return Gain(value, float(low), float(high))


def _partner(mine: CellResult, control: Sequence[CellResult]) -> CellResult | None:
    """The control on the same images: of the same seed, or the first there is."""
    same = [c for c in control if c.category == mine.category and c.evaluation_set == mine.evaluation_set]
    return next((c for c in same if c.seed == mine.seed), same[0] if same else None)


def _value(result: CellResult, metric: MetricName) -> float:
    value = result.metrics[metric]
    assert value is not None
    return value


def _header(study: StudyFile) -> tuple[str, str]:
    names = ["variant", "seeds", *SHOWN, *(f"Δ {name}" for name in SHOWN if name != "pixel_AUROC")]
    timed, trained = _stages(study, _TIMED), _stages(study, _TRAINED)
    names += [f"CPU s ({' / '.join(timed)})", f"CPU s an iteration ({' / '.join(trained)})", "peak MiB"]
    return _row(names), "|---" + "|---:" * (len(names) - 1) + "|"


def _rows(
    study: StudyFile, results: Sequence[CellResult], categories: Sequence[str], kept: Mapping[str, str]
) -> Iterator[str]:
    """Of one encoder's `results`, the means over `categories`. A kept row stands where its seeds are more."""
    timed, trained = _stages(study, _TIMED), _stages(study, _TRAINED)
    of_categories = [result for result in results if result.category in categories]
    control = [result for result in of_categories if result.variant == study.control]
    for variant in study.variants:
        found = [result for result in of_categories if result.variant == variant]
        by_seed = _by_seed(found, len(categories))
        mine = [result for result in found if result.seed in by_seed]
        if variant in kept and row_seeds(kept[variant]) > len(by_seed):
            yield kept[variant]
        elif mine:
            spread = over_seeds(list(by_seed.values()))
            cells = [variant, str(len(by_seed))]
            cells += [_spread_text(spread.get(metric)) for metric in SHOWN]
            for metric in SHOWN:
                if metric != "pixel_AUROC":
                    cells.append("" if variant == study.control else _gain_text(gain(metric, mine, control)))
            cells.append(" / ".join(_time_text(stage, mine) for stage in timed))
            cells.append(" / ".join(_iteration_text(stage, mine) for stage in trained))
            cells.append(_peak_text(mine))
            yield _row(cells)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _by_seed(results: Sequence[CellResult], categories: int) -> dict[int, dict[MetricName, float | None]]:
    """Per seed, the mean over categories; seeds that lack a category are left out."""
    seeds: dict[int, list[CellResult]] = {}
    for result in results:
        seeds.setdefault(result.seed, []).append(result)
    return {
        seed: {metric: _mean([result.metrics[metric] for result in of_seed]) for metric in METRIC_NAMES}
        for seed, of_seed in sorted(seeds.items())
        if len(of_seed) == categories
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def _legend(study: StudyFile, variants: Set[str]) -> Iterator[str]:
    yield (
        "Figures are in points (hundredths): mean, ± standard deviation over seeds where there are several. "
        f"Δ is the difference to `{study.control}` on the same images, with the 95 % interval of a paired bootstrap "
        "over test images in brackets. A row stands where all categories of a seed are there. "
        "CPU s: seconds of a processor for one category, also where other rows share the stage; an iteration's have "
        "their part of the stage's start and end in them. Peak: the greatest resident set of any of its stages. "
        "? where it was not noted."
    )
    yield ""
    for name, variant in study.variants.items():
        if variant.about and name in variants:
            yield f"- **{name}**: {variant.about}"


def _time_text(stage: str, results: Sequence[CellResult]) -> str:
    if all(stage not in result.seconds for result in results):
        return "-"
    noted = [seconds for result in results if (seconds := result.cpu_seconds.get(stage)) is not None]
    return f"{mean(noted):.0f}" if noted else "?"


def _iteration_text(stage: str, results: Sequence[CellResult]) -> str:
    if not any(result.iterations.get(stage) for result in results):
        return "-"
    noted = [
        seconds / result.iterations[stage]
        for result in results
        if (seconds := result.cpu_seconds.get(stage)) is not None and result.iterations.get(stage)
    ]
    return f"{mean(noted):.2f}" if noted else "?"


def _peak_text(results: Sequence[CellResult]) -> str:
    peaks = [peak for result in results for peak in result.peak_memory.values() if peak is not None]
    return f"{max(peaks) / 2**20:.0f}" if peaks else "?"


def _stages(study: StudyFile, names: Sequence[str]) -> list[str]:
    """Those of `names` that a method of the study has."""
    having = {stage.name for variant in study.variants.values() for stage in METHODS[variant.method].stages}
    return [name for name in names if name in having]


def _spread_text(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f"{100 * spread.mean:.2f}" + (f" ± {100 * spread.std:.2f}" if spread.std is not None else "")


def _gain_text(found: Gain | None) -> str:
    if found is None:
        return ""
    interval = "" if np.isnan(found.low) else f" [{found.low:+.1f}, {found.high:+.1f}]"
    return f"{found.value:+.2f}{interval}"
