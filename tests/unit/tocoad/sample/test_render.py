from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tocoad.data.importing import check_dataset
from tocoad.sample import SampleCounts, render_sample
from tocoad.sample import render as module
from tocoad.settings.sections import SplitSettings
from tocoad.stages.stage import Progress

SIZE = 64
COUNTS = SampleCounts(train=5, test_good=2, test_defective=5)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("data") / "sample"
    render_sample(target, seed=0, size=SIZE, counts=COUNTS)
    return target


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.png")}


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_sample_is_a_sound_data_set_with_a_mask_for_every_defect(sample: Path) -> None:
    report = check_dataset(sample, "auto", SplitSettings(calibration_min=2, train_min=2))
    assert report.layout == "mvtec"
    assert report.warnings == ()
    assert [category.name for category in report.categories] == ["fabric", "gear", "plate"]
    for category in report.categories:
        assert category.train + category.calibration == COUNTS.train
        assert (category.test_good, category.test_defective, category.masks) == (2, 5, 5)
        assert len(category.defect_types) >= 4


def test_default_counts_are_those_of_the_documentation() -> None:
    assert SampleCounts() == SampleCounts(train=40, test_good=20, test_defective=20)


def test_same_seed_gives_the_same_bytes_and_another_seed_none_of_them(sample: Path, tmp_path: Path) -> None:
    render_sample(tmp_path / "again", seed=0, size=SIZE, counts=COUNTS)
    assert files(tmp_path / "again") == files(sample)
    render_sample(tmp_path / "other", seed=1, size=SIZE, counts=COUNTS)
    other = files(tmp_path / "other")
    assert other.keys() == files(sample).keys()
    assert not set(other.values()) & set(files(sample).values())


def test_more_images_change_none_of_the_earlier(sample: Path, tmp_path: Path) -> None:
    render_sample(tmp_path / "fewer", seed=0, size=SIZE, counts=SampleCounts(2, 1, 3))
    fewer, every = files(tmp_path / "fewer"), files(sample)
    assert len(fewer) < len(every)
    assert fewer.items() <= every.items()


def test_images_have_the_wanted_size_and_binary_masks(sample: Path) -> None:
    for path in sample.rglob("*.png"):
        if path.parts[-3] == "ground_truth":
            assert set(np.unique(pixels(path))) == {0, 255}
            assert pixels(path).shape == (SIZE, SIZE)
        else:
            assert pixels(path).shape == (SIZE, SIZE, 3)


def test_image_is_its_flawless_twin_outside_of_the_mask_and_differs_inside(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "visible_change", lambda flawless, _: np.zeros(flawless.shape[:2], np.bool_))
    monkeypatch.setattr(module, "_MIN_AREA", 0)
    render_sample(tmp_path / "twins", seed=0, size=SIZE, counts=COUNTS)
    for mask_path in sample.glob("*/ground_truth/*/*.png"):
        category, defect_type, name = mask_path.parts[-4], mask_path.parts[-2], mask_path.name.replace("_mask", "")
        image = pixels(sample / category / "test" / defect_type / name)
        twin = pixels(tmp_path / "twins" / category / "test" / defect_type / name)
        differs, mask = (image != twin).any(axis=2), pixels(mask_path) > 0
        assert not (differs & ~mask).any()
        assert (differs & mask).sum() > 0.8 * mask.sum()


def test_aligned_object_stays_and_the_other_turns(sample: Path) -> None:
    """The middle of the standard deviation over the images: small where an object always lies the same way."""

    def spread(category: str) -> float:
        images = np.stack([pixels(path) for path in sorted((sample / category / "train/good").glob("*.png"))])
        return float(images.mean(axis=3).std(axis=0).mean())

    assert spread("plate") < 0.6 * spread("gear")


def test_progress_counts_the_images(tmp_path: Path) -> None:
    steps: list[Progress] = []
    render_sample(tmp_path / "sample", size=32, counts=SampleCounts(1, 1, 1), progress=steps.append)
    assert [(step.step, step.total) for step in steps] == [(number, 9) for number in range(1, 10)]


def test_stopping_leaves_the_earlier_sample(sample: Path, tmp_path: Path) -> None:
    target = tmp_path / "sample"
    render_sample(target, seed=3, size=32, counts=SampleCounts(1, 1, 1))
    before = files(target)

    def stop(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_sample(target, seed=4, size=32, counts=SampleCounts(1, 1, 1), progress=stop)
    assert files(target) == before
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]
