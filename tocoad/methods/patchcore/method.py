"""PatchCore as the house knows it: the control, which stands beside every category."""

from __future__ import annotations

from tocoad.memory.settings import BankedSettings
from tocoad.stages.declaration import Method, Plot, Stage
from tocoad.stages.shared import DETECTOR_DIR, MANIFEST, OF_TRAINING, evaluate

PATCHCORE = Method(
    "patchcore",
    about="PatchCore: a memory of normal features of the pretrained encoder, without training.",
    settings=(BankedSettings,),
    models={"memory_bank": "tocoad.memory.model:MemoryBankModel"},
    stages=(
        MANIFEST,
        Stage(
            "fit",
            "tocoad.methods.patchcore.fit:fit",
            inputs={"manifest": OF_TRAINING},
            params=("seed", "image", "encoder", "bank", "scoring", "calibration", "compute"),
            data="train",
            files=("encoder.file",),
            outs=(DETECTOR_DIR,),
            metrics=("metrics.json",),
            plots=(Plot("distances.csv", "distance", "quantile"),),
        ),
        evaluate("fit"),
    ),
)
