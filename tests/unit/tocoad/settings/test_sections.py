"""Settings that contradict each other are refused by their keys."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tocoad.settings.sections import RaySettings, Settings


def test_a_scale_is_named_once() -> None:
    with pytest.raises(ValidationError, match=r"bank\.scales names a scale twice"):
        Settings.model_validate({"bank": {"scales": [1.0, 1.5, 1.0]}})


def test_several_banks_cannot_be_reweighted() -> None:
    sections = {"bank": {"scales": [1.0, 1.5]}, "scoring": {"reweight": True}}
    with pytest.raises(ValidationError, match=r"scoring\.reweight is defined for one bank"):
        Settings.model_validate(sections)


def test_a_stage_asks_for_what_is_said_of_it_and_else_for_what_all_do() -> None:
    stages = {
        "stage1": {"num_gpus": 0.5, "memory_gb": 8, "resources": {"big": 1}, "workers": 2},
        "fit": {"num_cpus": 0},
    }
    ray = RaySettings.model_validate({"num_cpus": 2, "num_gpus": 1, "stages": stages})
    train, fit, other, reading = (ray.of_stage(name) for name in ("stage1", "fit", "evaluate", "manifest"))
    assert (train.num_cpus, train.num_gpus, train.memory_gb, train.resources) == (2, 0.5, 8, {"big": 1})
    assert train.workers == 2
    assert (fit.num_cpus, fit.num_gpus, fit.workers) == (0, 1, 1)
    assert (reading.num_cpus, reading.num_gpus) == (2, 0), "a stage that computes nothing has no use for a GPU"
    assert (other.num_cpus, other.num_gpus, other.memory_gb, other.resources, other.workers) == (2, 1, 0, {}, 1)
