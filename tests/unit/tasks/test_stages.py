"""What a retrain says of the stages that have run."""

from __future__ import annotations

from tasks.stages import Ran
from tocoad.stages.stage import StageRecord


def test_a_training_whose_parts_ran_on_different_types_of_processor_is_warned_of() -> None:
    ran = Ran({"manifest@a/b": StageRecord(), "stage1@a/b": StageRecord(processors=("one",))})
    assert ran.warnings == []
    ran.done["stage2@a/b"] = StageRecord(processors=("one", "another"))
    (warning,) = ran.warnings
    assert warning.startswith("stage2@a/b was trained in parts on different types of processor (one, then another)")
