"""`python -m tocoad STAGE --category C` (or `--dataset D`): one stage, files in, files out.

This is what `dvc.yaml` calls; `python -m tocoad graph` writes that file.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` looks into the current folder first, where a user may have a `types.py` of his own.
    del sys.path[0]

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from tocoad.errors import SettingsError, StageError, exit_code, tell
from tocoad.files.lease import lease
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.settings.file import load_params, override
from tocoad.settings.plan import Plan
from tocoad.settings.planning import select_categories
from tocoad.settings.sections import MethodName
from tocoad.stages.code import is_signable, sign, unsigned, unsigned_text
from tocoad.stages.declaration import Stage
from tocoad.stages.dvc_file import DVC_FILE, entries, is_current, unnamed_files, write_dvc_file
from tocoad.stages.graph import METHODS, Job
from tocoad.stages.runner import InProcess
from tocoad.stages.running import read_record

_WAIT = "TOCOAD_WAIT"
_STAGES = {stage.name: stage for method in METHODS.values() for stage in method.stages}


def resolve_category(text: str, plan: Plan) -> Category:
    """`DATASET/NAME`, or the name alone where only one data set of the plan has it."""
    if "/" in text:
        return Category.parse(text)
    found = [category for category in map(Category.parse, plan.categories) if category.name == text]
    if len(found) == 1:
        return found[0]
    if found:
        raise SettingsError(f"category {text!r} is in several data sets: write one of {', '.join(map(str, found))}")
    raise SettingsError(f"category {text!r} is not in plan.yaml; it has {', '.join(plan.categories)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tocoad",
        description="Run one stage of one category, or of a data set, with the settings of params.yaml. Beside the "
        "stages there is `python -m tocoad graph`, which writes dvc.yaml.",
        epilog="example: python -m tocoad stage1 --category sample/gear",
    )
    parser.add_argument("stage", choices=tuple(_STAGES))
    owner = parser.add_mutually_exclusive_group(required=True)
    owner.add_argument("--category", help="DATASET/CATEGORY, or CATEGORY where it is unique")
    owner.add_argument("--dataset", help="for a stage that is done once for all its categories")
    parser.add_argument(
        "--method", choices=tuple(METHODS), help="where several methods have the stage; default: the plan's"
    )
    parser.add_argument(
        "--revision", type=int, default=1, metavar="N", help="of the stage's code, as dvc.yaml says it (default: 1)"
    )
    parser.add_argument(
        "--wait",
        default=os.environ.get(_WAIT, "3600"),
        metavar="SECONDS",
        help=f"for at most so long wait for another run that works on the same (default: ${_WAIT}, or 3600)",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _graph_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tocoad graph",
        description="Write dvc.yaml from what the stages declare, and into params.yaml and plan.yaml what they lack of "
        "a new method.",
        epilog="example: python -m tocoad graph --check",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where it is not current")
    parser.add_argument(
        "--sign", action="store_true", help="say that changed code gives the same numbers, or another revision"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _graph(arguments: Sequence[str]) -> int:
    options = _graph_parser().parse_args(arguments)
    workspace = Workspace(Path.cwd())
    try:
        if options.check:
            if not is_current(workspace, load_params(workspace).settings):
                raise StageError(f"{DVC_FILE} is not what the stages declare: run python -m tocoad graph")
            if is_signable(workspace.root) and (changed := unsigned(workspace.root, entries())):
                raise StageError(unsigned_text(changed))
            return 0
        write_dvc_file(workspace, override(workspace, {}).settings)
        if options.sign:
            sign(workspace.root, entries())
    except Exception as error:
        return tell(error, options.debug)
    return 0


def _owner(options: argparse.Namespace, workspace: Workspace, plan: Plan) -> Owner:
    stage = _STAGES[options.stage]
    if (options.category is None) != (stage.scope == "dataset"):
        raise SettingsError(f"{stage.name} is a stage of a {_kind(stage)}: name it with --{_kind(stage)}")
    if options.category is not None:
        return resolve_category(options.category, plan)
    return select_categories(workspace, options.dataset, None)[0].dataset


def _kind(stage: Stage) -> str:
    return "dataset" if stage.scope == "dataset" else "category"


def _method(stage: str, owner: Owner, plan: Plan) -> MethodName:
    """The category's own, where it has the stage."""
    having = [name for name, method in METHODS.items() if stage in {node.name for node in method.stages}]
    planned = plan.method(owner) if isinstance(owner, Category) else having[0]
    return planned if planned in having else having[0]


def _refuse_revision(stage: Stage, asked: int) -> None:
    """What was asked for of other code would be recorded as its output."""
    if asked != stage.revision:
        raise StageError(
            f"{stage.name} is of revision {stage.revision} here and {asked} was asked for: python -m tocoad graph "
            f"brings dvc.yaml up to date; by hand say --revision {stage.revision}"
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise SettingsError(f"--wait, or {_WAIT} of the environment: {text!r} is not a number of seconds")
    return seconds


def _run(workspace: Workspace, job: Job, wait: float) -> None:
    from tocoad.stages.bars import stage_bar

    name = f"{job.stage.name} of {job.owner}"
    target = job.output_dir(workspace)
    before = read_record(target)
    with lease(workspace, [job.owner], f"python -m tocoad {job.stage.name}", wait):
        if read_record(target) != before:
            # Who asked for the stage has not seen this: the other run may have had the same settings and images.
            raise StageError(f"{name} was done by another run while this one waited: run the same again")
        settings = load_params(workspace).settings
        with stage_bar(f"{job.stage.name} {job.owner}") as progress:
            InProcess(workspace).submit(job, settings, progress).result()


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 1: the stage failed; 2: wrong usage or settings."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["graph"]:
        return _graph(words[1:])
    options = _parser().parse_args(words)
    workspace = Workspace(Path.cwd())
    try:
        params = load_params(workspace)
        owner = _owner(options, workspace, params.plan)
        method = options.method or _method(options.stage, owner, params.plan)
        stage = METHODS[method].stage(options.stage)
        _refuse_revision(stage, options.revision)
        if files := unnamed_files(workspace, params.settings, stage):
            raise StageError(
                f"{DVC_FILE} does not name {files[0]}, which {stage.name} reads: run python -m tocoad graph"
            )
        job = Job(owner, method, METHODS[method].stage(options.stage))
        _run(workspace, job, _seconds(options.wait))
    except Exception as error:
        return tell(error, options.debug)
    except KeyboardInterrupt as interrupt:
        print("interrupted: the same command goes on from the last checkpoint", file=sys.stderr)
        return exit_code(interrupt)
    return 0


if __name__ == "__main__":
    sys.exit(main())
