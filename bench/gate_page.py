"""docs/results/gate.md, from what was simulated and found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.gate_simulation import CORRELATION, Shares
from bench.gate_studies import Outcomes
from tocoad.calibration.conformal import conformal_threshold
from tocoad.calibration.promise import chance_of_rejects
from tocoad.settings.sections import CalibrationSettings, GateSettings

PAGE = Path(__file__).parents[1] / "docs" / "results" / "gate.md"

Simulated = dict[float, dict[int, dict[float, Shares]]]
"""By the champion's true figure, the number of test images, and the challenger's true difference."""

_TEXT = """# What the gate can tell

Made by `python -m bench gate` with the settings as they are shipped: `gate.margin` {margin:g}, `gate.risk` {risk:g},
`gate.images_min` {images_min}. The rule is in [decision 31](../decisions/0031-what-settles-that-it-is-not-worse.md).

## Simulated champions and challengers

{trials} test sets for each figure, half of the images good. Two detectors' scores for an image are normal, and
correlated by {correlation:g} as those of two trainings are, so the true image AUROC of both is known. The gate itself
judges them, with 1,000 bootstrap draws, by image AUROC alone. Figures are shares in percent, by chance {error:.0f}
points off (one standard error at most): **promoted under `when_unsure: keep` / under `promote`**. The second minus the
first is what the images cannot tell. Left of 0, promoted is wrong; from 0 on, what is missing to 100 is wrongly kept.

{tables}

What would be settled on fewer than {images_min} images of a kind (`gate.images_min: 1`) is worth little: two detectors
without a mistake on ten images look equal, whatever they are.

{unguarded}

## Beside another statistic

The challengers that are settled not to be worse, by the gate's bootstrap / by the normal distribution with the variance
of DeLong, DeLong & Clarke-Pearson (1988), which draws nothing. It knows no least number of images.

{references}

## Real detectors

Of `studies/tocoad` (EfficientNet-Lite0, three seeds of two variants on four categories, 83 to 240 test images). The
rule of figures alone, since a study keeps no image's answer; verdicts under `when_unsure: keep`.

{retrains}

Detectors that differ in the seed alone are no equals: on `screw` and `magnetic_tile` a seed moves image AUROC by up to
1.4 points, and the gate says so.

## Rejected good images

From how many rejected good test images on the promise of a threshold is called broken (`gate.false_reject_risk`
{reject_risk:g}, `calibration.false_reject_rate` {rate:g}):

{rejects}

A dash: however many. The {detectors} real detectors of `studies/tocoad` are far from it: what the worst of them
rejects happens by chance with probability {least:.2f}. So a first version that breaks its promise is rejected, which no
real one was.
"""


def write_page(
    simulated: Simulated,
    unguarded: Simulated,
    trials: int,
    retrains: Mapping[str, Outcomes],
    breaches: tuple[int, float],
) -> None:
    settings, calibration = GateSettings(), CalibrationSettings()
    text = _TEXT.format(
        margin=settings.margin,
        risk=settings.risk,
        images_min=settings.images_min,
        trials=trials,
        correlation=CORRELATION,
        error=100 * 0.5 / trials**0.5,
        tables="\n\n".join(_promoted(champion, sizes) for champion, sizes in simulated.items()),
        unguarded="\n\n".join(_promoted(champion, sizes) for champion, sizes in unguarded.items()),
        references="\n\n".join(_references(champion, sizes) for champion, sizes in simulated.items()),
        retrains=_retrains(retrains),
        reject_risk=settings.false_reject_risk,
        rate=calibration.false_reject_rate,
        rejects=_rejects(settings.false_reject_risk, calibration.false_reject_rate),
        detectors=breaches[0],
        least=breaches[1],
    )
    PAGE.write_text(text, encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _steps(champion: float, shares: Mapping[float, Shares]) -> list[str]:
    return [f"champion {champion:g}; challenger", *(f"{step:+g}" if step else "0" for step in shares)]


def _promoted(champion: float, sizes: Mapping[int, Mapping[float, Shares]]) -> str:
    rows = [[f"{images} images", *map(_choices, shares.values())] for images, shares in sizes.items()]
    return _table(_steps(champion, next(iter(sizes.values()))), rows)


def _references(champion: float, sizes: Mapping[int, Mapping[float, Shares]]) -> str:
    rows = [
        [f"{images} images", *(f"{100 * share.keep:.0f} / {100 * share.reference:.0f}" for share in shares.values())]
        for images, shares in sizes.items()
    ]
    return _table(_steps(champion, next(iter(sizes.values()))), rows)


def _choices(share: Shares) -> str:
    return f"{100 * share.keep:.0f} / {100 * share.promote:.0f}"


def _retrains(found: Mapping[str, Outcomes]) -> str:
    names = list(next(iter(found.values())))
    head = ["challenger", "pairs", *(f"{name}: passed / unsure / failed" for name in names[:-1]), "promoted / kept"]
    rows = []
    for who, outcomes in found.items():
        cells = [" / ".join(str(outcomes[name][key]) for key in ("passed", "unsure", "failed")) for name in names[:-1]]
        verdict = outcomes["verdict"]
        rows.append([who, str(verdict.total()), *cells, f"{verdict['promoted']} / {verdict['kept']}"])
    return _table(head, rows)


def _rejects(risk: float, rate: float) -> str:
    tested = (10, 20, 50, 100, 500)
    rows = []
    for calibration in (8, 30, 60, 200, 500):
        promise = conformal_threshold(range(calibration), rate).expected_false_reject_rate
        rank = round(promise * (calibration + 1))
        cells = [_first_broken(good, calibration, rank, risk) for good in tested]
        rows.append([f"{calibration} calibration images, {promise:.1%} promised", *cells])
    return _table(["", *(f"of {good}" for good in tested)], rows)


def _first_broken(good: int, calibration: int, rank: int, risk: float) -> str:
    broken = (count for count in range(good + 1) if chance_of_rejects(count, good, calibration, rank) < risk)
    first = next(broken, None)
    return "-" if first is None else str(first)
