"""A whole detector package with the networks of PatchCore, of small images and made in a moment."""

from __future__ import annotations

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from tocoad.calibration.conformal import conformal_threshold
from tocoad.files.sealed import SEAL, seal
from tocoad.memory.bank import MemoryBank
from tocoad.memory.model import NAME, MemoryBankModel
from tocoad.nn.encoder import build_encoder
from tocoad.package.card import (
    CARD_FILE,
    MODEL_FILE,
    PROBES_FILE,
    REFERENCE_FILE,
    Calibration,
    DetectorCard,
    Provenance,
    read_card,
    write_card,
)
from tocoad.package.detector import Detector
from tocoad.package.probes import pack_probes, probe_images
from tocoad.settings.sections import ComputeSettings, EncoderSettings, ScoringSettings


def save_detector(folder: Path, seed: int, size: int = 32, weights: str = "none", probes: bool = True) -> Path:
    """The seed makes it another."""
    settings = EncoderSettings.model_validate({"weights": weights})
    encoder = build_encoder(settings, (2, 3), seed=seed)
    vectors = torch.rand(4, sum(encoder.channels.values()), generator=torch.Generator().manual_seed(seed))
    model = MemoryBankModel.assemble(encoder.eval(), {1.0: MemoryBank(vectors)}, size, 1024, ScoringSettings())
    card = DetectorCard(
        dataset="set",
        category="gear",
        method="patchcore",
        model=NAME,
        architecture=model.architecture,
        image_size=size,
        image_threshold=conformal_threshold([0.1, 0.2, 0.5], 0.3),
        pixel_threshold=0.25,
        calibration=Calibration(scores=(0.1, 0.2, 0.5), scale=(0.0, 1.0)),
        provenance=Provenance(
            manifest_sha256="0", train_images=3, calibration_images=3, settings={}, versions={"torch": version("torch")}
        ),
    )
    detector = Detector(card, model, ComputeSettings(device="cpu"))
    detector.save(folder)
    if probes:
        images = np.random.default_rng(seed).integers(0, 256, (3, size, size, 3), dtype=np.uint8)
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "camera.png"
            Image.fromarray(np.repeat(images[0], 2, axis=0)).save(file)
            pack_probes(folder, detector, probe_images(images, [file]))
    return folder


def as_category(folder: Path, dataset: str, category: str) -> Path:
    """The package as that of another category, with the same networks."""
    write_card(folder, read_card(folder)[0].model_copy(update={"dataset": dataset, "category": category}))
    return folder


def as_format_1(folder: Path) -> Path:
    """The package as versions until format 2 of the card would have written it."""
    document = json.loads((folder / CARD_FILE).read_text())
    for key in (SEAL, "probes", "reference_sha256"):
        document.pop(key, None)
    (folder / CARD_FILE).write_text(seal({**document, "format": 1}))
    for file in (PROBES_FILE, REFERENCE_FILE):
        (folder / file).unlink(missing_ok=True)
    return folder


def alter_weights(folder: Path) -> None:
    """By a thousandth, with a card whose digests fit them."""
    tensors = load_file(folder / MODEL_FILE)
    name = next(name for name, value in sorted(tensors.items()) if value.ndim == 4)
    save_file({**tensors, name: tensors[name] * np.float32(1.001)}, folder / MODEL_FILE)
    write_card(folder, read_card(folder)[0])
