"""What a worker does on a node that shares nothing but a store: a training whose checkpoints leave it as it goes."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import NamedTuple

from services.ray.checkpoints import Checkpoints
from services.store.store import open_store
from tests.helpers.toys import DISC
from tocoad.settings.sections import Settings
from tocoad.stages.graph import METHODS
from tocoad.stages.running import StageFolders, execute, weights_sha256
from tocoad.stages.stage import Progress

KEY = "0" * 64
ITERATIONS, HANGS_AT = 12, 8
SETTINGS = Settings.model_validate(
    {
        "image": {"size": 64},
        "split": {"train_min": 2, "calibration_min": 4},
        "encoder": {"name": "tf_efficientnet_lite0", "weights": "wheel"},
        "synthesis": {"validation_count": 4},
        "stage1": {"iterations": ITERATIONS, "batch_size": 2, "decoder_blocks": 1},
    }
)


class Trained(NamedTuple):
    weights: str
    processors: tuple[str, ...]
    first_step: int


def train(far: Path, read: Path, node: Path, seconds: float = 60, hangs_at: int | None = None) -> Trained:
    """Stage 1 of what lies in `read`, in the folder `node`, from the checkpoint in the store `far` if there is one. It
    writes one every `seconds`, and `hangs_at` a step.
    """
    steps: list[int] = []

    def progress(told: Progress) -> None:
        steps.append(told.step)
        if told.step == hangs_at:
            time.sleep(600)

    inputs, target = {role: read / role for role in ("manifest", "synthesize")}, node / "out"
    stage, folders = METHODS["tocoad"].stage("stage1"), StageFolders(read / "images", inputs, target, node / "cache")
    with Checkpoints(open_store(str(far)), KEY, node / ".out.checkpoint", seconds) as kept:
        record = execute(stage, "tocoad", DISC, SETTINGS, folders, progress, checkpoint_seconds=seconds)
        kept.done()
    return Trained(weights_sha256(target), record.processors, steps[0])


if __name__ == "__main__":
    print(json.dumps(train(*map(Path, sys.argv[1:4]), float(sys.argv[4]), int(sys.argv[5]))))
