from __future__ import annotations

import numpy as np
import pytest

from tocoad.metrics.names import METRIC_NAMES
from tocoad.study.plan import StudyFile
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


def test_the_table_says_what_ran_and_nothing_of_what_did_not() -> None:
    results = [_cell("control", "a", 0, 0.5), _cell("new", "a", 0, 0.6), _cell("new", "a", 1, 0.7)]
    table = study_table("t", STUDY, results, 5, "tocoad study t.yaml")
    (row,) = {line for line in table.splitlines() if line.startswith("| new |")}
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:3] == ["new", "2", "65.00 ± 7.07"]
    assert "+15.00" in cells
    # fit: (8 + 9) / 2, to even; stage 1 was not timed.
    assert cells[-3:] == ["- / ? / - / 8 / 1", "? / -", "3000"]
    assert "what is tried" in table
    assert "unrun" not in table
    assert "`tocoad study t.yaml` from 3 of 5 cells" in table


def test_an_iteration_takes_its_part_of_the_stage() -> None:
    timed = _cell("new", "a", 0, 0.5).model_copy(update={"cpu_seconds": {"stage1": 350.0}})
    (row,) = {line for line in study_table("t", STUDY, [timed], 1, "x").splitlines() if line.startswith("| new |")}
    assert row.strip("| ").split(" | ")[-2] == "0.50 / -"


def test_the_first_table_can_be_of_some_categories() -> None:
    study = STUDY.model_copy(update={"mean_over": ("a",)})
    results = [_cell("new", "a", 0, 0.5), _cell("new", "b", 0, 0.9)]
    table = study_table("t", study, results, 2, "x")
    assert "### Mean over a\n" in table
    assert "| new | 1 | 50.00 |" in table.split("### b")[0]
    assert "| new | 1 | 90.00 |" in table.split("### b")[1]


def test_a_seed_without_all_categories_is_no_mean_over_categories() -> None:
    results = [_cell("new", "a", 0, 0.5), _cell("new", "b", 0, 0.7), _cell("new", "a", 1, 0.9)]
    table = study_table("t", STUDY, results, 3, "x")
    means = table.split("### a")[0]
    assert "| new | 1 | 60.00 |" in means


def test_a_variant_that_lacks_a_category_has_no_mean_over_categories() -> None:
    control = [_cell("control", "a", 0, 0.5), _cell("control", "b", 0, 0.5)]
    table = study_table("t", STUDY, [*control, _cell("new", "a", 0, 0.9)], 4, "x")
    means, of_category = table.split("### a")
    assert "| new |" not in means
    assert "+40.00" in of_category
