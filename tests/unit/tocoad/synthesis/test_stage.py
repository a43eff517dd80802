from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from tests.helpers.damage import damages
from tocoad.data.manifest import ImageRecord, Manifest
from tocoad.errors import SettingsError, StageError
from tocoad.files.workspace import Category
from tocoad.settings.sections import Settings
from tocoad.stages.stage import Progress, StageContext, StageRecord
from tocoad.synthesis.stage import load_synthesis, synthesize, training_generator

TRAIN, CALIBRATION = 5, 3
Run = Callable[..., tuple[Path, StageRecord]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the stage on the given images: the first five are for training, the others held out."""

    def run(images: np.ndarray, name: str = "out", **synthesis: object) -> tuple[Path, StageRecord]:
        data, manifest, output = tmp_path / "data", tmp_path / "manifest", tmp_path / name
        for folder in (data, manifest, output):
            folder.mkdir(exist_ok=True)
        records = []
        for number, image in enumerate(images):
            Image.fromarray(image).save(data / f"{number}.png")
            records.append(
                ImageRecord(
                    path=f"{number}.png",
                    sha256=f"{number}",
                    md5=f"{number}",
                    split="train" if number < TRAIN else "calibration",
                    gt_label=0,
                    defect_type="good",
                    width=64,
                    height=64,
                )
            )
        Manifest(dataset="set", category="part", images=tuple(records)).save(manifest / "train.json")
        steps: list[Progress] = []
        context = StageContext(
            owner=Category("set", "part"),
            method="tocoad",
            settings=settings(**synthesis),
            params=("seed", "image", "synthesis"),
            data_dir=data,
            inputs={"manifest": manifest},
            output_dir=output,
            checkpoint_dir=tmp_path / "checkpoint",
            cache_dir=tmp_path / "cache",
            progress=steps.append,
        )
        record = synthesize(context)
        assert [step.step for step in steps] == list(range(1, steps[-1].total + 1))
        return output, record

    return run


def settings(**synthesis: object) -> Settings:
    return Settings.model_validate({"image": {"size": 64}, "synthesis": {"validation_count": 8, **synthesis}})


def test_the_output_of_an_object_reads_back(run: Run, render_objects: Callable[..., tuple]) -> None:
    images, masks = render_objects(TRAIN + CALIBRATION)
    folder, record = run(images)
    output = load_synthesis(folder)
    assert output.kind == "object"
    assert output.foreground.shape == (TRAIN, 64, 64)
    assert (output.foreground == masks[:TRAIN]).mean() > 0.98
    for validation_images, gt_masks in (output.validation_other, output.validation_same):
        assert validation_images.shape == (8, 64, 64, 3)
        assert validation_images.dtype == np.uint8
        assert gt_masks.dtype == np.bool_
        assert gt_masks.any(axis=(1, 2)).tolist() == [True, False] * 4
        for number, normal in zip(range(8), (5, 5, 6, 6, 7, 7, 5, 5), strict=True):
            unchanged = ~gt_masks[number]
            assert np.array_equal(validation_images[number][unchanged], images[normal][unchanged])
    assert record.metrics["foreground_area"] == pytest.approx(output.foreground.mean())
    assert record.metrics["validation_other_images"] == 4


def test_a_surface_has_foreground_everywhere_and_an_empty_file_for_it(
    run: Run, render_surfaces: Callable[..., np.ndarray]
) -> None:
    folder, record = run(render_surfaces(TRAIN + CALIBRATION))
    output = load_synthesis(folder)
    assert output.kind == "texture"
    assert output.foreground.shape == (TRAIN, 64, 64)
    assert output.foreground.all()
    assert np.load(folder / "foreground.npy").size == 0
    assert record.metrics["foreground_area"] == 1.0


def test_foreground_off_lets_anomalies_lie_anywhere_on_an_object(
    run: Run, render_objects: Callable[..., tuple]
) -> None:
    folder, _ = run(render_objects(TRAIN + CALIBRATION)[0], foreground="off")
    output = load_synthesis(folder)
    assert output.kind == "object"
    assert output.foreground.all()


def test_the_same_input_gives_the_same_bytes(run: Run, render_objects: Callable[..., tuple]) -> None:
    images, _ = render_objects(TRAIN + CALIBRATION)
    first, second = run(images, "first")[0], run(images, "second")[0]
    files = sorted(file.relative_to(first) for file in first.rglob("*") if file.is_file())
    assert len(files) == 3 + 2 * 2 * 8
    assert files == sorted(file.relative_to(second) for file in second.rglob("*") if file.is_file())
    for file in files:
        assert (first / file).read_bytes() == (second / file).read_bytes(), file


def test_the_two_validation_sets_are_of_different_generators(run: Run, render_objects: Callable[..., tuple]) -> None:
    folder, _ = run(render_objects(TRAIN + CALIBRATION)[0])
    output = load_synthesis(folder)
    assert not np.array_equal(output.validation_other[1], output.validation_same[1])
    description = json.loads((folder / "synthesis.json").read_text(encoding="utf-8"))
    assert description["train"] == {"mask": "perlin", "content": "structure", "blend": "alpha"}
    assert description["validation"] == {"mask": "nsa", "content": "other_image", "blend": "poisson"}
    assert description["images"] == [f"{i}.png" for i in range(TRAIN)]
    assert description["validation_images"] == ["5.png"] * 2 + ["6.png"] * 2 + ["7.png"] * 2 + ["5.png"] * 2


def test_the_preview_is_a_sheet_of_all_rows(run: Run, render_objects: Callable[..., tuple]) -> None:
    folder, _ = run(render_objects(TRAIN + CALIBRATION)[0])
    with Image.open(folder / "preview.png") as sheet:
        # Five training images a row; normal, foreground, synthetic and mask for either generator.
        assert sheet.width > 5 * 190
        assert sheet.height > 8 * 210


def test_the_training_generator_is_the_settings_with_the_stage_s_findings(
    run: Run, render_objects: Callable[..., tuple]
) -> None:
    images, _ = render_objects(TRAIN + CALIBRATION)
    output = load_synthesis(run(images)[0])
    generator = training_generator(settings(), images[:TRAIN], output, seed=4)
    assert generator.recipes == (settings().synthesis.train.model_copy(update={"content": "structure"}),)
    assert (generator.kind, generator.seed) == ("object", 4)
    assert generator.foreground is not None
    sample = generator.sample(0, 0, 0)
    assert sample.gt_mask.any()
    assert not (sample.gt_mask & ~output.foreground[0]).any()


def test_on_a_surface_the_training_generator_is_free(run: Run, render_surfaces: Callable[..., np.ndarray]) -> None:
    images = render_surfaces(TRAIN + CALIBRATION)
    output = load_synthesis(run(images)[0])
    assert training_generator(settings(), images[:TRAIN], output, seed=0).foreground is None


def test_textures_are_used_and_counted(run: Run, render_surfaces: Callable[..., np.ndarray], tmp_path: Path) -> None:
    textures = tmp_path / "textures"
    textures.mkdir()
    for number in range(3):
        Image.new("RGB", (64, 64), (250, 60 * number, 10)).save(textures / f"{number}.png")
    images = render_surfaces(TRAIN + CALIBRATION)
    folder, _ = run(images, texture_dir=str(textures))
    description = json.loads((folder / "synthesis.json").read_text(encoding="utf-8"))
    assert description["textures"] == 3
    assert description["train"]["content"] == "texture"
    with_textures = settings(texture_dir=str(textures))
    assert training_generator(with_textures, images[:TRAIN], load_synthesis(folder), 0).recipes[0].content == "texture"


def test_a_list_of_generators_trains_and_is_described(run: Run, render_surfaces: Callable[..., np.ndarray]) -> None:
    mixture = [{"mask": "perlin"}, {"mask": "rectangle", "content": "same_image"}]
    images = render_surfaces(TRAIN + CALIBRATION)
    folder, _ = run(images, train=mixture)
    description = json.loads((folder / "synthesis.json").read_text(encoding="utf-8"))
    assert [recipe["mask"] for recipe in description["train"]] == ["perlin", "rectangle"]
    generator = training_generator(settings(train=mixture), images[:TRAIN], load_synthesis(folder), 0)
    assert [recipe.content for recipe in generator.recipes] == ["structure", "same_image"]


@pytest.mark.parametrize(("train", "message"), [([], "a generator at least"), ([{"mask": "perlin"}] * 2, "another")])
def test_a_list_without_generators_or_with_the_validation_s_is_refused(train: list, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(train=train, validation={"mask": "perlin"})


def test_generators_that_come_to_the_same_are_refused(run: Run, render_surfaces: Callable[..., np.ndarray]) -> None:
    images = render_surfaces(TRAIN + CALIBRATION)
    with pytest.raises(SettingsError, match=r"synthesis\.validation comes to perlin \+ structure \+ alpha"):
        run(images, validation={"mask": "perlin", "content": "structure", "blend": "alpha"})


def test_without_held_out_images_the_stage_names_the_way_out(
    run: Run, render_surfaces: Callable[..., np.ndarray]
) -> None:
    with pytest.raises(StageError, match="set/part has no calibration images: change split"):
        run(render_surfaces(TRAIN))


def test_images_on_which_no_anomaly_can_be_seen_are_refused(run: Run) -> None:
    black = np.zeros((TRAIN + CALIBRATION, 64, 64, 3), dtype=np.uint8)
    with pytest.raises(StageError, match=r"set/part: nsa \+ other_image \+ poisson"):
        run(black)


def test_a_file_cut_at_any_byte_is_named_and_an_altered_one_has_no_traceback(
    run: Run, render_objects: Callable[..., tuple]
) -> None:
    folder, _ = run(render_objects(TRAIN + CALIBRATION)[0])
    names = ["synthesis.json", "foreground.npy", "validation_other/003.png", "validation_same/002_mask.png"]
    for file in (folder / name for name in names):
        whole = file.read_bytes()
        for damaged in damages(whole, places=12):
            file.write_bytes(damaged)
            try:
                load_synthesis(folder)
            except StageError as error:
                assert str(error).startswith(f"{file}: ")
                assert str(error).endswith("; run the stage synthesize again")
                assert "\n" not in str(error)
            else:
                assert len(damaged) == len(whole) or (file.suffix != ".npy" and len(damaged) + 30 > len(whole)), file
        file.write_bytes(whole)


def test_a_folder_without_the_stage_s_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="run the stage synthesize first"):
        load_synthesis(tmp_path)
