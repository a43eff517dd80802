"""One `tocoad retrain` in this process, and where its seconds went: `python -m bench.fleet_retrain_parts`, there.

They are the processor's: of this process, from its start, and of Prefect's server beside it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import wraps
from importlib import import_module
from typing import Any

from bench.fleet_workspace import DATASET

IMPORTS, SERVER = "imports", "Prefect's server"
# None of them calls another.
WRAPPED = {
    "plan": "tocoad.settings.planning:plan_categories",
    "track": "services.dvc.data:track_dataset",
    "stale": "services.dvc.staleness:stale",
    "MLflow": "tasks.session:Session.connect",
    "registry and verdicts": "tasks.session:Connection.registered",
    "Prefect's table": "tasks.publish:publish.fn",
    "document": "flows.outcome:Outcome.document",
}


def main() -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    for part, place in WRAPPED.items():
        # Before anyone takes the function by its name; what that imports is imports.
        _time(spent, part, place)
    import flows.retrain  # noqa: F401
    from cli.main import main as command

    spent[IMPORTS] = time.process_time()
    with redirect_stdout(sys.stderr):
        code = command(["retrain", DATASET, "--json"])
    if code:
        sys.exit(code)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent[SERVER] = children.ru_utime + children.ru_stime
    return spent


def _time(spent: dict[str, float], part: str, place: str) -> None:
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *above, name = path.split(".")
    for step in above:
        owner = getattr(owner, step)
    function: Callable[..., Any] = getattr(owner, name)

    @wraps(function)
    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            spent[part] += time.process_time() - began

    setattr(owner, name, timed)


if __name__ == "__main__":
    print(json.dumps(main()))
