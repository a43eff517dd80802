"""A device that computes nothing: torch's `meta`, in the place of a GPU that is not there.

As with a GPU, its tensors do not mix with a processor's, and numpy does not read them; what is brought back from it are
ones. So a stage runs through all of its code, and fails where it would have left a tensor on the wrong side.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from tocoad.nn import device
from tocoad.package import detector

NAME = "meta"
_MAY_MIX = {torch.ops.aten.copy_, torch.ops.aten.index}


class _Sides(TorchDispatchMode):
    """`meta` by itself lets some operators mix; a number of a processor may stand beside a GPU's tensors."""

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        tensors = [x for x in tree_iter((arguments, options or {})) if isinstance(x, Tensor) and x.dim()]
        if len({x.device for x in tensors}) > 1 and function.overloadpacket not in _MAY_MIX:
            raise RuntimeError(f"{function}: tensors of a GPU and of a processor")
        return function(*arguments, **(options or {}))


@contextmanager
def pretended_gpu() -> Iterator[None]:
    """While it is open every stage computes there; inputs come from stages that ran on a processor."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (device, detector):
            patch.setattr(module, "resolve_device", lambda settings: torch.device(NAME))
        autocast, numpy, copy = torch.autocast, Tensor.numpy, Tensor.copy_

        def autocast_there(kind: str, *arguments: Any, **options: Any) -> Any:
            return nullcontext() if kind == NAME else autocast(kind, *arguments, **options)

        def brought_back(tensor: Tensor) -> Tensor:
            return torch.ones(tensor.shape, dtype=tensor.dtype) if tensor.is_meta else tensor

        def read(tensor: Tensor, *, force: bool = False) -> Any:
            if tensor.is_meta and not force:
                raise TypeError("numpy does not read a GPU's tensor: bring it back with .cpu()")
            return numpy(brought_back(tensor), force=force)

        def copied(tensor: Tensor, source: Tensor, *arguments: Any) -> Tensor:
            return copy(tensor, source if tensor.is_meta else brought_back(source), *arguments)

        patch.setattr(torch, "autocast", autocast_there)
        patch.setattr(Tensor, "cpu", brought_back)
        patch.setattr(Tensor, "numpy", read)
        patch.setattr(Tensor, "copy_", copied)
        patch.setattr(Tensor, "__float__", lambda tensor: 1.0 if tensor.is_meta else tensor.item())
        with _Sides():
            yield
