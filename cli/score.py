"""`tocoad score`: a folder or a bucket of images through one detector, into one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from time import monotonic
from typing import Any

from cli.command import Subparsers, add_command, filled, path
from cli.document import print_document
from cli.streams import print_error
from cli.workspace import current_workspace


def add_parser(commands: Subparsers, common: argparse.ArgumentParser) -> None:
    command = add_command(
        commands,
        common,
        "score",
        _score,
        "score a whole folder or bucket on Ray, into one file; killed, it goes on where it was",
        "tocoad score models:/sample.gear@champion s3://line-3/gear --out scores.parquet",
    )
    command.add_argument("model", metavar="MODEL", help="a detector folder, or models:/NAME.CATEGORY@champion")
    command.add_argument(
        "source", type=filled, metavar="SOURCE",
        help="a folder with all below it, or s3://BUCKET/PREFIX. Endpoint and keys come from the environment "
        "(AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE) or AWS's own files",
    )  # fmt: skip
    command.add_argument(
        "--out", type=path, required=True, metavar="FILE",
        help="a row an image in order of path, as Parquet or CSV by its ending; until it is whole, FILE.parts keeps "
        "what is known",
    )  # fmt: skip
    command.add_argument("--anew", action="store_true", help="what an earlier call has scored for FILE does not count")
    command.add_argument("--json", action="store_true", help="one JSON document on standard output, not a table")


def _score(options: argparse.Namespace) -> int:
    from cli.live import starting
    from services.addresses import configure
    from services.prefect.server import prefect_api
    from services.scoring.source import open_source
    from services.scoring.table import checked_ending
    from tocoad.files.versioned import refuse_versioned

    workspace = current_workspace()
    # Said at once, and not after a server has started.
    refuse_versioned(checked_ending(options.out), workspace)
    open_source(options.source)
    with prefect_api(configure(workspace, debug=options.debug)) as api:
        with starting():
            from flows.score import score

            api.ready()
        with _progress(), redirect_stdout(sys.stderr):
            result = score(options.model, options.source, str(options.out), options.anew, str(workspace.root))
    _tell(result, options.json)
    return 1 if result["errors"] else 0


def _tell(result: Mapping[str, Any], as_json: bool) -> None:
    if (left_out := result["left_out"])["count"]:
        names = ", ".join(left_out["first"]) + (", ..." if left_out["count"] > len(left_out["first"]) else "")
        print_error(f"{left_out['count']} left out, no image of a known type (png, jpg, bmp, tif): {names}", "warning")
    for image in result["first_errors"]:
        print_error(f"{image['image_path']}: {image['error']}")
    if (more := result["errors"] - len(result["first_errors"])) > 0:
        print_error(f"... and {more:,} more: the column `error` of {result['out']} has them all")
    for warning in result["warnings"]:
        print_error(warning, "warning")
    if as_json:
        print_document(result)
        return
    before = f", {result['scored_before']:,} of them before" if result["scored_before"] else ""
    print(f"{result['out']}: {result['images']:,} images scored{before}")
    print(f"  {result['rejected']:,} above the threshold {result['threshold']['value']:.6g}")
    print(f"  {result['errors']:,} without a score")


@contextmanager
def _progress() -> Iterator[None]:
    """On a terminal as every flow's; in a log a line now and then that tells of the images."""
    from cli.console import console_of, print_line
    from cli.live import live_progress
    from services.fleet import LINE_SECONDS
    from services.scoring.pace import pace_line
    from services.watching import Event, Moved, watching

    console, said = console_of(), monotonic()

    def hear(event: Event) -> None:
        nonlocal said
        if isinstance(event, Moved) and event.progress.metrics and monotonic() - said >= LINE_SECONDS:
            said = monotonic()
            step = event.progress
            print_line(console, pace_line(step.step, step.total, *step.metrics.values()))

    with live_progress() if console.is_terminal else watching(hear):
        yield
