from __future__ import annotations

import pytest
import torch
from torch import nn

from tocoad.errors import SettingsError
from tocoad.nn.device import compute_context, resolve_device
from tocoad.settings.sections import ComputeSettings


def test_cuda_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="cuda is asked for, but torch sees no GPU"):
        resolve_device(ComputeSettings(device="cuda"))


@pytest.mark.parametrize(("device", "expected"), [("auto", "cuda"), ("cuda", "cuda"), ("cpu", "cpu")])
def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, device: str, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device(ComputeSettings(device=device)).type == expected


def test_the_process_gets_its_own_settings_back() -> None:
    threads = torch.get_num_threads()
    with pytest.raises(KeyError), compute_context(ComputeSettings(device="cpu", threads=threads + 1)):
        assert torch.get_num_threads() == threads + 1
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
        assert not torch.backends.cudnn.allow_tf32
        raise KeyError
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    assert torch.backends.cudnn.allow_tf32


def test_bf16_is_off_on_a_cpu_unless_asked_for() -> None:
    layer, x = nn.Linear(4, 4), torch.rand(2, 4)
    for asked, expected in ((None, torch.float32), (True, torch.bfloat16)):
        with compute_context(ComputeSettings(device="cpu", autocast=asked)) as compute, compute.autocast():
            assert layer(x).dtype == expected


@pytest.mark.parametrize("asked", [None, False])
def test_images_and_convolutions_get_the_memory_format(asked: bool | None) -> None:
    with compute_context(ComputeSettings(device="cpu", channels_last=asked)) as compute:
        convolution = compute.place(nn.Conv2d(3, 8, 3))
        images = compute.images(torch.rand(2, 3, 8, 8))
    for tensor in (convolution.weight, images):
        assert tensor.is_contiguous(memory_format=torch.channels_last) == (asked is None)
