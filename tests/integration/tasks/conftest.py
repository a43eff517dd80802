"""A small detector, and MLflow in both its forms: the workspace's own files, and a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.mlflow_tracking import Tracking
from tasks.services import Services, configure
from tocoad.workspace import Workspace

SIZE = 32


@pytest.fixture
def restored_environment() -> Iterator[None]:
    kept = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="session")
def shared_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("a workspace"))


@pytest.fixture(params=["local", "server"])
def services(request: pytest.FixtureRequest, shared_workspace: Workspace, restored_environment: None) -> Services:
    """Services of one workspace and one server for all tests: names in them must be a test's own."""
    if request.param == "server":
        os.environ["MLFLOW_TRACKING_URI"] = request.getfixturevalue("mlflow_server")
    else:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    return configure(shared_workspace)


@pytest.fixture
def tracking(services: Services) -> Tracking:
    return Tracking(services)


@pytest.fixture
def make_detector(tmp_path: Path) -> Callable[[int], Path]:
    """Writes a whole detector package of 32-pixel images; the seed makes it another."""
    import torch

    from tocoad.calibration.conformal import conformal_threshold
    from tocoad.config import ComputeSettings, EncoderSettings, ScoringSettings
    from tocoad.memory.bank import MemoryBank
    from tocoad.memory.model import NAME, MemoryBankModel
    from tocoad.nn.encoder import build_encoder
    from tocoad.package.card import Calibration, DetectorCard, Provenance
    from tocoad.package.detector import Detector

    def make(seed: int) -> Path:
        encoder = build_encoder(EncoderSettings(weights="none"), (2, 3), seed=seed)
        vectors = torch.rand(4, sum(encoder.channels.values()), generator=torch.Generator().manual_seed(seed))
        model = MemoryBankModel.assemble(encoder.eval(), {1.0: MemoryBank(vectors)}, SIZE, 1024, ScoringSettings())
        card = DetectorCard(
            dataset="set",
            category="gear",
            method="patchcore",
            model=NAME,
            architecture=model.architecture,
            image_size=SIZE,
            image_threshold=conformal_threshold([0.1, 0.2, 0.5], 0.3),
            pixel_threshold=0.25,
            calibration=Calibration(scores=(0.1, 0.2, 0.5), scale=(0.0, 1.0)),
            provenance=Provenance(
                manifest_sha256="0", train_images=3, calibration_images=3, settings={}, versions={"torch": "x"}
            ),
        )
        folder = tmp_path / f"package-{seed}"
        Detector(card, model, ComputeSettings(device="cpu")).save(folder)
        return folder

    return make
