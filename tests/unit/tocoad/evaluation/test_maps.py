from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from tocoad.evaluation.evaluate import evaluate_detector
from tocoad.evaluation.maps import save_maps
from tocoad.settings.sections import Settings


def test_maps_lie_by_type_and_stem_raw_and_at_the_images_size(category: Any, detector: Any, tmp_path: Path) -> None:
    evaluation = evaluate_detector(detector, category.manifest(), category.data_dir, Settings())
    files = save_maps(evaluation.images, tmp_path / "out")
    assert files[4] == tmp_path / "out/maps/test/scratch/001.tiff"
    assert len(list((tmp_path / "out").rglob("*.*"))) == 6
    for file, image in zip(files, evaluation.images, strict=True):
        stored = tifffile.imread(file)
        assert stored.dtype == np.float32
        np.testing.assert_array_equal(stored, image.anomaly_map)


def test_images_of_the_same_stem_do_not_overwrite_each_other(images: Any, detector: Any, tmp_path: Path) -> None:
    images.add("stain/1", 100)
    images.add("stain/1", 200, suffix=".bmp")
    evaluation = evaluate_detector(detector, images.manifest(), images.data_dir, Settings())
    first, second = save_maps(evaluation.images, tmp_path)
    assert (first.name, second.name) == ("1.tiff", "1-2.tiff")
    assert tifffile.imread(first).max() != tifffile.imread(second).max()
