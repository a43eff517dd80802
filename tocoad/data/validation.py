"""Every image and mask of a source is decoded, hashed and compared; all problems are collected, not only the first."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tocoad.data.decoding import DeepImage, decode
from tocoad.data.depth import Depth, Reach, common_depth, depth_note
from tocoad.data.groups import GROUPS_FILE, content_groups, group_of
from tocoad.data.images import is_lossy, mask_pixels
from tocoad.data.layouts.source import Source, SourceCategory, SourceImage
from tocoad.data.listing import first_names
from tocoad.data.manifest import GOOD
from tocoad.data.mask_shares import MaskShare, judge_masks
from tocoad.data.naming import LONGEST_NAME, name_bytes
from tocoad.data.problems import DataError, Problem
from tocoad.data.split import TooFewError, calibration_digests
from tocoad.data.stamps import Stamp, stamp
from tocoad.data.threads import in_batches, thread_pool
from tocoad.settings.sections import SplitSettings
from tocoad.stages.stage import Progress, ProgressCallback, silent

_WHERE_GROUPS = f"its group ({GROUPS_FILE} of the category, or split.group_pattern)"
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An image that can be used. Width and height are those of the upright image; `reach` is that of a deep one.

    `mask_notes` is what looks odd about its mask; `stamps` are those that the file, and the mask, had when it was read.
    """

    source: SourceImage
    sha256: str
    md5: str
    width: int
    height: int
    mask_sha256: str | None
    reach: Reach | None = None
    mask_share: MaskShare | None = None
    mask_notes: tuple[str, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    group: str | None = None


@dataclass(frozen=True)
class CheckedCategory:
    """Images in order of their path; `calibration` holds the digests of the training images kept for the threshold,
    and `depth` is how 16-bit files are read, by the other training images alone.
    """

    name: str
    images: tuple[CheckedImage, ...]
    calibration: frozenset[str]
    depth: Depth


@dataclass
class _Findings:
    """Of one image; threads fill one each."""

    image: CheckedImage | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class _Mask:
    """None and nothing of an image without one."""

    sha256: str | None = None
    share: MaskShare | None = None
    notes: tuple[str, ...] = ()


def validate(
    source: Source,
    split: SplitSettings,
    threads: int = 1,
    progress: ProgressCallback = silent,
    recall: Callable[[SourceImage], CheckedImage | None] = lambda _: None,
) -> tuple[CheckedCategory, ...]:
    """Adds what it finds to the source's warnings; raises DataError with the source's problems and its own.

    Images of which `recall` knows what was found are not read.
    """
    total, done = sum(len(category.images) for category in source.categories), 0
    checked = []
    with thread_pool(threads) as pool:
        for category in source.categories:
            images = [recall(image) or image for image in category.images]
            unknown = [image for image in images if isinstance(image, SourceImage)]
            findings = in_batches(pool, _check_image, unknown)
            found = []
            for image in images:
                finding = next(findings) if isinstance(image, SourceImage) else _Findings(image)
                source.problems += finding.problems
                if finding.image is not None:
                    found.append(finding.image)
                done += 1
                progress(Progress(done, total))
            checked.append(_check_category(source, category, found, split))
    if source.problems:
        raise DataError(source.problems)
    return tuple(checked)


def _check_image(source: SourceImage) -> _Findings:
    findings = _Findings()
    if (size := name_bytes(source.file_name)) > LONGEST_NAME:
        reason = (
            f"its name has {size} bytes, and {LONGEST_NAME} are the most that results can be named after; rename it"
        )
        findings.problems.append(Problem(source.file, reason))
    try:
        # A name that is no UTF-8 cannot be written to the manifest.
        source.path.encode()
        stamps = tuple(stamp(file) for file in (source.file, source.mask) if file is not None)
        data = source.file.read_bytes()
        image = decode(source.file, data)
        mask = _check_mask(source.mask, image.size, findings) if source.mask else _Mask()
    except DataError as error:
        findings.problems += error.problems
    except UnicodeEncodeError:
        findings.problems.append(Problem(source.file, "the file's name is not valid UTF-8; rename it"))
    except OSError as error:
        findings.problems.append(Problem(Path(error.filename or source.file), f"cannot be read ({error.strerror})"))
    else:
        # DVC names its content by md5; no security hangs on it.
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        sha256 = hashlib.sha256(data).hexdigest()
        reach = Reach.of(image) if isinstance(image, DeepImage) else None
        findings.image = CheckedImage(
            source, sha256, md5, *image.size, mask.sha256, reach, mask.share, mask.notes, stamps
        )
    return findings


def _check_mask(file: Path, size: tuple[int, int], findings: _Findings) -> _Mask:
    data = file.read_bytes()
    mask = decode(file, data)
    pixels = mask_pixels(mask)
    notes = []
    if mask.size != size:
        (width, height), (mask_width, mask_height) = size, mask.size
        reason = f"the mask has {mask_width}x{mask_height} pixels, its image {width}x{height}; draw it anew"
        findings.problems.append(Problem(file, reason))
    elif not pixels.any():
        notes.append("the mask of a defective image marks nothing")
    if is_lossy(mask):
        notes.append("a JPEG mask has inexact edges; png keeps them")
    return _Mask(hashlib.sha256(data).hexdigest(), MaskShare.of(file, pixels), tuple(notes))


def _check_category(
    source: Source, category: SourceCategory, images: Sequence[CheckedImage], split: SplitSettings
) -> CheckedCategory:
    images = _grouped(category, images, split)
    _check_names(source, category)
    _check_duplicates(source, images)
    _check_groups(source, images)
    _check_masks(source, category)
    problems, warnings = judge_masks(
        (image.source.defect_type, image.mask_share) for image in images if image.mask_share
    )
    source.problems += problems
    source.warnings += warnings
    source.warnings += [
        Problem(image.source.mask, note) for image in images if image.source.mask for note in image.mask_notes
    ]
    train = [image for image in category.images if image.part == "train"]
    digests = [image.sha256 for image in images if image.source.part == "train"]
    calibration: frozenset[str] = frozenset()
    if not train:
        source.refuse(category.folder, f"empty category: no good training images of {category.name}")
    else:
        try:
            groups = content_groups((image.sha256, image.group) for image in images)
            calibration = calibration_digests(digests, split, groups)
        except TooFewError as error:
            source.refuse(train[0].file.parent, f"too few images of {category.name}: {error}")
    trained = [image for image in images if image.source.part == "train" and image.sha256 not in calibration]
    depth = common_depth(image.reach for image in trained if image.reach)
    note = depth_note(depth, _reaches(trained), _reaches(images))
    if note:
        source.warn(category.folder, note)
    in_order = tuple(sorted(images, key=lambda image: image.source.path))
    return CheckedCategory(category.name, in_order, calibration, depth)


def _grouped(category: SourceCategory, images: Sequence[CheckedImage], split: SplitSettings) -> Sequence[CheckedImage]:
    if not (category.groups or split.group_pattern):
        return images
    found = (group_of(image.source.path, category.groups, split.group_pattern) for image in images)
    return [replace(image, group=group) for image, group in zip(images, found, strict=True)]


def _reaches(images: Iterable[CheckedImage]) -> list[tuple[str, Reach]]:
    return [(image.source.path, image.reach) for image in images if image.reach]


def _check_names(source: Source, category: SourceCategory) -> None:
    """No two images may take the same place, nor two test images the same mask, which is named after the stem."""
    for same in _groups(category.images, lambda image: image.path):
        source.refuse(same[0].file, f"listed {len(same)} times as {same[0].path}")
    test = {image.path: image for image in category.images if image.part == "test"}
    for same in _groups(test.values(), lambda image: (image.defect_type, image.stem)):
        for image in same[1:]:
            source.refuse(image.file, f"differs from {same[0].file_name} by its suffix alone; rename one of them")


def _check_duplicates(source: Source, images: Sequence[CheckedImage]) -> None:
    for same in _groups(images, lambda image: image.sha256):
        first = same[0].source
        for image in (other.source for other in same[1:]):
            if image.part != first.part:
                source.refuse(image.file, f"duplicate between train and test: the same content as {first.file}")
            elif GOOD in (image.defect_type, first.defect_type) and image.defect_type != first.defect_type:
                source.refuse(image.file, f"both good and defective: the same content as {first.file}")
            else:
                source.warn(image.file, f"duplicate: the same content as {first.file}")


def _check_groups(source: Source, images: Sequence[CheckedImage]) -> None:
    """A part that is trained on is not tested on, and a picture is one part's."""
    first: dict[str, CheckedImage] = {}
    told = set()
    for image in images:
        other = first.setdefault(image.group, image) if image.group is not None else image
        if other.source.part != image.source.part and image.group not in told:
            told.add(image.group)
            reason = f"group {image.group!r} would be parted between train and test: {other.source.file} is of it too"
            source.refuse(image.source.file, f"{reason}; take one of them out, or mend {_WHERE_GROUPS}")
    for same in _groups((image for image in images if image.group is not None), lambda image: image.sha256):
        for image in same[1:]:
            if image.group != same[0].group:
                reason = f"of group {image.group!r}, but the same content as {same[0].source.file} of {same[0].group!r}"
                source.refuse(image.source.file, f"{reason}; mend {_WHERE_GROUPS}")


def _check_masks(source: Source, category: SourceCategory) -> None:
    defective = [image for image in category.images if image.defect_type != GOOD]
    bare = [image for image in defective if image.mask is None]
    if bare and len(bare) < len(defective):
        names = first_names(image.path for image in bare)
        source.warn(category.folder, f"{len(bare)} of {len(defective)} defective images have no mask: {names}")


def _groups(items: Iterable[_Item], key: Callable[[_Item], Hashable]) -> list[list[_Item]]:
    """The groups of two and more that share a key, each in the order of the items."""
    groups: defaultdict[Hashable, list[_Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return [group for group in groups.values() if len(group) > 1]
