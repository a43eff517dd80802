"""ReContrast as the house knows it: a model for each category, and one for all categories of a data set."""

from __future__ import annotations

from tocoad.methods.recontrast.settings import ReContrastSettings, UnifiedSettings
from tocoad.stages.declaration import Input, Method, Plot, Stage
from tocoad.stages.shared import DETECTOR_DIR, MANIFEST, OF_TRAINING, evaluate

_MODELS = {"recontrast": "tocoad.methods.recontrast.model:ReContrastModel"}

RECONTRAST = Method(
    "recontrast",
    about="ReContrast: a network learns to rebuild the features of a frozen and of a trained encoder from each other; "
    "what it cannot rebuild is not normal.",
    settings=(ReContrastSettings,),
    models=_MODELS,
    stages=(
        MANIFEST,
        Stage(
            "train",
            "tocoad.methods.recontrast.train:train",
            inputs={"manifest": OF_TRAINING},
            params=("seed", "image", "encoder", "train", "compute"),
            data="train",
            files=("encoder.file",),
            outs=("encoder.safetensors", "network.safetensors"),
            metrics=("metrics.json",),
            plots=(Plot("curves.csv", "step", "loss"),),
            trains=True,
        ),
        Stage(
            "fit",
            "tocoad.methods.recontrast.fit:fit",
            inputs={"manifest": OF_TRAINING, "train": Input("train")},
            params=("seed", "image", "encoder", "train", "scoring", "calibration", "compute"),
            data="train",
            files=("encoder.file",),
            outs=(DETECTOR_DIR,),
            metrics=("metrics.json",),
        ),
        evaluate("fit"),
    ),
)

RECONTRAST_UNIFIED = Method(
    "recontrast_unified",
    about="ReContrast, one model for all categories of the data set, with thresholds of its own for each.",
    settings=(UnifiedSettings,),
    models=_MODELS,
    stages=(
        MANIFEST,
        # It reads the images by itself: their manifests may be of categories that nobody asked for.
        Stage(
            "list_unified",
            "tocoad.methods.recontrast.unified:list_unified",
            params=("split",),
            scope="dataset",
            plan="unified",
            data="all",
            outs=("images.json",),
        ),
        Stage(
            "train_unified",
            "tocoad.methods.recontrast.unified:train_unified",
            inputs={"images": Input("list_unified")},
            params=("seed", "image", "encoder", "unified", "compute"),
            scope="dataset",
            plan="unified",
            data="listed",
            files=("encoder.file",),
            outs=("encoder.safetensors", "network.safetensors", "images.json"),
            metrics=("metrics.json",),
            plots=(Plot("curves.csv", "step", "loss"),),
            trains=True,
        ),
        Stage(
            "fit",
            "tocoad.methods.recontrast.unified:fit_unified",
            inputs={"manifest": OF_TRAINING, "train": Input("train_unified")},
            params=("seed", "image", "encoder", "unified", "scoring", "calibration", "compute"),
            data="train",
            files=("encoder.file",),
            outs=(DETECTOR_DIR,),
            metrics=("metrics.json",),
        ),
        evaluate("fit"),
    ),
)
