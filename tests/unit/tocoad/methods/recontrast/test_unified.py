"""One model of two categories: the same networks in both packages, trained on neither's calibration or test images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import BAR, DISC, SIZE, draw_toys

from tocoad.data import images as reading
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.errors import StageError
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.methods.recontrast import unified
from tocoad.methods.recontrast.settings import TrainSettings
from tocoad.package.detector import load_detector
from tocoad.settings.sections import EncoderSettings, ImageSettings, Settings, SplitSettings
from tocoad.stages.graph import METHODS, detector_dir, manifest_dir, output_dir
from tocoad.stages.running import run_stage
from tocoad.stages.stage import Progress, StageContext

METHOD = METHODS["recontrast_unified"]
TRAIN = (("list_unified", "toys"), ("train_unified", "toys"))
SETTINGS = Settings(
    image=ImageSettings(size=SIZE),
    split=SplitSettings(train_min=2, calibration_min=4),
    encoder=EncoderSettings(name="resnet18", weights="none"),
    unified=TrainSettings(iterations=4, batch_size=3, decoder_blocks=(1, 1, 1)),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return draw_toys(tmp_path)


def run(workspace: Workspace, *stages: tuple[str, Owner], settings: Settings = SETTINGS) -> None:
    for name, owner in stages:
        run_stage(workspace, owner, "recontrast_unified", name, settings)


def manifests(workspace: Workspace) -> dict[str, Manifest]:
    run(workspace, ("manifest", DISC), ("manifest", BAR))
    return {c.name: Manifest.load(manifest_dir(workspace, c) / TRAIN_FILE) for c in (DISC, BAR)}


def trained_dir(workspace: Workspace) -> Path:
    return output_dir(workspace, "toys", "recontrast_unified", METHOD.stage("train_unified"))


def test_both_packages_have_the_same_networks_and_thresholds_of_their_own(workspace: Workspace) -> None:
    expected = manifests(workspace)
    run(workspace, *TRAIN, ("fit", DISC), ("fit", BAR))
    folders = {category.name: detector_dir(workspace, category, "recontrast_unified") for category in (DISC, BAR)}
    weights = {name: (folder / "model.safetensors").read_bytes() for name, folder in folders.items()}
    assert weights["disc"] == weights["bar"]
    cards = {name: load_detector(folder).card for name, folder in folders.items()}
    assert cards["disc"].image_threshold != cards["bar"].image_threshold
    assert cards["disc"].pixel_threshold != cards["bar"].pixel_threshold
    for name, card in cards.items():
        assert (card.method, card.category, card.serves) == ("recontrast_unified", name, ("bar", "disc"))
        assert card.provenance.settings["unified"]["iterations"] == 4
        assert "train" not in card.provenance.settings
        assert len(card.calibration.scores) == len(expected[name].split("calibration"))


def test_training_decodes_the_training_images_of_both_categories_alone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    decode = reading.decode

    def watched(path: Path, data: bytes | None = None) -> Any:
        opened.append(path)
        return decode(path, data)

    expected = {
        workspace.data_dir(Category("toys", name)) / image.path
        for name, manifest in manifests(workspace).items()
        for image in manifest.split("train")
    }
    monkeypatch.setattr(reading, "decode", watched)
    for file in workspace.dataset_dir("toys").glob("*/test/good/*"):
        file.write_bytes(b"no image")
    run(workspace, *TRAIN)
    assert sorted(opened) == sorted(expected)
    # The listed images are what the loader drew its batches from.
    listed = json.loads((trained_dir(workspace) / "images.json").read_text())["categories"]
    assert {workspace.dataset_dir("toys") / image["path"] for part in listed.values() for image in part} == expected


def test_it_trains_by_its_own_section_over_all_images(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Settings, int]] = []

    def watched(context: StageContext, images: np.ndarray[Any, Any], digest: str) -> Any:
        seen.append((context.settings, len(images)))
        return original(context, images, digest)

    original = unified.train_on
    monkeypatch.setattr(unified, "train_on", watched)
    count = sum(len(manifest.split("train")) for manifest in manifests(workspace).values())
    paper = SETTINGS.unified.model_copy(update={"encoder_batch_norm": "paper"})
    settings = SETTINGS.model_copy(update={"unified": paper})
    steps: list[Progress] = []
    run(workspace, TRAIN[0])
    run_stage(workspace, "toys", "recontrast_unified", "train_unified", settings, steps.append)
    ((used, images),) = seen
    assert images == count
    assert len(steps) == 4
    # The paper keeps the encoder in eval mode for one model of all, whatever the data set's name.
    assert used.train == paper.model_copy(update={"encoder_batch_norm": "eval"})


def test_the_published_values_are_the_defaults() -> None:
    section = Settings().unified
    assert (section.iterations, section.batch_size, section.lr, section.encoder_lr) == (5000, 16, 2e-3, 1e-5)
    assert (section.activation, section.amsgrad, section.adam_eps) == ("gelu", True, 1e-10)
    assert (section.drop_at, section.drop_to, section.encoder_batch_norm) == (0.8, 0.2, "eval")


def test_networks_of_another_split_are_refused(workspace: Workspace) -> None:
    manifests(workspace)
    run(workspace, *TRAIN)
    other = SETTINGS.model_copy(update={"split": SplitSettings(train_min=2, calibration_min=6)})
    run(workspace, ("manifest", DISC), settings=other)
    with pytest.raises(StageError, match="toys/disc: its images or split changed after train_unified"):
        run(workspace, ("fit", DISC), settings=other)
    run(workspace, ("fit", BAR))


def test_a_category_that_came_later_is_refused_until_the_model_is_trained_again(workspace: Workspace) -> None:
    run(workspace, *TRAIN)
    cross = Category("toys", "cross")
    workspace.data_dir(BAR).rename(workspace.data_dir(cross))
    run(workspace, ("manifest", cross))
    with pytest.raises(StageError, match="toys/cross: its images or split changed"):
        run(workspace, ("fit", cross))


def test_another_test_image_leaves_the_list_and_another_training_image_is_refused(workspace: Workspace) -> None:
    run(workspace, *TRAIN)
    listed = output_dir(workspace, "toys", "recontrast_unified", METHOD.stage("list_unified")) / "images.json"
    before = listed.read_bytes()
    test, train = (workspace.data_dir(DISC) / part for part in ("test/good/020.png", "train/good"))
    test.write_bytes((workspace.data_dir(BAR) / "test/good/020.png").read_bytes())
    run(workspace, TRAIN[0])
    assert listed.read_bytes() == before
    assert (trained_dir(workspace) / "images.json").read_bytes() == before
    part = json.loads(before)["categories"]["disc"]
    file = train.parent.parent.parent / part[0]["path"]
    file.write_bytes(test.read_bytes())
    with pytest.raises(StageError, match=rf"{file.name}: changed since list_unified: run that stage again"):
        run(workspace, TRAIN[1])
