"""The review page: production images, or those that are held, with what the champion says of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.feedback import memory_file
from services.mlflow.models import detector_folder
from tocoad.data.depth import FULL_DEPTH, Depth
from tocoad.data.layouts.source import Source
from tocoad.data.layouts.tree import read_tree
from tocoad.data.listing import first_names, list_images
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.data.problems import Problem
from tocoad.errors import SettingsError, StageError
from tocoad.feedback.checking import Known
from tocoad.feedback.page import Champion, review_page
from tocoad.feedback.present import present_images
from tocoad.feedback.record import feedback_dir, intake_dir, last_words, read_intakes
from tocoad.feedback.reviewing import Looked, draw, look_through
from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Category, Workspace
from tocoad.package.detector import Detector, load_detector
from tocoad.report.text import counted
from tocoad.settings.planning import select_categories
from tocoad.stages.graph import manifest_dir
from tocoad.stages.stage import ProgressCallback, silent

MOST = 200
"""Images of a page, where nobody asks for more: a sitting."""


@dataclass(frozen=True)
class Review:
    """A page that was written. `left_out` are sentences on what it does not show, `problems` images that nobody can
    look at.
    """

    category: Category
    page: Path
    images: int
    left_out: tuple[str, ...]
    problems: tuple[Problem, ...]

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "category": self.category.name,
            "page": str(self.page),
            "images": self.images,
            "left_out": [*self.left_out],
            "problems": [str(problem) for problem in self.problems],
        }


def write_reviews(
    workspace: Workspace,
    dataset: str,
    folder: Path | None = None,
    name: str | None = None,
    most: int = MOST,
    progress: ProgressCallback = silent,
) -> list[Review]:
    """A page for each category that has something to look at: of the images in `folder`, else of those that are held.

    Without a category's `name` the folder has those of the only one, or a folder for each, by its name.

    Raises:
        SettingsError: there is no such data set or category, or it is not clear of which one the images are.
        DataError: the folder cannot be listed, or an image of the data set is damaged.
        AwayError: the registry does not answer.
    """
    categories = select_categories(workspace, dataset, None if name is None else [name])
    if folder is None:
        held = {category: _held(workspace, category) for category in categories}
        found = {category: files for category, files in held.items() if files or name is not None}
        base = feedback_dir(workspace, dataset)
    else:
        found, base = _in_folder(folder, categories), folder
    return [_write(workspace, category, base, files, most, progress) for category, files in found.items()]


def _in_folder(folder: Path, categories: Sequence[Category]) -> dict[Category, list[Path]]:
    if not folder.is_dir():
        raise SettingsError(f"{folder}: not a folder")
    if len(categories) == 1:
        return {categories[0]: list(list_images(folder).images)}
    named = {category: folder / category.name for category in categories if (folder / category.name).is_dir()}
    if not named:
        known = first_names(category.name for category in categories)
        raise SettingsError(f"{folder}: of which category are its images? Say so with --category C ({known})")
    return {category: list(list_images(place).images) for category, place in named.items()}


def _held(workspace: Workspace, category: Category) -> list[Path]:
    folder = feedback_dir(workspace, category.dataset)
    said = last_words(read_intakes(folder), category.name)
    return [
        intake_dir(folder, one.intake.number) / one.statement.path
        for one in said.values()
        if one.statement.verdict == "unclear"
    ]


def _write(
    workspace: Workspace, category: Category, base: Path, files: list[Path], most: int, progress: ProgressCallback
) -> Review:
    source = Source()  # no root: DVC may put links to its cache in place of the files
    read_tree(source, workspace.data_dir(category), category.name)
    intakes = read_intakes(feedback_dir(workspace, category.dataset))
    present = present_images(source.categories[0].images, memory_file(workspace, category), progress)
    known = Known(present, last_words(intakes, category.name))
    tellable = [file for file in files if str(file.absolute()).isprintable()]
    with ExitStack() as stack:
        detector = _champion(stack, workspace, category)
        depth = _depth(workspace, category) if detector is None else detector.card.depth
        looked = look_through([file.absolute() for file in tellable], known, depth, detector, progress)
        doubts = looked.doubts[:most]
        images = draw(doubts, depth, detector, progress)
    looked.problems += [Problem(file, "its name cannot be written down") for file in files if file not in tellable]
    left_out = _left_out(looked, most)
    page = workspace.review_page(category)
    page.parent.mkdir(parents=True, exist_ok=True)
    text = review_page(
        category,
        images,
        [_name(doubt.file, base) for doubt in doubts],
        None if detector is None else Champion(detector.card.method, detector.card.image_threshold.value),
        sorted(known.types.values()),
        known.said,
        left_out,
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )
    write_whole(page, text.encode())
    return Review(category, page, len(images), left_out, tuple(looked.problems))


def _champion(stack: ExitStack, workspace: Workspace, category: Category) -> Detector | None:
    try:
        folder = stack.enter_context(detector_folder(f"models:/{category.model_name}@champion", workspace))
    except SettingsError:
        return None  # there is none yet
    return load_detector(folder)


def _depth(workspace: Workspace, category: Category) -> Depth:
    try:
        return Manifest.load(manifest_dir(workspace, category) / TRAIN_FILE).depth
    except StageError:
        return FULL_DEPTH


def _left_out(looked: Looked, most: int) -> tuple[str, ...]:
    more = len(looked.doubts) - most
    found = [
        (more, "further from doubt not shown: --most shows more"),
        (looked.decided, "decided on before"),
        (looked.present, "in the data set already"),
        (looked.twice, "there under another name too"),
        (len(looked.problems), "that cannot be read"),
    ]
    return tuple(f"{counted(count, 'image')} {what}." for count, what in found if count > 0)


def _name(file: Path, base: Path) -> str:
    return str(file.relative_to(base.absolute()))
