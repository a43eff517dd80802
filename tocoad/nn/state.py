"""The weights that a stage left, back in their network."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from tocoad.errors import StageError, first_line
from tocoad.files.reading import damaged


def load_state(network: nn.Module, file: Path, stage: str) -> None:
    """Raises StageError where the file that `stage` wrote is missing, damaged, or of another network."""
    try:
        network.load_state_dict(load_file(file))
    except FileNotFoundError:
        raise StageError(f"{file} is missing: run the stage {stage} first") from None
    except (OSError, SafetensorError, RuntimeError) as error:
        raise damaged(file, first_line(error), stage) from None
