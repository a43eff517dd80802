"""Curves with figures that not every step has, and a rise told from chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report_files import Made, write_category

from tocoad.files.workspace import Category, Workspace
from tocoad.report.training import StageCurves, read_distances, read_training, rise
from tocoad.stages.graph import METHODS, output_dir


def _stage2(workspace: Workspace, category: Category, made: Made) -> StageCurves:
    write_category(workspace, category, "tocoad", made)
    return read_training(workspace, category, "tocoad")[1]


def _file(workspace: Workspace, category: Category) -> Path:
    return output_dir(workspace, category, "tocoad", METHODS["tocoad"].stage("stage2")) / "curves.csv"


def test_every_figure_has_the_steps_at_which_it_was_measured(workspace: Workspace, bolt: Category) -> None:
    curves = _stage2(workspace, bolt, Made(gallery=False))
    assert curves.guide is not None and len(curves.guide[0]) == 120
    assert curves.spread is not None and curves.spread[1][-1] == pytest.approx(0.97)
    assert list(curves.drift) == [2, 3, 4]
    steps, values = curves.drift[3]
    assert steps == tuple(range(12, 121, 12))
    assert values == pytest.approx([0.03 * step / 120 for step in steps])


def test_curves_of_an_earlier_version_have_the_loss_alone(workspace: Workspace, bolt: Category) -> None:
    curves = _stage2(workspace, bolt, Made(gallery=False, diagnostics=False))
    assert len(curves.loss[1]) == 120
    assert (curves.guide, curves.spread, curves.drift) == (None, None, {})
    assert read_distances(workspace, bolt, "tocoad") is None


def test_a_stage_without_a_step_left_no_curves(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "tocoad", Made(gallery=False))
    _file(workspace, bolt).write_text("step,loss\n")
    assert [curves.stage for curves in read_training(workspace, bolt, "tocoad")] == ["stage1"]


def test_distances_are_read_as_a_cumulative_curve(workspace: Workspace, bolt: Category) -> None:
    write_category(workspace, bolt, "patchcore", Made(gallery=False, distance=4.0))
    found = read_distances(workspace, bolt, "patchcore")
    assert found is not None
    assert (found[0][50], found[1][50]) == (4.0, 0.5)


def test_a_rise_is_between_the_means_of_the_first_and_the_last_quarter() -> None:
    found = rise([1.0, 3.0, 9.0, 9.0, 0.0, 0.0, 2.0, 4.0])
    assert found is not None
    assert found.share == pytest.approx(0.5)  # from 2 to 3
    # Welch's t is 1 / sqrt(2/2 + 2/2) with 2 degrees of freedom, whose distribution is 1/2 + t / (2 sqrt(2 + t^2)).
    assert found.chance == pytest.approx(0.5 - 0.5**0.5 / (2 * 2.5**0.5))


def test_a_clear_rise_is_not_chance_and_noise_is() -> None:
    noise = np.random.default_rng(3).uniform(0.5, 1.5, 80)
    flat, rising = rise(noise.tolist()), rise((noise * np.linspace(1.0, 2.0, 80)).tolist())
    assert flat is not None and rising is not None
    assert flat.chance > 0.05
    assert rising.share > 0.4 and rising.chance < 0.01


@pytest.mark.parametrize(("values", "chance"), [([1.0] * 8, 1.0), ([1.0] * 4 + [2.0] * 4, 0.0)])
def test_values_that_do_not_vary_leave_nothing_to_chance(values: list[float], chance: float) -> None:
    found = rise(values)
    assert found is not None and found.chance == chance


@pytest.mark.parametrize("values", [[], [1.0, 2.0] * 3, [0.0] * 8])
def test_too_few_steps_and_nothing_to_divide_by_tell_nothing(values: list[float]) -> None:
    assert rise(values) is None
