"""What holds of a stage on a processor holds on a GPU: the same bytes twice, and after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from toys import DISC

from bench.cuda_parts import run_apart
from tocoad.data.depth import FULL_DEPTH
from tocoad.data.images import load_images
from tocoad.evaluation.latency import read_latency
from tocoad.nn.processor import processor_name
from tocoad.package.detector import load_detector
from tocoad.settings.sections import ComputeSettings, MethodName
from tocoad.stages.graph import detector_dir
from tocoad.stages.stage import Progress

if TYPE_CHECKING:
    from conftest import Workshop

STAGES: list[tuple[MethodName, str]] = [
    *(("tocoad", name) for name in ("stage1", "stage2", "fit", "evaluate")),
    *(("recontrast", name) for name in ("train", "fit", "evaluate")),
]
TRAINED: list[tuple[MethodName, str]] = [("tocoad", "stage1"), ("tocoad", "stage2"), ("recontrast", "train")]
KILLED_AT = 3
# Of the greatest score: bf16, a GPU's default, keeps 8 bits of a number (tocoad/package/parity.py).
TOLERANCE = 0.02


class KilledError(Exception):
    pass


def kill(update: Progress) -> None:
    """The steps of a training have figures; the filling of its pool has none."""
    if update.metrics and update.step == KILLED_AT:
        raise KilledError


@pytest.mark.parametrize(("method", "stage"), STAGES)
def test_two_runs_of_a_stage_leave_the_same_bytes(
    twice: tuple[Workshop, Workshop], method: MethodName, stage: str
) -> None:
    first, second = (workshop.made(method, stage) for workshop in twice)
    assert first
    assert [name for name in first.keys() | second.keys() if first.get(name) != second.get(name)] == []


@pytest.mark.parametrize(("method", "stage"), TRAINED)
def test_a_killed_training_goes_on_to_the_same_bytes(
    made: Workshop, copied: Callable[[], Workshop], method: MethodName, stage: str
) -> None:
    workshop, steps = copied(), []
    with pytest.raises(KilledError):
        workshop.run(method, stage, kill, checkpoint_seconds=0)
    workshop.run(method, stage, lambda update: steps.append(update.step) if update.metrics else None)
    assert steps[0] == KILLED_AT, "the step whose figures killed it is done again: its checkpoint comes after them"
    assert workshop.made(method, stage) == made.made(method, stage)


@pytest.mark.parametrize("twice", [pytest.param("cuda", marks=pytest.mark.cuda)], indirect=True)
def test_a_gpu_does_not_take_up_the_checkpoint_of_a_processor(
    copied: Callable[[], Workshop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under settings that leave the device to the machine."""
    workshop, steps = copied(), []
    anywhere = workshop.settings.model_copy(update={"compute": ComputeSettings(device="auto")})
    workshop = replace(workshop, settings=anywhere)
    with pytest.raises(KilledError), monkeypatch.context() as patched:
        patched.setattr(torch.cuda, "is_available", lambda: False)
        workshop.run("tocoad", "stage1", kill, checkpoint_seconds=0)
    workshop.run("tocoad", "stage1", lambda update: steps.append(update.step) if update.metrics else None)
    assert steps[0] == 1


@pytest.mark.parametrize("method", ["tocoad", "recontrast"])
def test_a_detector_says_where_it_was_made_and_in_what_precision(made: Workshop, method: MethodName) -> None:
    card = load_detector(detector_dir(made.workspace, DISC, method), made.settings.compute).card
    assert card.probes is not None
    assert (card.probes.device, card.probes.processor) == (made.device, processor_name(made.device))
    assert card.autocast == (made.device == "cuda")
    latency = read_latency(made.folder(method, "evaluate"))
    assert latency is not None
    assert latency.device == made.device


@pytest.mark.parametrize("method", ["tocoad", "recontrast"])
def test_a_processor_gives_its_images_the_same_labels_and_scores_within_rounding(
    made: Workshop, method: MethodName
) -> None:
    files = sorted(made.workspace.data_dir(DISC).glob("test/*/*.png"))
    images = load_images(files, made.settings.image.size, FULL_DEPTH, 1)
    folder = detector_dir(made.workspace, DISC, method)
    there, here = (
        load_detector(folder, ComputeSettings(device=device)).predict(images) for device in (made.device, "cpu")
    )
    tolerance = 0.0 if made.device == "cpu" else TOLERANCE
    for device, processor in ((there.pred_score, here.pred_score), (there.anomaly_map, here.anomaly_map)):
        np.testing.assert_allclose(device, processor, rtol=0, atol=tolerance * float(np.abs(processor).max()))
    if method == "tocoad":  # after ReContrast's few steps good and bad are alike to a thousandth
        np.testing.assert_array_equal(there.pred_label, here.pred_label)


@pytest.mark.parametrize("twice", [pytest.param("cuda", marks=pytest.mark.cuda)], indirect=True)
def test_a_stage_says_its_memory_of_the_gpu_and_leaves_none_taken(copied: Callable[[], Workshop]) -> None:
    workshop = copied()
    free, _ = torch.cuda.mem_get_info()
    taken = run_apart(workshop.workspace, DISC, "tocoad", "stage1", workshop.settings)
    assert taken.gpu is not None
    assert taken.gpu > 2**20
    assert free - torch.cuda.mem_get_info()[0] < taken.gpu / 2, "of the process that has ended"
