"""Architectures by name, with seeded random weights; nothing here touches the network unless `pretrained`."""

from __future__ import annotations

import difflib
from collections.abc import Callable

import timm
import torch
from torch import nn

from tocoad.errors import SettingsError
from tocoad.nn.resnetv2_gluon import resnetv2_50_gluon

_OWN: dict[str, Callable[[], nn.Module]] = {"resnetv2_50_gluon": resnetv2_50_gluon}

# The papers' weights where timm's untagged default is another recipe.
_PAPER_TAGS = {"wide_resnet50_2": "wide_resnet50_2.tv_in1k"}


def create_backbone(name: str, *, seed: int = 0, pretrained: bool = False) -> nn.Module:
    """The whole classification network, so that a weights file can be checked against every key of it.

    Random weights depend on `seed` alone, and the global generator stays where it was. `pretrained` downloads.
    """
    if name in _OWN and pretrained:
        raise SettingsError(f"encoder.name: {name} is not on the hub; use encoder.weights: file")
    if name not in _OWN and not timm.is_model(name):
        near = difflib.get_close_matches(name, [*_OWN, *timm.list_models()], n=1)
        raise SettingsError(
            f"encoder.name: no timm model is called {name}" + "".join(f"; did you mean {n}?" for n in near)
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed CUDA's generators as well
        if name in _OWN:
            return _OWN[name]()
        tagged = _PAPER_TAGS.get(name, name) if pretrained else name
        return _from_timm(tagged, pretrained)


def _from_timm(name: str, pretrained: bool) -> nn.Module:
    try:
        model: nn.Module = timm.create_model(name, pretrained=pretrained)
    except Exception as error:  # a bad tag; with `pretrained` also whatever the hub's client and its transport raise
        reason = str(error).partition("\n")[0]
        hint = "; encoder.weights: file needs no network" if pretrained else ""
        raise SettingsError(f"encoder.name: timm could not give {name}: {reason}{hint}") from error
    return model
