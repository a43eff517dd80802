"""The device is part of a job: `auto` stands for one, and checkpoints of the two are kept apart."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers.project import PROJECT
from tocoad.errors import SettingsError
from tocoad.files.workspace import Category, Workspace
from tocoad.nn.device import resolve_device
from tocoad.settings.sections import ComputeSettings, Settings
from tocoad.stages import running
from tocoad.stages.declaration import Method, Stage
from tocoad.stages.device import Device, device_of, settled_device
from tocoad.stages.running import run_stage
from tocoad.stages.stage import StageContext, StageRecord

# Of what a version before the device was part of a key digested, for a stage on a CPU.
BEFORE = (
    '["module:train", 1, {"compute": {"autocast": null, "channels_last": null, "device": "%s", "threads": 1}}, {}, []]'
)


@pytest.fixture
def key_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    keys = []

    def train(context: StageContext) -> StageRecord:
        keys.append(context.key)
        return StageRecord()

    monkeypatch.setattr(Stage, "load", lambda _: train)

    def key(params: tuple[str, ...], device: str, settled: Device) -> str:
        stages = (Stage("train", "module:train", params=params),)
        monkeypatch.setattr(running, "METHODS", {"tocoad": Method("tocoad", stages)})
        settings = Settings(compute=ComputeSettings.model_validate({"device": device}))
        with settled_device(settled):
            run_stage(Workspace(tmp_path), Category("set", "gear"), "tocoad", "train", settings)
        return keys[-1]

    return key


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_on_a_cpu_the_key_is_what_it_was_before_it_told_the_device(key_of: Any, device: str) -> None:
    assert key_of(("compute",), device, "cpu") == hashlib.sha256((BEFORE % device).encode()).hexdigest()


def test_neither_device_takes_up_a_checkpoint_of_the_other(key_of: Any) -> None:
    assert key_of(("compute",), "auto", "cuda") != key_of(("compute",), "auto", "cpu")
    assert key_of(("compute",), "cuda", "cuda") != key_of(("compute",), "cpu", "cpu")


def test_a_stage_that_computes_on_neither_has_one_key(key_of: Any) -> None:
    assert key_of(("seed",), "auto", "cuda") == key_of(("seed",), "auto", "cpu")


def test_auto_is_what_was_settled_and_else_what_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with settled_device("cpu"):
        assert resolve_device(ComputeSettings()).type == "cpu"
        with settled_device("cuda"):
            assert resolve_device(ComputeSettings()).type == "cuda"
            assert resolve_device(ComputeSettings(device="cpu")).type == "cpu"
        assert resolve_device(ComputeSettings(device="cuda")).type == "cuda"
    assert resolve_device(ComputeSettings()).type == "cuda"


def test_a_job_for_a_gpu_does_not_fall_back_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes would stand under the other's key."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with settled_device("cuda"), pytest.raises(SettingsError, match=r"placed on a GPU, and torch .* sees none on"):
        resolve_device(ComputeSettings())
    assert device_of(ComputeSettings()) == "cpu"


def test_who_is_told_the_device_loads_no_torch() -> None:
    code = (
        "import sys; from tocoad.stages.device import *; from tocoad.settings.sections import ComputeSettings\n"
        "with settled_device('cpu'): assert device_of(ComputeSettings()) == 'cpu'\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
