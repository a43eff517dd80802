"""ToCoAD as the house knows it."""

from __future__ import annotations

from tocoad.memory.settings import BankedSettings
from tocoad.methods.tocoad.settings import FusedSettings, TrainingSettings
from tocoad.stages.declaration import Input, Method, Plot, Stage
from tocoad.stages.shared import DETECTOR_DIR, MANIFEST, OF_SYNTHESIS, OF_TRAINING, SYNTHESIZE, evaluate

TOCOAD = Method(
    "tocoad",
    about="ToCoAD: a network learns on synthetic damage where damage is, guides the encoder's fine-tuning, and is "
    "heard beside a memory of normal features.",
    settings=(TrainingSettings, BankedSettings, FusedSettings),
    models={
        "memory_bank": "tocoad.memory.model:MemoryBankModel",
        "fused": "tocoad.methods.tocoad.fused:FusedModel",
    },
    stages=(
        MANIFEST,
        SYNTHESIZE,
        Stage(
            "stage1",
            "tocoad.methods.tocoad.stage1:stage1",
            inputs={"manifest": OF_TRAINING, "synthesize": OF_SYNTHESIS},
            params=("seed", "image", "encoder", "synthesis", "stage1", "compute"),
            data="train",
            files=("encoder.file", "synthesis.texture_dir"),
            outs=("discriminator.safetensors", "encoder.safetensors"),
            metrics=("metrics.json",),
            plots=(Plot("curves.csv", "step", "loss"),),
            trains=True,
        ),
        Stage(
            "stage2",
            "tocoad.methods.tocoad.stage2:stage2",
            inputs={"manifest": OF_TRAINING, "synthesize": OF_SYNTHESIS, "stage1": Input("stage1")},
            params=("seed", "image", "encoder", "synthesis", "stage2", "compute"),
            data="train",
            files=("encoder.file", "synthesis.texture_dir"),
            outs=("encoder.safetensors",),
            metrics=("metrics.json",),
            plots=(Plot("curves.csv", "step", "loss"),),
            trains=True,
        ),
        Stage(
            "fit",
            "tocoad.methods.tocoad.fit:fit",
            inputs={"manifest": OF_TRAINING, "stage1": Input("stage1"), "stage2": Input("stage2")},
            params=("seed", "image", "encoder", "bank", "fusion", "scoring", "calibration", "compute"),
            data="train",
            files=("encoder.file",),
            outs=(DETECTOR_DIR,),
            metrics=("metrics.json",),
            plots=(Plot("distances.csv", "distance", "quantile"),),
        ),
        evaluate("fit"),
    ),
)
