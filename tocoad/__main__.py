"""`python -m tocoad STAGE --category C` (or `--dataset D`): one stage, files in, files out.

This is what `dvc.yaml` calls.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` looks into the current folder first, where a user may have a `types.py` of his own.
    del sys.path[0]

import argparse
from collections.abc import Sequence
from pathlib import Path

from tocoad.errors import SettingsError, exit_code, tell
from tocoad.files.workspace import Category, Owner, Workspace
from tocoad.settings.file import Plan, load_params
from tocoad.settings.planning import select_categories
from tocoad.settings.sections import MethodName
from tocoad.stages.graph import METHODS, Stage
from tocoad.stages.running import run_stage

_STAGES = {stage.name: stage for method in METHODS.values() for stage in method.stages}


def resolve_category(text: str, plan: Plan) -> Category:
    """`DATASET/NAME`, or the name alone where only one data set of the plan has it."""
    if "/" in text:
        return Category.parse(text)
    found = [category for category in map(Category.parse, plan.patchcore) if category.name == text]
    if len(found) == 1:
        return found[0]
    if found:
        raise SettingsError(f"category {text!r} is in several data sets: write one of {', '.join(map(str, found))}")
    raise SettingsError(f"category {text!r} is not in the plan of params.yaml; it has {', '.join(plan.patchcore)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tocoad",
        description="Run one stage of one category, or of a data set, with the settings of params.yaml.",
        epilog="example: python -m tocoad stage1 --category sample/gear",
    )
    parser.add_argument("stage", choices=tuple(_STAGES))
    owner = parser.add_mutually_exclusive_group(required=True)
    owner.add_argument("--category", help="DATASET/CATEGORY, or CATEGORY where it is unique")
    owner.add_argument("--dataset", help="for a stage that is done once for all its categories")
    parser.add_argument(
        "--method", choices=tuple(METHODS), help="where several methods have the stage; default: the plan's"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 1: the stage failed; 2: wrong usage or settings."""
    options = _parser().parse_args(arguments)
    workspace = Workspace(Path.cwd())
    try:
        params = load_params(workspace)
        owner = _owner(options, workspace, params.plan)
        method = options.method or _method(options.stage, owner, params.plan)
        from tocoad.stages.progress import stage_bar

        with stage_bar(f"{options.stage} {owner}") as progress:
            run_stage(workspace, owner, method, options.stage, params.settings, progress)
    except Exception as error:
        return tell(error, options.debug)
    except KeyboardInterrupt as interrupt:
        print("interrupted: the same command goes on from the last checkpoint", file=sys.stderr)
        return exit_code(interrupt)
    return 0


if __name__ == "__main__":
    sys.exit(main())
