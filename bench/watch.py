"""How many changed images until the watch raises an alarm, and how often does it raise one for nothing?

On real images of bottles: TOCOAD_WATCH_IMAGES=FOLDER names that of MVTec AD, with `bottle` and `transistor`. A part of
the good images is put aside as the line's; on the others a detector is fitted as `tocoad retrain` fits it. Then the
same with other parts.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.timing import Row
from tocoad.data.images import load_images
from tocoad.data.listing import list_images
from tocoad.files.workspace import Category, Workspace
from tocoad.package.detector import load_detector
from tocoad.package.reference import measured, read_reference
from tocoad.settings.file import load_params, override, save_plan
from tocoad.settings.plan import Plan
from tocoad.settings.sections import WatchSettings
from tocoad.stages.graph import detector_dir
from tocoad.stages.running import run_stage
from tocoad.watch.look import look
from tocoad.watch.reference import Reference

ROUNDS, LINE, CHANGED = 4, 70, 35
"""Of the line's images half are unchanged in each stream, and as many changed ones follow."""
STREAMS, WINDOWS, SIMULATED = 10, 100, 4000
WINDOW, RATE = WatchSettings().window, WatchSettings().false_alarm_rate
DEFECTIVE = 2
NEVER = float(CHANGED + 1)

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]


def _darker(share: float) -> Callable[[Pixels], Pixels]:
    return lambda image: np.round(image * (1 - share)).astype(np.uint8)


def _blurred(sigma: float) -> Callable[[Pixels], Pixels]:
    return lambda image: cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8)


def _shifted(pixels: int) -> Callable[[Pixels], Pixels]:
    move = np.array([[1.0, 0.0, pixels], [0.0, 1.0, 0.0]])
    return lambda image: cv2.warpAffine(image, move, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE).astype(
        np.uint8
    )


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    **{f"darker by {share:.0%}": _darker(share) for share in (0.02, 0.2)},
    **{f"blurred, sigma {sigma} px": _blurred(sigma) for sigma in (0.5, 1.0)},
    **{f"shifted by {pixels} px": _shifted(pixels) for pixels in (2, 8)},
}
OTHER = "transistor"


@dataclass(frozen=True)
class Round:
    """A reference, and values (N, M) of the line's images: as they are, changed, and with defects."""

    reference: Reference
    unchanged: Values
    changed: dict[str, Values]
    defective: Values


def run() -> list[Row]:
    source = os.environ.get("TOCOAD_WATCH_IMAGES")
    if source is None:
        return []
    rows = list(_simulated())
    rounds = [_round(Path(source), number) for number in range(ROUNDS)]
    rows += list(_false_alarms(rounds))
    for change in (*CHANGES, OTHER):
        delays = [delay for number, one in enumerate(rounds) for delay in _delays(one, change, number)]
        rows += [
            Row(f"{change}: images until the alarm, median", statistics.median(delays), "images"),
            Row(f"{change}: in 9 of 10 streams", float(np.quantile(delays, 0.9, method="higher")), "images"),
            Row(f"{change}: no alarm within {CHANGED}", sum(d == NEVER for d in delays) / len(delays), "share"),
        ]
    from bench.watch_page import write_page

    write_page(rows)
    return rows


def _round(source: Path, seed: int) -> Round:
    rng = np.random.default_rng(seed)
    bottle = source / "bottle"
    good = [*list_images(bottle / "train" / "good").images, *list_images(bottle / "test" / "good").images]
    order = rng.permutation(len(good))
    line, rest = [good[index] for index in order[:LINE]], [good[index] for index in order[LINE:]]
    bad = [file for file in list_images(bottle / "test").images if file.parent.name != "good"][::3]
    others = list_images(source / OTHER / "train" / "good").images[:CHANGED]
    with tempfile.TemporaryDirectory(prefix="tocoad-bench-") as scratch:
        workspace, category = Workspace(Path(scratch)), Category("line", "bottle")
        shutil.copy(Path(__file__).parents[1] / "params.yaml", scratch)
        folder = workspace.data_dir(category) / "train" / "good"
        folder.mkdir(parents=True)
        for number, file in enumerate(rest):
            shutil.copy(file, folder / f"{number:03d}{file.suffix}")
        save_plan(workspace, Plan())
        override(workspace, {}, profile="default")
        settings = load_params(workspace).settings
        # As many for the threshold as of the whole category.
        split = settings.split.model_copy(update={"calibration_fraction": 0.2})
        settings = settings.model_copy(update={"split": split})
        for stage in ("manifest", "fit"):
            run_stage(workspace, category, "patchcore", stage, settings)
        package = detector_dir(workspace, category, "patchcore")
        detector = load_detector(package)
        reference = read_reference(package, detector)
    assert reference is not None

    def values(files: list[Path], change: Callable[[Pixels], Pixels] = lambda image: image) -> Values:
        images = load_images(files, detector.image_size, detector.card.depth)
        return measured(detector, reference, np.stack([change(image) for image in images]))

    late = line[-CHANGED:]
    changed = {name: values(late, change) for name, change in CHANGES.items()}
    return Round(reference, values(line), {**changed, OTHER: values(list(others))}, values(bad))


def _delays(one: Round, change: str, seed: int) -> Iterator[float]:
    """In each stream, how many changed images there were when a look after each of them raised an alarm."""
    rng = np.random.default_rng(seed)
    for _ in range(STREAMS):
        before = one.unchanged[rng.permutation(LINE - CHANGED)[:WINDOW]]
        stream = np.concatenate([before, one.changed[change][rng.permutation(CHANGED)]])
        looks = (look(one.reference, stream[seen : seen + WINDOW], RATE) for seen in range(1, CHANGED + 1))
        yield next((float(seen) for seen, found in enumerate(looks, start=1) if found.is_alarm), NEVER)


def _false_alarms(rounds: list[Round]) -> Iterator[Row]:
    for defective in (0, DEFECTIVE):
        for number, one in enumerate(rounds):
            rng = np.random.default_rng(number)
            alarms = 0
            for _ in range(WINDOWS):
                good = one.unchanged[rng.permutation(LINE)[: WINDOW - defective]]
                bad = one.defective[rng.permutation(len(one.defective))[:defective]]
                alarms += look(one.reference, np.concatenate([good, bad]), RATE).is_alarm
            what = f"unchanged, {defective} of {WINDOW} defective, part {number + 1}: windows with an alarm"
            yield Row(what, alarms / WINDOWS, "share", alarms / WINDOWS / RATE)


def _simulated() -> Iterator[Row]:
    """With a reference of its own for each window: what the rate is about."""
    from tocoad.watch.two_samples import compare

    for images in (8, 32, 128):
        rng = np.random.default_rng(images)
        mix = rng.standard_normal((9, 9))
        alarms = 0
        for _ in range(SIMULATED):
            drawn = rng.standard_t(3, (images + WINDOW, 9)) @ mix
            alarms += compare(drawn[:images], drawn[images:]).p <= RATE
        what = f"simulated, {images} calibration images: windows with an alarm"
        yield Row(what, alarms / SIMULATED, "share", alarms / SIMULATED / RATE)
