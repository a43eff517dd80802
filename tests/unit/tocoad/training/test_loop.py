"""Resume to the same bits, refusal of what is not finite, and the schedule."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.helpers.damage import damages
from tocoad.errors import StageError
from tocoad.files.sealed import seal, unseal
from tocoad.stages.resources import Meter, Usage
from tocoad.stages.stage import Progress, silent
from tocoad.training.checkpoint import TrainingState
from tocoad.training.loop import Step, cosine, save_curves, train


class KilledError(Exception):
    pass


class Run:
    """A small regression with batch norm, so that buffers matter too."""

    def __init__(self, key: str = "run") -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-2)
        self.meter = Meter()
        self.state = TrainingState(key, {"network": self.network}, self.optimizer, self.meter)
        self.steps: list[int] = []

    def step(self, number: int, kill_at: int | None = None) -> dict[str, float]:
        if number == kill_at:
            raise KilledError
        self.steps.append(number)
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(number))
        loss = (self.network(x) - x.sum(1, keepdim=True)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": float(loss.detach())}


def test_a_killed_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = Run()
    expected = train(whole.step, 12, whole.state, tmp_path / "a", silent)
    killed = Run()
    with pytest.raises(KilledError):
        train(lambda n: killed.step(n, kill_at=7), 12, killed.state, tmp_path / "b", silent, checkpoint_seconds=0)
    resumed = Run()
    curves = train(resumed.step, 12, resumed.state, tmp_path / "b", silent)
    assert resumed.steps == list(range(7, 12))
    assert curves == expected
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name


def test_what_the_optimiser_keeps_comes_back_in_the_memory_format_of_its_parameter(tmp_path: Path) -> None:
    """By that CUDA chooses its kernel, and so how a step rounds."""

    def state() -> TrainingState:
        network = nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
        return TrainingState("run", {"network": network}, optimizer, Meter())

    def step(run: TrainingState) -> dict[str, float]:
        run.modules["network"](torch.rand(1, 3, 8, 8)).sum().backward()
        run.optimizer.step()
        return {"loss": 0.0}

    first, resumed = state(), state()
    train(lambda _: step(first), 2, first, tmp_path, silent, checkpoint_seconds=0)
    assert resumed.load(tmp_path)[0] == 1
    for run in (first, resumed):
        entries = [
            value
            for parameter, entries in run.optimizer.state.items()
            for value in entries.values()
            if value.shape == parameter.shape == (8, 3, 3, 3)
        ]
        assert len(entries) == 2
        assert all(value.is_contiguous(memory_format=torch.channels_last) for value in entries)


def test_figures_that_not_every_step_has_survive_a_kill(tmp_path: Path) -> None:
    def sparse(run: Run, kill_at: int | None = None) -> Step:
        return lambda n: run.step(n, kill_at) | ({"drift": float(n)} if n % 3 == 2 else {})

    whole, killed, resumed = Run(), Run(), Run()
    expected = train(sparse(whole), 9, whole.state, tmp_path / "a", silent)
    with pytest.raises(KilledError):
        train(sparse(killed, 7), 9, killed.state, tmp_path / "b", silent, checkpoint_seconds=0)
    assert train(sparse(resumed), 9, resumed.state, tmp_path / "b", silent) == expected
    assert [row.get("drift") for row in expected] == [None, None, 2.0, None, None, 5.0, None, None, 8.0]


def test_a_checkpoint_of_another_run_is_not_taken(tmp_path: Path) -> None:
    first = Run("one")
    first.meter.resume(Usage(seconds=500.0, cpu_seconds=400.0, peak_memory=None))
    train(first.step, 3, first.state, tmp_path / "c", silent, checkpoint_seconds=0)
    second = Run("two")
    train(second.step, 3, second.state, tmp_path / "c", silent)
    assert second.steps == [0, 1, 2]
    assert second.meter.read().seconds < 500


def test_what_a_killed_training_took_is_part_of_what_it_takes(tmp_path: Path) -> None:
    killed = Run()
    killed.meter.resume(Usage(seconds=500.0, cpu_seconds=400.0, peak_memory=None))
    with pytest.raises(KilledError):
        train(lambda n: killed.step(n, kill_at=2), 3, killed.state, tmp_path / "c", silent, checkpoint_seconds=0)
    resumed = Run()
    train(resumed.step, 3, resumed.state, tmp_path / "c", silent)
    used = resumed.meter.read()
    assert 500 < used.seconds < 560
    assert 400 < used.cpu_seconds < 460


def test_the_types_of_processor_of_all_parts_are_told_each_once_in_order(tmp_path: Path) -> None:
    this = Run()
    this.state.load(tmp_path / "c")
    (here,) = this.meter.read().processors
    other = Usage(1.0, 1.0, None, processors=("another", here))
    this.meter.resume(other)
    this.state.save(tmp_path / "c", 1, [])
    resumed = Run()
    resumed.state.load(tmp_path / "c")
    assert resumed.meter.read().processors == ("another", here)


def test_a_checkpoint_of_before_says_nothing_of_processors_and_is_taken(tmp_path: Path) -> None:
    run = Run()
    run.state.save(tmp_path / "c", 1, [])
    state = tmp_path / "c" / "state.json"
    document = unseal(state.read_bytes())
    del document["usage"]["processors"]
    state.write_text(seal(document))
    resumed = Run()
    assert resumed.state.load(tmp_path / "c") == (1, [])
    assert len(resumed.meter.read().processors) == 1


def test_a_checkpoint_cut_at_any_byte_or_altered_counts_as_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = Run()
    train(whole.step, 3, whole.state, tmp_path / "c", silent, checkpoint_seconds=0)
    for file in sorted((tmp_path / "c").iterdir()):
        content = file.read_bytes()
        for damaged in damages(content, places=40):
            file.write_bytes(damaged)
            caplog.clear()
            run = Run()
            taken = run.state.load(tmp_path / "c")
            if taken == (0, []):
                assert str(tmp_path / "c") in caplog.text
                assert "the training starts anew" in caplog.text
            else:  # a bit of the line's end
                assert json.loads(damaged) == json.loads(content)
        file.unlink()
        assert Run().state.load(tmp_path / "c") == (0, [])
        file.write_bytes(content)
    assert Run().state.load(tmp_path / "c")[0] == 2


def test_the_checkpoint_before_is_taken_where_a_kill_fell_between_two_renames(tmp_path: Path) -> None:
    run = Run()
    train(run.step, 3, run.state, tmp_path / "c", silent, checkpoint_seconds=0)
    (tmp_path / "c").rename(tmp_path / ".c.previous")
    assert Run().state.load(tmp_path / "c")[0] == 2


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    run = Run()
    with pytest.raises(StageError, match="loss is nan at step 2: lower the learning rate"):
        train(lambda n: {"loss": float("nan") if n else 0.0}, 5, run.state, tmp_path / "c", silent)


def test_progress_hears_of_every_step(tmp_path: Path) -> None:
    heard: list[Progress] = []
    run = Run()
    train(run.step, 4, run.state, tmp_path / "c", heard.append)
    assert [(p.step, p.total) for p in heard] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all("loss" in p.metrics for p in heard)


def test_cosine_schedule() -> None:
    assert cosine(0, 10) == 1
    assert cosine(5, 10) == pytest.approx(0.5)
    assert 0 < cosine(9, 10) < 0.03


def test_curves_are_a_table(tmp_path: Path) -> None:
    save_curves([{"step": 1.0, "loss": 0.5}, {"step": 2.0, "loss": 0.25}], tmp_path / "curves.csv")
    rows = list(csv.reader((tmp_path / "curves.csv").open()))
    assert rows == [["step", "loss"], ["1", "0.5"], ["2", "0.25"]]


def test_steps_without_a_figure_have_empty_cells(tmp_path: Path) -> None:
    curves = [{"step": 1.0, "loss": 0.5}, {"step": 2.0, "loss": 0.25, "drift": 0.125}, {"step": 3.0, "loss": 0.125}]
    save_curves(curves, tmp_path / "curves.csv")
    rows = list(csv.reader((tmp_path / "curves.csv").open()))
    assert rows == [["step", "loss", "drift"], ["1", "0.5", ""], ["2", "0.25", "0.125"], ["3", "0.125", ""]]


def test_without_a_step_there_is_a_header_alone(tmp_path: Path) -> None:
    save_curves([], tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text() == "step,loss\n"
