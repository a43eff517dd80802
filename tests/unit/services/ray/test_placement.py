"""What a job is handed to Ray with: resources and the device, both settled by the driver."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from services.ray import placement as placing
from services.ray.placement import placement
from tocoad.errors import SettingsError
from tocoad.settings.sections import ComputeSettings, RaySettings

CLUSTER = "10.0.0.1:6379"


def settled(stage: str, device: str = "auto", **ray: Any) -> Any:
    return placement(stage, RaySettings.model_validate(ray), ComputeSettings.model_validate({"device": device}))


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "_DRIVERS", ("/dev/none",))
    placing._has_gpu.cache_clear()


def test_ray_is_told_what_the_stage_asks_for() -> None:
    own = {"num_cpus": 2, "num_gpus": 0.5, "memory_gb": 1.5, "resources": {"press": 1}}
    asked = settled("stage1", address=CLUSTER, stages={"stage1": own})
    told = {"num_cpus": 2, "num_gpus": 0.5, "memory": 1_500_000_000, "resources": {"press": 1}, "max_calls": 1}
    assert asked.options == told
    assert settled("evaluate", address=CLUSTER, stages={"stage1": own}).options == {
        "num_cpus": 1,
        "num_gpus": 0,
        "resources": {},
    }


def test_stages_that_ask_alike_are_placed_alike() -> None:
    stages = {"stage1": {"num_cpus": 2}, "fit": {"num_cpus": 2}}
    assert settled("stage1", stages=stages) == settled("fit", stages=stages) == settled("evaluate", num_cpus=2)


@pytest.mark.parametrize(
    ("stage", "device", "ray", "expected"),
    [
        ("stage1", "auto", {"num_gpus": 1}, "cuda"),
        ("stage1", "auto", {"address": CLUSTER, "num_gpus": 0.5}, "cuda"),
        ("stage1", "auto", {"address": CLUSTER}, "cpu"),
        ("stage1", "auto", {}, "cpu"),
        ("stage1", "auto", {"address": CLUSTER, "num_gpus": 1, "stages": {"stage1": {"num_gpus": 0}}}, "cpu"),
        ("stage1", "cpu", {"address": CLUSTER, "num_gpus": 1}, "cpu"),
        ("stage1", "cuda", {"address": CLUSTER, "num_gpus": 1}, "cuda"),
        ("stage1", "cuda", {}, "cuda"),
        # It reads files: a GPU is of no use for it, whatever the others ask for.
        ("manifest", "auto", {"num_gpus": 1}, "cpu"),
        ("manifest", "cuda", {"address": CLUSTER}, "cpu"),
    ],
)
def test_the_device_is_settled_by_what_the_stage_asks_for(
    stage: str, device: str, ray: dict[str, Any], expected: str
) -> None:
    assert settled(stage, device, **ray).device == expected


def test_on_a_ray_of_our_own_auto_is_what_torch_sees(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    monkeypatch.setattr(placing, "_DRIVERS", (str(tmp_path),))
    for seen, device in ((True, "cuda"), (False, "cpu")):
        placing._has_gpu.cache_clear()
        monkeypatch.setattr(torch.cuda, "is_available", lambda seen=seen: seen)
        assert settled("stage1").device == device
        assert settled("stage1", address=CLUSTER).device == "cpu"
    placing._has_gpu.cache_clear()


def test_without_a_gpus_driver_torch_is_not_even_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # to import it would raise
    assert settled("stage1").device == "cpu"


def test_cuda_on_a_cluster_is_refused_for_a_stage_that_asks_for_no_gpu() -> None:
    with pytest.raises(SettingsError, match=r"compute\.device is cuda and ray\.num_gpus 0: on a cluster a stage that"):
        settled("stage1", "cuda", address=CLUSTER)


def test_on_a_gpu_a_process_does_one_job() -> None:
    assert settled("stage1", "cuda").options["max_calls"] == 1
    assert "max_calls" not in settled("stage1", "cpu", num_gpus=1).options
