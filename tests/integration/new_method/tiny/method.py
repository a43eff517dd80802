"""The smallest method there can be: how far a pixel is from the mean of the training images."""

from __future__ import annotations

from tocoad.methods.tiny.settings import TinySettings

from tocoad.stages.declaration import Input, Method, Plot, Stage
from tocoad.stages.shared import DETECTOR_DIR, MANIFEST, OF_TRAINING, evaluate

TINY = Method(
    "tiny",
    about="Tiny: the distance of every pixel to the mean training image.",
    settings=(TinySettings,),
    models={"tiny": "tocoad.methods.tiny.model:TinyModel"},
    stages=(
        MANIFEST,
        Stage(
            "average",
            "tocoad.methods.tiny.work:average",
            inputs={"manifest": OF_TRAINING},
            params=("image", "compute"),
            data="train",
            outs=("mean.safetensors",),
            plots=(Plot("curves.csv", "step", "loss"),),
        ),
        Stage(
            "fit",
            "tocoad.methods.tiny.work:fit",
            inputs={"manifest": OF_TRAINING, "average": Input("average")},
            params=("image", "distance", "calibration", "compute"),
            data="train",
            outs=(DETECTOR_DIR,),
            metrics=("metrics.json",),
        ),
        evaluate("fit"),
    ),
)
