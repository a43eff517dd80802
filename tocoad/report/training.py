"""How the training went: the figures of its stages step by step, the bank's distances, and what is wrong in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import ttest_ind

from tocoad.files.reading import damaged
from tocoad.files.workspace import Category, Workspace
from tocoad.report.tables import Points, read_points, read_rows
from tocoad.settings.sections import MethodName
from tocoad.stages.graph import METHODS, detector_dir, output_dir
from tocoad.stages.running import read_record
from tocoad.stages.stage import CURVES_FILE

DISTANCES_FILE = "distances.csv"
# Columns of stage 2's curves: D's loss on synthetic anomalies, the collapse indicator, the drift of a level.
_GUIDE, _SPREAD, _DRIFT = "discriminative", "projection_std", "drift_level"
COLLAPSED = 0.1
RISE_MAX = 0.2


@dataclass(frozen=True)
class StageCurves:
    """What a stage told of its steps. Each figure has the steps at which it was measured; the first is the loss.
    `processors` are the types of those that it ran on, none where that is not known.
    """

    stage: str
    figures: Mapping[str, Points]
    processors: tuple[str, ...] = ()

    @property
    def loss(self) -> Points:
        return next(iter(self.figures.values()))

    @property
    def guide(self) -> Points | None:
        """D's loss on synthetic anomalies while it guides the encoder."""
        return self.figures.get(_GUIDE)

    @property
    def spread(self) -> Points | None:
        """The collapse indicator: 1 where the projections are spread evenly, near 0 where they have collapsed."""
        return self.figures.get(_SPREAD)

    @property
    def drift(self) -> dict[int, Points]:
        """By the encoder's level, how far its features have left the pretrained ones."""
        return {
            int(name.removeprefix(_DRIFT)): points for name, points in self.figures.items() if name.startswith(_DRIFT)
        }


@dataclass(frozen=True)
class Rise:
    """Of a figure's mean from the first quarter of its steps to the last: `share` of the first's. `chance` is how often
    steps that differ by chance alone would rise as clearly (Welch's test, one-sided).
    """

    share: float
    chance: float


def rise(values: Sequence[float]) -> Rise | None:
    """None for fewer than eight steps, and for a figure that is not positive."""
    quarter = len(values) // 4
    first, last = np.array(values[:quarter]), np.array(values[len(values) - quarter :])
    if quarter < 2 or first.mean() <= 0:
        return None
    share = float(last.mean() / first.mean()) - 1
    if not first.std() and not last.std():  # nothing varies, so nothing is left to chance
        return Rise(share, 0.0 if share > 0 else 1.0)
    return Rise(share, float(ttest_ind(last, first, equal_var=False, alternative="greater").pvalue))


def read_training(workspace: Workspace, category: Category, method: MethodName) -> tuple[StageCurves, ...]:
    """Of every stage that left curves with a step in them. Raises StageError for a table that is broken."""
    found = []
    for stage in METHODS[method].stages:
        folder = output_dir(workspace, category, method, stage)
        file = folder / CURVES_FILE
        if file.is_file() and (figures := _read_figures(file, stage.name)):
            record = read_record(folder)
            found.append(StageCurves(stage.name, figures, () if record is None else record.processors))
    return tuple(found)


def read_distances(workspace: Workspace, category: Category, method: MethodName) -> Points | None:
    """Distances of calibration patches to the bank, and the share of the patches that lie within them.

    None where the fit left none, as earlier versions did. Raises StageError for a table that is broken.
    """
    file = detector_dir(workspace, category, method).with_name(DISTANCES_FILE)
    stage = METHODS[method].detector_stage.name
    return read_points(file, stage, ("distance", "quantile")) if file.is_file() else None


def _read_figures(file: Path, stage: str) -> dict[str, Points]:
    """By column; the cells of steps that do not have the figure are empty."""
    rows = read_rows(file, stage)
    found = {}
    try:
        for name in (name for name in (rows[0] if rows else ()) if name != "step"):
            points = [(float(row["step"]), float(row[name])) for row in rows if row[name] != ""]
            if points:
                steps, values = zip(*points, strict=True)
                found[name] = steps, values
    except (KeyError, ValueError) as error:
        raise damaged(file, f"not a table of curves ({error})", stage) from error
    return found
