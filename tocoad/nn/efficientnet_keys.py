"""EfficientNet-Lite weights under the names of the original PyTorch package, brought to timm's names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

_TOP = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
# A block that does not expand keeps _bn1 and _bn2 as the names of its first and second batch norm.
_PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def timm_keys(state: Mapping[str, Tensor], known: Iterable[str]) -> dict[str, Tensor]:
    """`state` under the names of the timm model whose keys are `known`.

    The package counts blocks through all stages; timm counts them within each. A name with no counterpart is kept,
    so that the loader can refuse it.
    """
    places = sorted({(int(m[1]), int(m[2])) for key in known if (m := re.match(r"blocks\.(\d+)\.(\d+)\.", key))})
    return {_timm_key(key, state, places): value for key, value in state.items()}


def _timm_key(key: str, state: Mapping[str, Tensor], places: list[tuple[int, int]]) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if match is None:
        part, _, rest = key.partition(".")
        return f"{_TOP.get(part, part)}.{rest}"
    flat, part, rest = int(match[1]), match[2], match[3]
    names = _EXPANDED if f"_blocks.{flat}._expand_conv.weight" in state else _PLAIN
    if flat >= len(places) or part not in names:
        return key
    stage, block = places[flat]
    return f"blocks.{stage}.{block}.{names[part]}.{rest}"
