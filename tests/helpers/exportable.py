"""Packages of every kind of networks, small, untrained and made in a moment: what an export must be able to write."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from torch import nn

from tests.helpers.toys import draw
from tocoad.calibration.conformal import conformal_threshold
from tocoad.memory.bank import MemoryBank
from tocoad.memory.model import MemoryBankModel, enlarged
from tocoad.methods.recontrast.model import ReContrastModel
from tocoad.methods.recontrast.networks import LEVELS
from tocoad.methods.recontrast.settings import TrainSettings
from tocoad.methods.recontrast.train import build_network
from tocoad.methods.tocoad.fused import FusedModel
from tocoad.nn.decoder import Discriminator
from tocoad.nn.device import compute_context
from tocoad.nn.encoder import Encoder, build_encoder
from tocoad.package.card import Calibration, DetectorCard, Provenance
from tocoad.package.detector import Detector, ScoringModel, score_images
from tocoad.package.probes import pack_probes, probe_images
from tocoad.scoring.patches import patch_features
from tocoad.settings.sections import ComputeSettings, EncoderSettings, ScoringSettings
from tocoad.training.tensors import image_tensor

SIZE = 64
_NORMALS = np.stack([draw("disc", number) for number in range(6)])


def _encoder(levels: tuple[int, ...] | None, name: str = "test_resnet") -> Encoder:
    return build_encoder(EncoderSettings(name=name, weights="none"), levels).folded()


def _bank(encoder: Encoder, factor: float, layers: tuple[int, ...]) -> MemoryBank:
    with compute_context(ComputeSettings(device="cpu")) as compute, torch.inference_mode():
        images = enlarged(image_tensor(_NORMALS[:3], encoder.mean, encoder.std, compute), factor)
        return MemoryBank(patch_features(encoder(images, layers), 1024).flatten(0, 2)[::3].clone())


def _banks(encoder: Encoder, factors: tuple[float, ...], layers: tuple[int, ...], **scoring: object) -> MemoryBankModel:
    banks = {factor: _bank(encoder, factor, layers) for factor in factors}
    settings = ScoringSettings.model_validate(scoring)
    model = MemoryBankModel.assemble(encoder, banks, SIZE, 1024, settings, layers)
    return model.normalised_by([(1.0, 4.0), (2.0, 6.0)]) if len(factors) > 1 else model


def patchcore() -> ScoringModel:
    """Re-weighted, with the convolutions of the encoder that the profiles have: some of them lengthen their kernels."""
    encoder = _encoder((1, 2), "tf_efficientnet_lite0")
    return _banks(encoder, (1.0,), (1, 2), reweight=True, reweight_neighbours=5)


def tocoad() -> ScoringModel:
    """With D, and two scales."""
    bank = _banks(_encoder(None), (1.0, 1.5), (2, 3), image_score="top_mean")
    discriminator = Discriminator(bank.encoder.channels, 1)
    discriminator.init_weights(3)
    return FusedModel.assemble(bank, discriminator.eval(), 1, (0.1, 0.9), 1.0, 2.0)


def recontrast() -> ScoringModel:
    """One for a category and one for all have the same networks."""
    trained, frozen = _encoder(LEVELS), _encoder(LEVELS)
    settings = TrainSettings(decoder_blocks=(1, 1, 1), activation="gelu")
    network = build_network(frozen, settings)
    network.init_weights(0)
    return ReContrastModel.assemble(trained, frozen, network.eval(), SIZE, settings, ScoringSettings())


MODELS: Mapping[str, tuple[str, Callable[[], ScoringModel]]] = {
    "patchcore": ("memory_bank", patchcore),
    "tocoad": ("fused", tocoad),
    "recontrast": ("recontrast", recontrast),
}
"""By method: the name of the networks in a card, and the networks."""


def save_exportable(folder: Path, method: str) -> Path:
    """A package with thresholds amid the scores of a few normals, and probes."""
    name, make = MODELS[method]
    model = make()
    cast(nn.Module, model).requires_grad_(False).eval()
    with compute_context(ComputeSettings(device="cpu")) as compute:
        compute.place(cast(nn.Module, model))
        maps, scores = score_images(model, _NORMALS[2:], compute)
    low = float(np.median(maps))
    card = DetectorCard(
        dataset="toys",
        category="disc",
        method=method,
        model=name,
        architecture=model.architecture,
        image_size=SIZE,
        image_threshold=conformal_threshold(scores, 0.6),
        pixel_threshold=float(np.quantile(maps, 0.9)),
        calibration=Calibration(scores=tuple(map(float, scores)), scale=(low, low + 1.5 * (float(maps.max()) - low))),
        provenance=Provenance(
            manifest_sha256="0", train_images=3, calibration_images=4, settings={}, versions={"torch": version("torch")}
        ),
    )
    detector = Detector(card, model, ComputeSettings(device="cpu"))
    detector.save(folder)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "camera.png"
        Image.fromarray(np.repeat(_NORMALS[0], 3, axis=1)).save(file)
        pack_probes(folder, detector, probe_images(_NORMALS, [file]))
    return folder
