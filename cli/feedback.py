"""`tocoad feedback`: what people said of production images goes into the data set, and back out of it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from cli.command import Subparsers, add_command, add_wait, path, whole
from cli.document import print_document
from cli.workspace import current_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocoad.feedback.record import Intake
    from tocoad.files.workspace import Workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "feedback",
        _feedback,
        "take what people said of production images into a data set; alone it lists what was taken",
        "tocoad feedback parts gear verdicts.csv",
    )
    command.add_argument("name", metavar="NAME", help="a data set of this workspace")
    command.add_argument("category", metavar="CATEGORY", nargs="?", help="the category that the verdicts are about")
    command.add_argument(
        "verdicts", metavar="VERDICTS.csv", nargs="?", type=path,
        help="columns path, verdict (false reject, missed defect or unclear), defect_type, mask, who, when",
    )  # fmt: skip
    command.add_argument(
        "--review",
        action="store_true",
        help="write the page on which a person chooses verdicts; alone it has the held images",
    )
    command.add_argument("--images", type=path, metavar="DIR", help="with --review: production images")
    command.add_argument("--category", dest="reviewed", metavar="C", help="with --review: of which category they are")
    command.add_argument(
        "--most",
        type=whole("a number of images", 1),
        default=200,
        metavar="N",
        help="with --review: so many, the doubtful ones (default: %(default)s)",
    )
    command.add_argument("--undo", action="store_true", help="take the last intake back")
    command.add_argument("--json", action="store_true", help="one JSON document on standard output")
    add_wait(command)


def _feedback(options: argparse.Namespace) -> int:
    from services.addresses import configure
    from tocoad.errors import SettingsError

    if (options.undo or options.review) and options.category is not None:
        raise SettingsError("--undo and --review want the data set's name alone; a review takes --category C")
    if options.undo and options.review:
        raise SettingsError("--undo and --review are two commands")
    if options.category is not None and options.verdicts is None:
        raise SettingsError("tocoad feedback NAME CATEGORY VERDICTS.csv: the file of verdicts is missing")
    if not options.review and (options.images is not None or options.reviewed is not None):
        raise SettingsError("--images and --category belong to --review")
    workspace = current_workspace()
    configure(workspace, debug=options.debug)
    if options.undo:
        return _undo(workspace, options)
    if options.review:
        return _review(workspace, options)
    return _list(workspace, options) if options.category is None else _take(workspace, options)


def _take(workspace: Workspace, options: argparse.Namespace) -> int:
    from services.feedback import take_feedback
    from tocoad.settings.planning import select_categories
    from tocoad.stages.bars import stage_bar

    (category,) = select_categories(workspace, options.name, [options.category])
    with stage_bar(f"feedback on {category}") as progress:
        taken = take_feedback(workspace, category, options.verdicts, progress, options.wait)
    if options.json:
        print_document({"intake": taken.intake and _entry(taken.intake), "known": taken.known})
    elif taken.intake is None:
        print(f"{category}: all {taken.known} verdicts were taken before; nothing is changed")
    else:
        _show_taken(str(category), taken.intake, taken.known)
    return 0


def _review(workspace: Workspace, options: argparse.Namespace) -> int:
    from services.review import write_reviews
    from tocoad.report.text import counted
    from tocoad.stages.bars import stage_bar

    with stage_bar(f"review {options.name}") as progress:
        images, category = options.images, options.reviewed
        reviews = write_reviews(workspace, options.name, images, category, options.most, progress)
    if options.json:
        print_document({"dataset": options.name, "reviews": [review.document() for review in reviews]})
        return 0
    if not reviews:
        print(f"data set {options.name!r} holds no image that waits for a verdict; give some with --images DIR")
    for review in reviews:
        print(review.page)
        looked = f"{review.category}: {counted(review.images, 'image')} to look at."
        print(" ".join((looked, *review.left_out)), file=sys.stderr)
        for problem in review.problems:
            print(f"warning: {problem}", file=sys.stderr)
    return 0


def _undo(workspace: Workspace, options: argparse.Namespace) -> int:
    from services.feedback import undo_feedback
    from tocoad.stages.bars import stage_bar

    with stage_bar(f"feedback {options.name} --undo") as progress:
        undone = undo_feedback(workspace, options.name, progress, options.wait)
    if options.json:
        print_document({
            "undone": _entry(undone.intake),
            "removed": list(undone.removed),
            "data_version": undone.after,
            "as_before": undone.whole,
        })  # fmt: skip
        return 0
    intake, count = undone.intake, len(undone.removed)
    since = ", as before it" if undone.whole else "; what came since is still in it"
    print(f"intake {intake.number} ({intake.category}, {intake.file}) is taken back: {count} images and masks are out")
    told = f"data set {options.name!r} is at version {undone.after}{since}"
    print(f"{told}; next: tocoad retrain {options.name}", file=sys.stderr)
    return 0


def _list(workspace: Workspace, options: argparse.Namespace) -> int:
    from services.feedback import intakes_of

    intakes = intakes_of(workspace, options.name)
    if options.json:
        print_document({"dataset": options.name, "intakes": [_entry(intake) for intake in intakes]})
    elif not intakes:
        print(f"data set {options.name!r} has no feedback yet")
    else:
        _show(options.name, intakes)
    return 0


def _show_taken(name: str, intake: Intake, known: int) -> None:
    from tocoad.report.text import counted

    rejects, missed, unclear = intake.counts.values()
    told = [
        f"{counted(rejects, 'false reject')} to the training images",
        f"{counted(missed, 'missed defect')} to the test images",
        f"{unclear} unclear, held",
        *([f"{known} taken before or twice"] if known else []),
    ]
    print(f"{name}: {'; '.join(told)}")
    before, after = intake.before or "none", intake.after or "none"
    version = f"is still {after}" if before == after else f"was {before}, is {after}"
    print(
        f"intake {intake.number}; the data version {version}; next: tocoad retrain {name.partition('/')[0]}",
        file=sys.stderr,
    )


def _show(dataset: str, intakes: Sequence[Intake]) -> None:
    from cli.console import add_row, console_of, titled
    from tocoad.feedback.verdicts import VERDICTS

    table = titled(f"{dataset}, feedback")
    table.add_column("intake", justify="right")
    for column in ("category", "taken", "file", "said by"):
        table.add_column(column, overflow="fold")
    for verdict in VERDICTS:
        table.add_column(verdict, justify="right")
    table.add_column("data version", no_wrap=True)
    for intake in intakes:
        counts = [str(count) for count in intake.counts.values()]
        version = "as before" if intake.before == intake.after else (intake.after or "")[:12]
        people, taken = ", ".join(intake.people), intake.time[:16].replace("T", " ")
        add_row(table, str(intake.number), intake.category, taken, intake.file, people, *counts, version)
    console_of(stderr=False).print(table)


def _entry(intake: Intake) -> dict[str, object]:
    return {**intake.model_dump(mode="json"), "counts": dict(intake.counts), "people": list(intake.people)}
