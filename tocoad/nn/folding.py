"""Batch norms in eval mode folded into the convolutions before them: the same function, fewer passes over the maps.

    norm(w * x + b) = (s w) * x + (s (b - mean) + bias),    s = weight / sqrt(var + eps)

Which norm follows which convolution is read from one run of the network, not from its source: a pair is folded only
where the norm takes what the convolution gives and nothing else does. A norm before its convolution (pre-activation)
stays: beyond the border its convolution sees zeros, which are not what a shifted map would hold there.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

from tocoad.nn.convolution import replace_slow

ModuleT = TypeVar("ModuleT", bound=nn.Module)
Run = Callable[[nn.Module], Iterable[Tensor]]
"""Runs the network on anything of the right shape and gives all that comes out of it."""

# Exactly these: a subclass may do more in its forward pass than its parameters say.
_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d, Conv2dSame)
_NORMS = (nn.BatchNorm2d, BatchNormAct2d)


@dataclass(frozen=True)
class Pair:
    """Names of a convolution and of the norm folded into it; `out_axis` is the weight's axis of output channels."""

    convolution: str
    norm: str
    out_axis: int
    eps: float


def find_pairs(network: nn.Module, run: Run) -> tuple[Pair, ...]:
    """The pairs of a network in eval mode that can be folded without changing what `run` gives."""
    convolutions, norms, outputs = _record(network, run)
    readers = _readers(outputs)
    calls = Counter(name for name, _ in (*convolutions, *norms))
    made = {node: name for name, node in convolutions}
    pairs = []
    for norm, node in norms:
        convolution = made.get(node)
        if convolution is None or readers[node] != 1 or calls[norm] != 1 or calls[convolution] != 1:
            continue
        transposed = isinstance(network.get_submodule(convolution), nn.ConvTranspose2d)
        eps = float(network.get_submodule(norm).eps)  # type: ignore[arg-type]  # modules are typed as holding tensors
        pairs.append(Pair(convolution, norm, 1 if transposed else 0, eps))
    return tuple(pairs)


def skeleton(network: ModuleT, pairs: Iterable[Pair]) -> ModuleT:
    """A copy with a bias in every convolution of `pairs` and only the activation of its norm left.

    Its tensors are meaningless until `folded_tensors` are put in.
    """
    with torch.inference_mode(False):
        copied = copy.deepcopy(network)
    for pair in pairs:
        convolution, norm = copied.get_submodule(pair.convolution), copied.get_submodule(pair.norm)
        running_mean = norm.running_mean
        assert isinstance(running_mean, Tensor)
        convolution.bias = nn.Parameter(torch.zeros_like(running_mean))
        copied.set_submodule(pair.norm, norm.act if isinstance(norm, BatchNormAct2d) else nn.Identity())
    replace_slow(copied)
    return copied


def folded_tensors(tensors: Mapping[str, Tensor], pairs: Iterable[Pair]) -> dict[str, Tensor]:
    """From a network's parameters and buffers to its skeleton's, by name; differentiable."""
    folded = dict(tensors)
    for pair in pairs:
        bias_key = f"{pair.convolution}.bias"
        norm = {key: folded.pop(f"{pair.norm}.{key}", None) for key in _NORM_KEYS}
        weight, mean, variance = folded[f"{pair.convolution}.weight"], norm["running_mean"], norm["running_var"]
        assert mean is not None and variance is not None
        # The factors in double precision: they are few, and their rounding would be that of a whole channel.
        scale = (variance.double() + pair.eps).rsqrt()
        if (gain := norm["weight"]) is not None:
            scale = scale * gain.double()
        shift = (folded[bias_key].double() if bias_key in folded else 0.0) - mean.double()
        bias = shift * scale
        if (offset := norm["bias"]) is not None:
            bias = bias + offset.double()
        shape = [1] * weight.dim()
        shape[pair.out_axis] = -1
        folded[f"{pair.convolution}.weight"] = weight * scale.to(weight.dtype).view(shape)
        folded[bias_key] = bias.to(weight.dtype)
    return folded


def fold(network: ModuleT, run: Run) -> ModuleT:
    """A folded copy of a network in eval mode; its maps differ from the network's by rounding alone."""
    pairs = find_pairs(network, run)
    folded = skeleton(network, pairs)
    with torch.no_grad():
        folded.load_state_dict(folded_tensors(network.state_dict(), pairs))
    return folded


class FoldedForward:
    """Runs a network that is in training, its norms in eval mode, through its folded skeleton.

    Gradients reach the network's own parameters, which stay as and where they are; the optimiser, checkpoints and the
    saved weights know nothing of the folding.
    """

    def __init__(self, network: nn.Module, run: Run) -> None:
        self._network = network
        self._pairs = find_pairs(network, run)
        self._skeleton = skeleton(network, self._pairs)

    def __call__(self, *inputs: Any) -> Any:
        tensors = {**dict(self._network.named_parameters()), **dict(self._network.named_buffers())}
        return torch.func.functional_call(self._skeleton, folded_tensors(tensors, self._pairs), inputs)


_NORM_KEYS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")

_Calls = list[tuple[str, Any]]


def _record(network: nn.Module, run: Run) -> tuple[_Calls, _Calls, list[Tensor]]:
    """The autograd nodes that each convolution made and each norm read, by the module's name, and what came out."""
    convolutions: _Calls = []
    norms: _Calls = []
    # On a copy, with autograd on whatever the caller has: nothing of this is left in the network.
    with torch.inference_mode(False), torch.enable_grad():
        probe = copy.deepcopy(network).requires_grad_(True)
        for name, module in probe.named_modules():
            if type(module) in _CONVOLUTIONS:
                module.register_forward_hook(lambda _m, _x, y, name=name: convolutions.append((name, y.grad_fn)))
            elif type(module) in _NORMS and _is_affine(module):
                module.register_forward_pre_hook(lambda _m, x, name=name: norms.append((name, x[0].grad_fn)))
        outputs = list(run(probe))
    return convolutions, norms, outputs


def _is_affine(norm: nn.Module) -> bool:
    """Whether the norm, apart from its activation, is a fixed scale and shift of every channel."""
    fixed = isinstance(norm, nn.BatchNorm2d) and not norm.training and norm.running_mean is not None
    return fixed and (not isinstance(norm, BatchNormAct2d) or isinstance(norm.drop, nn.Identity))


def _readers(outputs: Iterable[Tensor]) -> Counter[Any]:
    """How often each autograd node is read on the way to `outputs`, which count as readers themselves."""
    open_nodes = [output.grad_fn for output in outputs]
    readers: Counter[Any] = Counter(open_nodes)
    seen = set(open_nodes)
    while open_nodes:
        node = open_nodes.pop()
        if node is None:
            continue
        for source, _ in node.next_functions:
            readers[source] += 1
            if source not in seen:
                seen.add(source)
                open_nodes.append(source)
    return readers
