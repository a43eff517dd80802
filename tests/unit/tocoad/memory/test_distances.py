"""Distances of unseen normals to the bank against scipy, tied to what scoring makes of them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.distance import cdist

from tocoad.data.manifest import Manifest
from tocoad.data.stage import manifest as manifest_stage
from tocoad.files.workspace import Category
from tocoad.memory.bank import MemoryBank
from tocoad.memory.distances import distance_quantiles, normal_distances, save_distances
from tocoad.memory.fit import fit_banks, record_distances
from tocoad.memory.model import MemoryBankModel
from tocoad.memory.settings import BankSettings
from tocoad.nn.device import Compute, compute_context
from tocoad.nn.encoder import build_encoder
from tocoad.package.detector import score_images
from tocoad.scoring.anomaly_map import apply_operator
from tocoad.scoring.patches import patch_features
from tocoad.settings.sections import (
    ComputeSettings,
    EncoderSettings,
    ImageSettings,
    ScoringSettings,
    Settings,
    SplitSettings,
)
from tocoad.stages.stage import StageContext
from tocoad.training.tensors import image_tensor

SIZE = 64
CPU = Compute(torch.device("cpu"), channels_last=True, use_autocast=False)


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def model(images: NDArray[np.uint8]) -> MemoryBankModel:
    """Its bank holds patches of the first two images; the encoder has a level that the bank does not read."""
    encoder = build_encoder(EncoderSettings(name="resnet18", weights="none"), (1, 2, 3))
    with torch.inference_mode():
        maps = encoder(image_tensor(images[:2], encoder.mean, encoder.std, CPU))
        vectors = patch_features({level: maps[level] for level in (2, 3)}, 1024).flatten(0, 2)[::3]
    made = MemoryBankModel.assemble(encoder, {1.0: MemoryBank(vectors.clone())}, SIZE, 1024, ScoringSettings(), (2, 3))
    return CPU.place(made).eval()


def test_distances_are_those_to_the_nearest_vector(model: MemoryBankModel, images: NDArray[np.uint8]) -> None:
    found = normal_distances(model, images[2:], CPU).of_patches
    assert found.shape == (3, 64)  # 8 x 8 at stride 8
    with torch.inference_mode():
        maps = model.encoder(image_tensor(images[2:], model.mean, model.std, CPU))
        patches = patch_features({level: maps[level] for level in (2, 3)}, 1024).flatten(0, 2).numpy()
    expected = cdist(patches, model.bank(0).vectors.numpy()).min(1)
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-4)


def test_they_are_what_the_anomaly_map_is_made_of(model: MemoryBankModel, images: NDArray[np.uint8]) -> None:
    maps, _ = score_images(model, images[2:], CPU)
    found = normal_distances(model, images[2:], CPU)
    patches = torch.from_numpy(found.of_patches).view(3, 1, 8, 8)
    remade = [apply_operator(model.get_buffer("operator_0"), one)[0].numpy() for one in patches]
    np.testing.assert_array_equal(np.stack(remade), maps)
    np.testing.assert_array_equal(found.maps[0], maps)


def test_quantiles_are_in_percent_steps_from_the_least_to_the_greatest(tmp_path: Path) -> None:
    # 0, 2, 4 ... 200 in another order: the q-th percent is 2q.
    distances = np.random.default_rng(1).permutation(np.arange(101, dtype=np.float32) * 2).reshape(1, 1, 101)
    quantiles = distance_quantiles(distances)
    assert quantiles.tolist() == pytest.approx([2.0 * q for q in range(101)])
    save_distances(quantiles, tmp_path / "distances.csv")
    rows = list(csv.reader((tmp_path / "distances.csv").open()))
    assert rows[0] == ["quantile", "distance"] and len(rows) == 102
    assert rows[1] == ["0.00", "0"] and rows[51] == ["0.50", "100"] and rows[100] == ["0.99", "198"]


def test_a_fit_knows_of_the_calibration_images_alone_what_its_model_says(
    images: NDArray[np.uint8], tmp_path: Path
) -> None:
    good = tmp_path / "data" / "train" / "good"
    good.mkdir(parents=True)
    for number, image in enumerate(np.concatenate([images, 255 - images])):
        Image.fromarray(image).save(good / f"{number}.png")
    (tmp_path / "manifest").mkdir()
    (tmp_path / "fit").mkdir()
    context = StageContext(
        owner=Category("toys", "bolt"),
        method="patchcore",
        settings=Settings(
            image=ImageSettings(size=SIZE),
            split=SplitSettings(calibration_min=4, train_min=2),
            bank=BankSettings(scales=(1.0, 1.5), coreset_ratio=0.1),
        ),
        params=(),
        data_dir=tmp_path / "data",
        inputs={},
        output_dir=tmp_path / "manifest",
        checkpoint_dir=tmp_path / "checkpoint",
        cache_dir=tmp_path / "cache",
    )
    manifest_stage(context)
    split = Manifest.load(tmp_path / "manifest" / "train.json")
    fitting = replace(context, inputs={"manifest": tmp_path / "manifest"}, output_dir=tmp_path / "fit")
    encoder = build_encoder(EncoderSettings(name="resnet18", weights="none"), (2, 3))
    with compute_context(ComputeSettings()) as compute:
        banks = fit_banks(fitting, encoder, split, compute)
        kept = [np.asarray(Image.open(tmp_path / "data" / image.path)) for image in split.split("calibration")]
        assert len(kept) == 4
        np.testing.assert_array_equal(banks.maps, score_images(banks.model, np.stack(kept), compute)[0])
        expected = np.sort(normal_distances(banks.model, np.stack(kept), compute).of_patches, axis=None)
    figures = record_distances(fitting, banks.normals)
    # Of 256 sorted distances the median lies half-way between the 128th and the 129th.
    assert figures["calibration_distance_median"] == pytest.approx((expected[127] + expected[128]) / 2, rel=1e-6)
    assert expected[252] <= figures["calibration_distance_p99"] <= expected[253]
    rows = list(csv.DictReader((tmp_path / "fit" / "distances.csv").open()))
    assert float(rows[50]["distance"]) == pytest.approx(figures["calibration_distance_median"], rel=1e-5)
    assert json.dumps(figures)  # plain numbers, for metrics.json
