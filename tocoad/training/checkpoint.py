"""Checkpoints without pickle: a killed training goes on where it was, to the same bits.

Every random draw of a training is keyed by (seed, step, index), so weights, optimiser and step are the whole state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tocoad.replacing import replacing
from tocoad.resources import Meter, Usage
from tocoad.stage import StageContext

_TENSORS, _STATE = "state.safetensors", "state.json"
_FORMAT = 2  # of what the files hold; part of the key, so that one of another format is not taken up


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
        with replacing(folder) as partial:
            save_file(self._tensors(), partial / _TENSORS)
            (partial / _STATE).write_text(json.dumps(document), encoding="utf-8")

    def load(self, folder: Path) -> tuple[int, list[dict[str, float]]]:
        """Restores the state; returns the number of steps done and their curves: (0, []) where there is nothing."""
        if not (folder / _STATE).is_file():
            return 0, []
        document = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        if document["key"] != self.key:
            return 0, []
        tensors = load_file(folder / _TENSORS)
        for name, module in self.modules.items():
            module.load_state_dict(_below(tensors, f"module.{name}."))
        state = self.optimizer.state_dict()
        state["state"] = {}
        for key, value in _below(tensors, "optimizer.").items():
            index, _, entry = key.partition(".")
            state["state"].setdefault(int(index), {})[entry] = value
        self.optimizer.load_state_dict(state)
        self.meter.resume(Usage(**document["usage"]))
        return document["step"], document["curves"]

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {
            f"module.{name}.{key}": value
            for name, module in self.modules.items()
            for key, value in module.state_dict().items()
        }
        for index, entries in self.optimizer.state_dict()["state"].items():
            tensors.update({f"optimizer.{index}.{entry}": value for entry, value in entries.items()})
        return {key: value.detach().contiguous() for key, value in tensors.items()}


def run_key(context: StageContext, images: str, sections: tuple[str, ...], *files: Path) -> str:
    """Digest of all that decides the training, `images` naming what it sees: a checkpoint of another run must not be
    taken up.
    """
    settings = {name: context.settings.model_dump(mode="json")[name] for name in sections}
    digest = hashlib.sha256(json.dumps([_FORMAT, settings, images], sort_keys=True).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
