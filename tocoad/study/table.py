"""A study's tables: each variant's mean over categories, its spread over seeds, and its distance from the control."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from statistics import mean

import numpy as np

from tocoad.graph import METHODS
from tocoad.metrics.names import METRIC_NAMES, MetricName
from tocoad.metrics.seeds import Spread, over_seeds
from tocoad.study.plan import StudyFile
from tocoad.study.results import CellResult

# What the tables show of the seven; pixel AUROC is saturated and stands beside the others for that reason alone.
SHOWN: tuple[MetricName, ...] = ("image_AUROC", "image_AP", "pixel_AUROC", "pixel_AP", "pixel_AUPRO")
_CONFIDENCE = 0.95
_TIMED = ("synthesize", "stage1", "stage2", "train", "train_unified", "fit", "evaluate")
_TRAINED = ("stage1", "stage2", "train", "train_unified")


@dataclass(frozen=True)
class Gain:
    """Variant less control, in points (hundredths), over the categories and seeds that both have."""

    value: float
    low: float
    high: float


def study_table(name: str, study: StudyFile, results: Sequence[CellResult], cells: int, command: str) -> str:
    """Markdown. Every figure comes from the `results`, of so many `cells`; `command` is what made them."""
    made = f"Made by `{command}` from {len(results)} of {cells} cells."
    lines = [f"# Study: {name}", "", made, "", *_legend(study, {result.variant for result in results})]
    for encoder in study.encoders:
        of_encoder = [result for result in results if result.encoder == encoder]
        if not of_encoder:
            continue
        averaged = [result for result in of_encoder if study.mean_over is None or result.category in study.mean_over]
        title = "Mean over " + ("categories" if study.mean_over is None else ", ".join(study.mean_over))
        lines += ["", f"## {encoder}", "", f"### {title}", "", *_means(study, averaged)]
        for category in dict.fromkeys(result.category for result in of_encoder):
            of_category = [result for result in of_encoder if result.category == category]
            lines += ["", f"### {category}", "", *_means(study, of_category)]
    return "\n".join(lines) + "\n"


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


def _means(study: StudyFile, results: Sequence[CellResult]) -> Iterator[str]:
    timed, trained = _stages(study, _TIMED), _stages(study, _TRAINED)
    header = ["variant", "seeds", *SHOWN, *(f"Δ {name}" for name in SHOWN if name != "pixel_AUROC")]
    header += [f"CPU s ({' / '.join(timed)})", f"CPU s an iteration ({' / '.join(trained)})", "peak MiB"]
    yield "| " + " | ".join(header) + " |"
    yield "|---" + "|---:" * (len(header) - 1) + "|"
    control = [result for result in results if result.variant == study.control]
    categories = {result.category for result in results}
    for variant in study.variants:
        found = [result for result in results if result.variant == variant]
        by_seed = _by_seed(found, len(categories))
        mine = [result for result in found if result.seed in by_seed]
        if not mine:
            continue
        spread = over_seeds(list(by_seed.values()))
        cells = [variant, str(len(by_seed))]
        cells += [_spread_text(spread.get(metric)) for metric in SHOWN]
        for metric in SHOWN:
            if metric != "pixel_AUROC":
                cells.append("" if variant == study.control else _gain_text(gain(metric, mine, control)))
        cells.append(" / ".join(_time_text(stage, mine) for stage in timed))
        cells.append(" / ".join(_iteration_text(stage, mine) for stage in trained))
        cells.append(_peak_text(mine))
        yield "| " + " | ".join(cells) + " |"


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
