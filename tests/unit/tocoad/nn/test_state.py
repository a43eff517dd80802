"""Weights of another stage, read back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tests.helpers.damage import damages
from tocoad.errors import StageError
from tocoad.nn.state import load_state


def test_weights_that_are_missing_damaged_or_another_network_s_are_named_with_the_way_out(tmp_path: Path) -> None:
    file, network = tmp_path / "encoder.safetensors", nn.Linear(3, 2)
    with pytest.raises(StageError, match=r"encoder\.safetensors is missing: run the stage stage2 first"):
        load_state(network, file, "stage2")
    save_file(network.state_dict(), file)
    loaded = nn.Linear(3, 2)
    load_state(loaded, file, "stage2")
    assert torch.equal(loaded.weight, network.weight)
    with pytest.raises(StageError, match=r"encoder\.safetensors: .*; run the stage stage2 again"):
        load_state(nn.Linear(4, 2), file, "stage2")
    whole = file.read_bytes()
    for damaged in damages(whole):
        file.write_bytes(damaged)
        try:
            load_state(nn.Linear(3, 2), file, "stage2")
        except StageError as error:
            assert str(error).startswith(f"{file}: ")
            assert "\n" not in str(error)
        else:
            assert len(damaged) == len(whole)
