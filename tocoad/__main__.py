"""`python -m tocoad STAGE --category C`: one stage, files in, files out. This is what `dvc.yaml` calls."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tocoad.config import SettingsError
from tocoad.graph import METHODS
from tocoad.params import Plan, load_params
from tocoad.running import run_stage
from tocoad.stage import StageError
from tocoad.workspace import Category, Workspace

_STAGES = tuple(dict.fromkeys(stage.name for method in METHODS.values() for stage in method.stages))


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
        description="Run one stage of one category with the settings of params.yaml.",
        epilog="example: python -m tocoad stage1 --category sample/gear",
    )
    parser.add_argument("stage", choices=_STAGES)
    parser.add_argument("--category", required=True, help="DATASET/CATEGORY, or CATEGORY where it is unique")
    parser.add_argument(
        "--method", choices=tuple(METHODS), help="where several methods have the stage; default: the plan's"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 1: the stage failed; 2: wrong usage or settings."""
    options = _parser().parse_args(arguments)
    workspace = Workspace(Path.cwd())
    try:
        params = load_params(workspace)
        category = resolve_category(options.category, params.plan)
        having = [name for name, method in METHODS.items() if options.stage in {s.name for s in method.stages}]
        planned = params.plan.method(category)
        method = options.method or (planned if planned in having else having[0])
        from tocoad.progress import stage_bar

        with stage_bar(f"{options.stage} {category}") as progress:
            run_stage(workspace, category, method, options.stage, params.settings, progress)
    except (SettingsError, StageError) as error:
        if options.debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
