"""A category's newest images beside those that its champion was calibrated on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.mlflow.categories import listed, registered_categories
from services.mlflow.decision_log import champion_in_force
from services.mlflow.registry import CHAMPION, Registry, Version
from tocoad.data.images import read_image, resize_image
from tocoad.data.listing import list_images
from tocoad.data.problems import DataError
from tocoad.errors import SettingsError
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Category, Workspace
from tocoad.package.detector import Detector, load_detector
from tocoad.package.reference import measured, read_reference
from tocoad.settings.sections import WatchSettings
from tocoad.text.printable import encodable
from tocoad.watch.look import look
from tocoad.watch.reference import Reference
from tocoad.watch.watched import Alarm, Watched, judged, remembered


def watched_folders(
    registry: Registry, dataset: str, names: Sequence[str] | None, images: Path
) -> dict[Category, Path]:
    """Where the new images of each category lie: `images/CATEGORY`, or `images` itself for one that is named alone.

    Raises:
        SettingsError: a category is not registered, or there is no such folder for any.
    """
    chosen = registered_categories(registry, dataset, names)
    if not images.is_dir():
        raise SettingsError(f"{images}: no such folder")
    folders = {category: images / category.name for category in chosen}
    if any(folder.is_dir() for folder in folders.values()):
        return folders
    if len(chosen) == 1:
        return dict.fromkeys(folders, images)
    there = listed(category.name for category in chosen)
    raise SettingsError(f"{images}: it has a folder of none of the categories {there}")


def watch_category(
    workspace: Workspace, registry: Registry, category: Category, folder: Path, settings: WatchSettings
) -> Watched:
    """Compares the newest images in `folder` with the champion's reference; remembers what came of it.

    Raises:
        TrackingError: the registry does not answer as it should.
        StageError: the champion's package is damaged.
    """
    now, memory = datetime.now(UTC), workspace.watch_file(category)
    last = remembered(memory)  # without it an alarm may be told once more
    try:
        champion = champion_in_force(registry, f"models:/{category.model_name}@{CHAMPION}")
    except SettingsError:
        return Watched(outcome="no champion", sentence="there is no champion to compare with", time=now)
    files = _newest(folder, settings.window) if folder.is_dir() else []
    if not files:
        return Watched(
            outcome="no images", sentence=encodable(f"no image in {folder}"), time=now, version=champion.version
        )
    window = _window(champion, settings, files)
    if last is not None and last.window == window:
        return last.model_copy(update={"outcome": "nothing new", "time": now})
    found = _compared(registry, champion, files, settings, None if last is None else last.alarm)
    found = found.model_copy(update={"window": window})
    memory.parent.mkdir(parents=True, exist_ok=True)
    write_whole(memory, found.model_dump_json(indent=1).encode() + b"\n")
    return found


def _compared(
    registry: Registry, champion: Version, files: Sequence[Path], settings: WatchSettings, last: Alarm | None
) -> Watched:
    number, now = champion.version, datetime.now(UTC)
    with registry.package(champion) as package:
        detector = load_detector(package)
        reference = read_reference(package, detector)
    if reference is None:
        why = f"version {number} was packaged before references were: its next training gives it one"
        return Watched(outcome="no reference", sentence=why, time=now, version=number)
    values, read, unreadable = _measured(detector, reference, files)
    found = look(reference, values, settings.false_alarm_rate)
    outcome, alarm = judged(found, number, now, last, settings.cooldown_hours)
    threshold = detector.card.image_threshold
    return Watched(
        outcome=outcome,
        sentence=found.sentence,
        time=now,
        version=number,
        images=found.images,
        rejected=int((values[:, 0] > threshold.value).sum()),
        expected=threshold.expected_false_reject_rate,
        p=found.p,
        moved=tuple(dict.fromkeys(one.words for one in found.moved)),
        farthest=tuple(encodable(str(read[index])) for index in found.farthest),
        unreadable=tuple(encodable(str(file)) for file in unreadable),
        alarm=alarm,
    )


def _measured(
    detector: Detector, reference: Reference, files: Sequence[Path]
) -> tuple[NDArray[np.float64], list[Path], list[Path]]:
    """Values (w, M) of the images that can be read, these, and the others: a camera may be about to write one."""
    rows, read, unreadable = [reference.values[:0]], [], []
    for file in files:
        try:
            pixels = resize_image(read_image(file, detector.card.depth), detector.image_size)
        except DataError:
            unreadable.append(file)
            continue
        rows.append(measured(detector, reference, pixels[None]))
        read.append(file)
    return np.concatenate(rows), read, unreadable


def _newest(folder: Path, count: int) -> list[Path]:
    """By the time at which they were written, the newest last; of one time by name."""
    dated = []
    for file in list_images(folder).images:
        with suppress(OSError):  # it was taken away meanwhile
            dated.append((file.stat().st_mtime_ns, file))
    return [file for _, file in sorted(dated)[-count:]]


def _window(champion: Version, settings: WatchSettings, files: Sequence[Path]) -> str:
    """Names what is compared with what, without a look into the images."""
    lines = [champion.uri, settings.false_alarm_rate]
    for file in files:
        with suppress(OSError):
            stat = file.stat()
            lines.append(f"{file} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256(repr(lines).encode()).hexdigest()
