"""What people said of production images, taken into a data set and kept with it: `feedback/NAME/`, under DVC."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.datasets import change_dataset
from services.dvc import data
from services.people import user_name
from tocoad.data.changes import Changes
from tocoad.data.layouts.source import Source, SourceImage
from tocoad.errors import UserError
from tocoad.feedback.checking import Checked, Known, check_verdicts
from tocoad.feedback.present import present_images
from tocoad.feedback.problems import FeedbackError
from tocoad.feedback.record import (
    INTAKE_FILE,
    Intake,
    feedback_dir,
    feedback_owner,
    intake_dir,
    last_words,
    read_intake,
    read_intakes,
    write_intake,
)
from tocoad.feedback.verdicts import read_verdicts
from tocoad.files.fingerprint import file_digest
from tocoad.files.lease import FOREVER, lease
from tocoad.files.links import refuse_links
from tocoad.files.replacing import replacing
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.planning import select_categories
from tocoad.stages.stage import ProgressCallback, silent


@dataclass(frozen=True)
class Taken:
    """`intake` is None where every verdict was taken before; of those there were `known`."""

    intake: Intake | None
    known: int


@dataclass(frozen=True)
class Undone:
    """The intake that is no more, and the paths in the data set that it had brought there and that are gone. `whole`:
    the data set is at the version from before it.
    """

    intake: Intake
    removed: tuple[str, ...]
    after: str | None
    whole: bool


def take_feedback(
    workspace: Workspace,
    category: Category,
    file: Path,
    progress: ProgressCallback = silent,
    wait: float = FOREVER,
) -> Taken:
    """False rejects join the training images, missed defects the test images; what is unclear is kept in the record.

    Raises:
        FeedbackError: nothing was written; every line that is wrong is told.
        DataError: the same; the data set would not be valid.
        LeaseTakenError: the same; another run works on the data set.
    """
    select_categories(workspace, category.dataset, [category.name])
    what = f"tocoad feedback {category.dataset} {category.name}"
    folder = feedback_dir(workspace, category.dataset)
    refuse_links(workspace, [folder])
    with lease(workspace, [feedback_owner(category.dataset)], what, wait):
        rows, problems = read_verdicts(file)
        _end_undo(workspace, folder)
        intakes = read_intakes(folder)
        checked: list[Checked] = []

        def plan(present: Source) -> Changes:
            images = present_images(_images(present, category.name), memory_file(workspace, category), progress)
            known = Known(images, last_words(intakes, category.name))
            found, more = check_verdicts(rows, known, progress)
            if problems or more:
                raise FeedbackError(file, [*problems, *more])
            checked[:] = found
            joining = (one.files.items() for one in found if one.statement.verdict != "unclear")
            return Changes(add={f"{category.name}/{path}": source for files in joining for path, source in files})

        changed = change_dataset(workspace, category.dataset, plan, what, progress, wait)
        if not checked:
            if intakes:
                data.track_folder(workspace, folder)  # a run before may have been broken off
            return Taken(None, len(rows))
        # One that was broken off may have brought all images in.
        after = changed.after if changed.changes else data.track_dataset(workspace, category.dataset)
        number = max((intake.number for intake in intakes), default=0) + 1
        intake = Intake(
            number=number,
            category=category.name,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            by=user_name(),
            host=platform.node(),
            file=file.name,
            before=changed.before,
            after=after,
            statements=tuple(one.statement for one in checked),
        )
        with replacing(intake_dir(folder, number)) as target:
            _hold(checked, target)
            write_intake(target, intake)
        data.track_folder(workspace, folder)
    return Taken(intake, len(rows) - len(checked))


def undo_feedback(
    workspace: Workspace, dataset: str, progress: ProgressCallback = silent, wait: float = FOREVER
) -> Undone:
    """Takes the last intake back: out of the data set goes what it brought there, and nothing that came by other ways.

    An undo that was broken off is completed, and takes no other intake back.

    Raises:
        UserError: there is none.
        DataError: nothing was changed; without these images the data set would not be valid.
    """
    what, folder = f"tocoad feedback {dataset} --undo", feedback_dir(workspace, dataset)
    select_categories(workspace, dataset, None)
    with lease(workspace, [feedback_owner(dataset)], what, wait):
        broken_off, intakes = _end_undo(workspace, folder), read_intakes(folder)
        if broken_off is not None and broken_off not in intakes:  # a restore may have brought it back since
            after = data.data_version(workspace, dataset)
            return Undone(broken_off, (), after, after == broken_off.before)
        if not intakes:
            raise UserError(f"data set {dataset!r} has no feedback to undo")
        last = intakes[-1]
        changed = change_dataset(workspace, dataset, lambda present: _takes_back(last, present), what, progress, wait)
        # From here on it is no intake.
        intake_dir(folder, last.number).rename(_undone(folder))
        _end_undo(workspace, folder)
    return Undone(last, tuple(sorted(changed.changes.remove)), changed.after, changed.after == last.before)


def _undone(folder: Path) -> Path:
    """Where an intake lies that is no more, until DVC knows so."""
    return folder.with_name(f".{folder.name}.undone")


def _end_undo(workspace: Workspace, folder: Path) -> Intake | None:
    """What is left to do of an undo, which may have been killed: then the same command must not take a second intake
    back. Returns the one that is no more, if there was any.
    """
    undone = _undone(folder)
    if not (undone / INTAKE_FILE).exists():
        shutil.rmtree(undone, ignore_errors=True)
        return None
    intake = read_intake(undone)
    data.track_folder(workspace, folder)
    shutil.rmtree(undone)
    return intake


def intakes_of(workspace: Workspace, dataset: str) -> list[Intake]:
    """In their order."""
    select_categories(workspace, dataset, None)
    return read_intakes(feedback_dir(workspace, dataset))


def memory_file(workspace: Workspace, category: Category) -> Path:
    """Where the digests of a category's images are kept."""
    return workspace.services_dir / "checked" / f"{category.model_name}.pixels"


def _images(present: Source, category: str) -> Sequence[SourceImage]:
    return next((found.images for found in present.categories if found.name == category), ())


def _hold(checked: Sequence[Checked], folder: Path) -> None:
    for one in checked:
        if one.statement.verdict == "unclear":
            for path, source in one.files.items():
                (folder / path).parent.mkdir(exist_ok=True)
                shutil.copyfile(source, folder / path)


def _takes_back(intake: Intake, present: Source) -> Changes:
    """What it brought and is still there; not what another content has taken the place of."""
    images = {image.path: image for image in _images(present, intake.category)}
    gone = []
    for statement in intake.statements:
        image = images.get(statement.path)
        if image is None or not statement.added or file_digest(image.file) != statement.sha256:
            continue
        if statement.path in statement.added:
            gone.append(f"{intake.category}/{statement.path}")
        elif image.mask is not None and file_digest(image.mask) == statement.mask_sha256:
            gone.append(f"{intake.category}/{image.mask_path}")
    return Changes(remove=gone)
