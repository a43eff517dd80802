"""What an import or a check tells its caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tocoad.data.layouts.detect import Layout
from tocoad.data.manifest import GOOD
from tocoad.data.problems import Problem
from tocoad.data.validation import CheckedCategory


@dataclass(frozen=True)
class CategoryInventory:
    """Numbers of images; `defect_types` gives the defective test images of each type."""

    name: str
    train: int
    calibration: int
    test_good: int
    test_defective: int
    masks: int
    defect_types: Mapping[str, int]


@dataclass(frozen=True)
class Inventory:
    """`layout` is the one found. Warnings name what was left out or looks odd, and stopped nothing."""

    layout: Layout
    categories: tuple[CategoryInventory, ...]
    warnings: tuple[Problem, ...]


def take_inventory(category: CheckedCategory) -> CategoryInventory:
    train = [image for image in category.images if image.source.part == "train"]
    test = [image for image in category.images if image.source.part == "test"]
    types = Counter(image.source.defect_type for image in test if image.source.defect_type != GOOD)
    calibration = sum(image.sha256 in category.calibration for image in train)
    return CategoryInventory(
        name=category.name,
        train=len(train) - calibration,
        calibration=calibration,
        test_good=len(test) - types.total(),
        test_defective=types.total(),
        masks=sum(image.mask_sha256 is not None for image in test),
        defect_types=dict(sorted(types.items())),
    )
