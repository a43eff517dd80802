"""The stage `manifest`: checks the images of a category and writes down which of them serves what.

train.json  train and calibration, and how their 16-bit files are read; the same bytes whether or not test images lie
            there
test.json   the test images, their labels and masks
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from tocoad.data.depth import FULL_DEPTH
from tocoad.data.inventory import take_inventory
from tocoad.data.layouts.group_file import attach_groups
from tocoad.data.layouts.source import Source
from tocoad.data.layouts.tree import read_tree
from tocoad.data.manifest import GOOD, TEST_FILE, TRAIN_FILE, ImageRecord, Manifest, Split
from tocoad.data.validation import CheckedCategory, CheckedImage, validate
from tocoad.stages.stage import StageContext, StageRecord


def manifest(context: StageContext) -> StageRecord:
    """Raises DataError with every problem found. The metrics are the numbers of images of each part."""
    # DVC may put links to its cache in place of the files: no root, so that links are followed.
    source = Source()
    read_tree(source, context.data_dir, context.category.name)
    attach_groups(source)
    settings = context.settings
    (checked,) = validate(source, settings.split, settings.compute.threads, context.progress)
    records = [_record(checked, image, context.data_dir) for image in checked.images]
    owner = context.category
    for file, parts, depth in (
        (TRAIN_FILE, ("train", "calibration"), checked.depth),
        (TEST_FILE, ("test",), FULL_DEPTH),
    ):
        images = tuple(record for record in records if record.split in parts)
        written = Manifest(dataset=owner.dataset, category=owner.name, depth=depth, images=images)
        written.save(context.output_dir / file)
    counts = asdict(take_inventory(checked))
    return StageRecord({name: count for name, count in counts.items() if isinstance(count, int)})


def _record(category: CheckedCategory, image: CheckedImage, data_dir: Path) -> ImageRecord:
    source = image.source
    split: Split = "calibration" if source.part == "train" and image.sha256 in category.calibration else source.part
    return ImageRecord(
        path=source.path,
        sha256=image.sha256,
        md5=image.md5,
        split=split,
        gt_label=0 if source.defect_type == GOOD else 1,
        defect_type=source.defect_type,
        # The mask's name as it lies there: in a tree that was put there by hand it may bear the image's plain name.
        mask_path=source.mask.relative_to(data_dir).as_posix() if source.mask else None,
        mask_sha256=image.mask_sha256,
        width=image.width,
        height=image.height,
        group=image.group,
    )
