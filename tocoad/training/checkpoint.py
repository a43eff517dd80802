"""Checkpoints without pickle: a killed training goes on where it was, to the same bits.

Every random draw of a training is keyed by (seed, step, index), so weights, optimiser and step are the whole state.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors.torch import load, load_file, save_file
from torch import Tensor, nn

from tocoad.files.lease import still_held
from tocoad.files.replacing import recover, replacing
from tocoad.files.sealed import seal, unseal
from tocoad.nn.processor import processor_name
from tocoad.parallel.exchange import leaders_bytes, start_alike, texts_of_all
from tocoad.parallel.world import World, current_world
from tocoad.stages.resources import Meter, Usage
from tocoad.stages.stage import StageContext

_TENSORS, _STATE = "state.safetensors", "state.json"
_FORMAT = 3  # of what the files hold; part of the key, so that one of another format is not taken up

_USAGE = TypeAdapter(Usage)

_log = logging.getLogger(__name__)


@dataclass
class TrainingState:
    """What changes during training. `key` names the run (settings, inputs); another run's checkpoint is not taken.

    `meter` is the stage's: what the training took before it was killed is part of what it takes.
    """

    key: str
    modules: Mapping[str, nn.Module]
    optimizer: torch.optim.Optimizer
    meter: Meter

    def save(self, folder: Path, step: int, curves: list[dict[str, float]]) -> None:
        """Writes the state after `step` steps. A crash while writing leaves the earlier checkpoint."""
        document = {"key": self.key, "step": step, "curves": curves, "usage": asdict(self.meter.read())}
        with replacing(folder, still_held()) as partial:
            save_file(self._tensors(), partial / _TENSORS)
            sealed = seal({**document, "tensors": _sha256(partial / _TENSORS)}, indent=None)
            (partial / _STATE).write_text(sealed, encoding="utf-8")

    def load(self, folder: Path) -> tuple[int, list[dict[str, float]]]:
        """Restores the state; returns the number of steps done and their curves: (0, []) where there is nothing.

        A damaged checkpoint counts as none: the training starts anew, and says so. Of several workers all have the
        leading one's.
        """
        if not (world := current_world()).alone:
            return self._load_leaders(folder, world)
        self.meter.trains_on(self._processor())
        document = self._find(folder)
        return (0, []) if document is None else self._restore(document, load_file(folder / _TENSORS))

    def _load_leaders(self, folder: Path, world: World) -> tuple[int, list[dict[str, float]]]:
        self.meter.trains_on(*texts_of_all(self._processor(), world))
        there = world.leads and self._find(folder) is not None
        state, tensors = (leaders_bytes((folder / name).read_bytes() if there else None) for name in (_STATE, _TENSORS))
        if state is None or tensors is None:
            start_alike(self.modules.values())
            return 0, []
        return self._restore(unseal(state), load(tensors))

    def _find(self, folder: Path) -> dict[str, Any] | None:
        """What this run's checkpoint says of itself."""
        recover(folder)
        document = _read(folder)
        return None if document is None or document["key"] != self.key else document

    def _restore(
        self, document: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> tuple[int, list[dict[str, float]]]:
        for name, module in self.modules.items():
            module.load_state_dict(_below(tensors, f"module.{name}."))
        state = self.optimizer.state_dict()
        state["state"] = {}
        for key, value in _below(tensors, "optimizer.").items():
            index, _, entry = key.partition(".")
            state["state"].setdefault(int(index), {})[entry] = value
        self.optimizer.load_state_dict(state)
        self._lay_out_as_parameters()
        self.meter.resume(_USAGE.validate_python(document["usage"]))
        return document["step"], document["curves"]

    def _processor(self) -> str:
        kinds = {parameter.device.type for module in self.modules.values() for parameter in module.parameters()}
        return processor_name("cuda" if "cuda" in kinds else "cpu")

    def _lay_out_as_parameters(self) -> None:
        """The optimiser's tensors in their parameters' memory format, in which it would have made them: a step over
        tensors of two formats is another kernel on a GPU, which rounds otherwise.
        """
        for parameter, entries in self.optimizer.state.items():
            for entry, value in entries.items():
                if value.shape == parameter.shape:
                    entries[entry] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {
            f"module.{name}.{key}": value
            for name, module in self.modules.items()
            for key, value in module.state_dict().items()
        }
        for index, entries in self.optimizer.state_dict()["state"].items():
            tensors.update({f"optimizer.{index}.{entry}": value for entry, value in entries.items()})
        return {key: value.detach().contiguous() for key, value in tensors.items()}


def run_key(context: StageContext, images: str) -> str:
    """Digest of all that decides the training, `images` naming what it sees: a checkpoint of another run must not be
    taken up.
    """
    return hashlib.sha256(json.dumps([_FORMAT, context.key, images]).encode()).hexdigest()


def _read(folder: Path) -> dict[str, Any] | None:
    """What the checkpoint says of itself; None where there is no whole one."""
    try:
        document = unseal((folder / _STATE).read_bytes())
        if document["tensors"] != _sha256(folder / _TENSORS):
            raise ValueError(f"{_TENSORS} is cut or altered")
    except FileNotFoundError as error:
        if not folder.exists():
            return None
        reason = f"{Path(error.filename).name} is missing"
    except (OSError, ValueError) as error:
        reason = str(error)
    else:
        return document
    _log.warning("%s: the checkpoint is damaged (%s); the training starts anew", folder, reason)
    return None


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
