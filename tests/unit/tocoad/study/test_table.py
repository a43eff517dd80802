from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tocoad.errors import SettingsError
from tocoad.files.workspace import Category
from tocoad.metrics.names import METRIC_NAMES
from tocoad.settings.sections import Settings
from tocoad.study.plan import Cell, StudyFile
from tocoad.study.results import CellResult
from tocoad.study.table import gain, study_table

STUDY = StudyFile.model_validate(
    {
        "dataset": "d",
        "control": "control",
        "encoders": {"lite": {}},
        "variants": {
            "control": {"method": "patchcore"},
            "new": {"method": "tocoad", "about": "what is tried"},
            "unrun": {"method": "tocoad", "about": "what is planned"},
        },
    }
)


def _cell(variant: str, category: str, seed: int, value: float, draws: list[float] | None = None) -> CellResult:
    return CellResult(
        encoder="lite",
        variant=variant,
        category=category,
        seed=seed,
        method="tocoad",
        key="evaluate-0",
        evaluation_set=category,
        metrics=dict.fromkeys(METRIC_NAMES, value),
        recall=None,
        false_reject_rate=None,
        seconds={"stage1": 90.0, "fit": 10.0, "evaluate": 2.0},
        cpu_seconds={"stage1": None, "fit": 8.0 + seed, "evaluate": 1.0},
        peak_memory={"stage1": 3000 * 2**20, "fit": 2000 * 2**20, "evaluate": None},
        iterations={"stage1": 700},
        figures={},
        replicates={} if draws is None else {"image_AUROC": tuple(draws)},
    )


def test_the_gain_is_the_mean_over_categories_of_the_mean_over_seeds() -> None:
    control = [_cell("control", "a", 0, 0.5), _cell("control", "a", 1, 0.6), _cell("control", "b", 0, 0.9)]
    new = [_cell("new", "a", 0, 0.7), _cell("new", "a", 1, 0.7), _cell("new", "b", 0, 0.8)]
    found = gain("image_AUROC", new, control)
    assert found is not None
    # a: (0.2 + 0.1) / 2, b: -0.1; their mean in points.
    assert found.value == pytest.approx(100 * (0.15 - 0.1) / 2)
    assert np.isnan(found.low)


def test_a_seed_that_the_control_lacks_is_compared_with_its_first() -> None:
    found = gain("image_AUROC", [_cell("new", "a", 7, 0.75)], [_cell("control", "a", 0, 0.5)])
    assert found is not None
    assert found.value == pytest.approx(25)


def test_other_test_images_are_not_compared() -> None:
    assert gain("image_AUROC", [_cell("new", "a", 0, 0.7)], [_cell("control", "b", 0, 0.5)]) is None


def test_the_interval_pairs_the_draws_of_a_category_and_averages_over_categories() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=4000)  # what both detectors see in a draw cancels
    control = [_cell("control", name, 0, 0.5, list(0.5 + shared)) for name in ("a", "b")]
    new = [
        _cell("new", name, 0, 0.6, list(0.6 + shared + noise))
        for name, noise in (("a", 0.02 * rng.normal(size=4000)), ("b", 0.02 * rng.normal(size=4000)))
    ]
    found = gain("image_AUROC", new, control)
    assert found is not None
    # The mean of two independent deviations of 2 points is 2 / sqrt 2; 1.96 of these on either side of 10.
    assert found.low == pytest.approx(10 - 1.96 * 2 / np.sqrt(2), abs=0.15)
    assert found.high == pytest.approx(10 + 1.96 * 2 / np.sqrt(2), abs=0.15)


FILE = Path("studies/t.yaml")
CELLS = [
    Cell("lite", variant, Category("d", category), 0, "tocoad", Settings())
    for variant in ("control", "new", "unrun")
    for category in ("a", "b")
]


def _rows(table: str, place: str) -> dict[str, list[str]]:
    """The rows below the heading `place`, by their first cell."""
    _, _, below = table.partition(f"### {place}\n")
    lines = below.partition("\n#")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {row[0]: row for row in rows if row[0] != "variant"}


def test_the_table_says_what_ran_and_nothing_of_what_did_not() -> None:
    results = [_cell("control", "a", 0, 0.5), _cell("new", "a", 0, 0.6), _cell("new", "a", 1, 0.7)]
    table = study_table(STUDY, results, CELLS, FILE)
    cells = _rows(table, "a")["new"]
    assert cells[:3] == ["new", "2", "65.00 ± 7.07"]
    assert "+15.00" in cells
    # fit: (8 + 9) / 2, to even; stage 1 was not timed.
    assert cells[-3:] == ["- / ? / - / 8 / 1", "? / -", "3000"]
    assert "what is tried" in table
    assert "unrun" not in table
    assert "`tocoad study studies/t.yaml` from 3 of 6 cells" in table
    assert "†" not in table


def test_a_mean_over_categories_waits_for_all_of_the_studys() -> None:
    half = [_cell("control", "a", 0, 0.5), _cell("new", "a", 0, 0.6)]
    assert "Mean over" not in study_table(STUDY, half, CELLS, FILE)
    whole = study_table(STUDY, [*half, _cell("new", "b", 0, 0.8)], CELLS, FILE)
    assert list(_rows(whole, "Mean over categories")) == ["new"]


def test_earlier_rows_stand_marked_where_fewer_seeds_are_at_hand() -> None:
    seeds = [_cell("control", name, seed, 0.5) for name in ("a", "b") for seed in (0, 1)]
    before = study_table(STUDY, [*seeds, _cell("new", "a", 0, 0.6), _cell("new", "b", 0, 0.6)], CELLS, FILE)
    now = [_cell("control", "a", 0, 0.4), _cell("new", "a", 0, 0.9)]
    table = study_table(STUDY, now, CELLS, FILE, before)
    means, of_a = _rows(table, "Mean over categories"), _rows(table, "a")
    old, old_of_a = _rows(before, "Mean over categories"), _rows(before, "a")
    # The control has fewer seeds now, and the mean of "new" lacks a category; its row of "a" is as good as the old one.
    assert means == {"control †": ["control †", *old["control"][1:]], "new †": ["new †", *old["new"][1:]]}
    assert of_a["control †"][1:] == old_of_a["control"][1:]
    assert of_a["new"][2] == "90.00"
    assert "5 of 6 rows, marked †" in table
    assert "what is tried" in table
    assert study_table(STUDY, now, CELLS, FILE, table) == table


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("peak MiB", "peak", "the table of lite, a has other columns"),
        ("| control | 1 |", "| control | one |", "lite, a: 'control' is not a row of this study's table"),
        ("| control | 1 |", "| control | 1 | 2 |", "lite, a: 'control' is not a row of this study's table"),
    ],
)
def test_what_is_no_row_of_the_study_is_not_kept(old: str, new: str, says: str) -> None:
    before = study_table(STUDY, [_cell("control", "a", 0, 0.5)], CELLS, FILE)
    assert old in before
    with pytest.raises(SettingsError, match=f"--keep: {says}"):
        study_table(STUDY, [], CELLS, FILE, before.replace(old, new))
