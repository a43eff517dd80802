"""Without a GPU: which tensors of a stage lie there, and which on the processor's side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from pretended_gpu import pretended_gpu

from tocoad.settings.sections import MethodName

if TYPE_CHECKING:
    from conftest import Workshop

# A detector scores in `fit` as it does in `evaluate`.
WITH_NETWORKS: dict[MethodName, tuple[str, ...]] = {
    "tocoad": ("stage1", "stage2", "fit"),
    "recontrast": ("train", "fit"),
}


@pytest.mark.parametrize("twice", ["cpu"], indirect=True)
@pytest.mark.parametrize("method", WITH_NETWORKS)
def test_no_stage_mixes_its_devices_or_lets_numpy_read_a_gpu(
    copied: Callable[[], Workshop], method: MethodName
) -> None:
    workshop = copied()
    of = workshop.settings
    short = {name: getattr(of, name).model_copy(update={"iterations": 1}) for name in ("stage1", "stage2", "train")}
    workshop = replace(workshop, settings=of.model_copy(update=short))
    with pretended_gpu():
        for stage in WITH_NETWORKS[method]:
            workshop.run(method, stage)


def test_what_is_left_on_the_wrong_side_is_noticed() -> None:
    with pretended_gpu():
        there = torch.rand(2, 2, device="meta")
        with pytest.raises(TypeError, match=r"bring it back with \.cpu\(\)"):
            there.numpy()
        with pytest.raises(RuntimeError, match="of a GPU and of a processor"):
            torch.nn.functional.linear(there, torch.rand(2, 2))
        assert isinstance(there.cpu().numpy(), np.ndarray)
