"""Kills a retrain at random moments, and more: `python -m tests.chaos [--rounds N] [--seed S] [--write]`.

Each round is done on a scratch workspace with two tiny categories; the same seed makes the same choices. Exit code 0:
every round was clean; 1: some were not, and what they left is kept.

`python -m tests.chaos faults` does each fault of a cluster once, on one with two nodes; `python -m tests.chaos soak`
does rounds with such faults. Both keep their rows in docs/results/faults.jsonl and write docs/results/faults.md.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tests.chaos import invariants
from tests.chaos.cluster import command as cluster
from tests.chaos.faults import strike
from tests.chaos.plan import STATES, Round, rounds
from tests.chaos.result import HEADINGS, Result, page
from tests.chaos.revision import revision
from tests.chaos.servers import mlflow_server
from tests.chaos.workshop import PROJECT, Outcome, Workshop
from tests.helpers.disks import own_disk

PAGE = PROJECT / "docs" / "results" / "chaos.md"
DISK_MEGABYTES = 768


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("rounds", "faults", "soak"), default="rounds")
    parser.add_argument("--rounds", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the choices (default: another every time; it is printed)")
    parser.add_argument("--only", action="append", help="rounds of this kind alone, or faults whose name has this text")
    parser.add_argument("--missing", action="store_true", help="those faults alone of which no clean row is kept")
    parser.add_argument(
        "--in", dest="place", type=Path, help="a folder for what faults and soak need; kept, and used again"
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(PROJECT)}")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10_000) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    if options.what == "faults":
        return cluster.faults(seed, options.only, options.missing, options.place)
    if options.what == "soak":
        return cluster.soaked(seed, options.rounds, options.place)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    with own_disk(folder / "disk", f"{DISK_MEGABYTES}m") as disk:
        root = (disk or folder) / "workspace"
        root.mkdir()
        chosen = [r for r in rounds(seed, options.rounds) if options.only is None or r.kind in options.only]
        workshop = Workshop(folder, root)
        with closing(workshop):
            results = _all_rounds(workshop, chosen, folder)
        if any(result.faults for result in results):
            shutil.copytree(root, folder / "left", symlinks=True)
            print(f"workspace and logs are kept in {folder}")
    if options.write:
        PAGE.write_text(page(results, seed, revision()), encoding="utf-8")
    if all(not result.faults for result in results):
        shutil.rmtree(folder)
        return 0
    return 1


def _all_rounds(workshop: Workshop, chosen: list[Round], folder: Path) -> list[Result]:
    # The first round has something to train: it is never in the first state.
    states = [state for state in reversed(STATES) if state == STATES[0] or any(at.state == state for at in chosen)]
    weights, seconds = _reference(workshop, states)
    print(" | ".join(HEADINGS), flush=True)
    results = []
    for at in chosen:
        result = _one_round(workshop, at, weights[at.state], seconds, folder)
        results.append(result)
        print(" | ".join(result.cells()), flush=True)
    return results


def _reference(workshop: Workshop, states: list[str]) -> tuple[dict[str, dict[str, str]], float]:
    """The weights of undisturbed runs, and the time of the fastest: by a slower one, harm would come after the end."""
    weights, seconds = {}, []
    for state in states:
        workshop.enter(state)
        outcome = workshop.retrain().wait()
        assert outcome.code == 0 and outcome.document is not None, outcome.stderr
        weights[state] = {name: entry["weights_sha256"] for name, entry in outcome.document["categories"].items()}
        seconds.append(outcome.seconds)
        print(f"undisturbed, {state}: {outcome.seconds} s", flush=True)
    return weights, min(seconds)


def _one_round(workshop: Workshop, at: Round, weights: dict[str, str], seconds: float, folder: Path) -> Result:
    workshop.enter(at.state)
    bad_lines = invariants.bad_ledger_lines(workshop.root)
    server = None
    if at.kind == "MLflow away":
        server = mlflow_server(workshop.root / ".services", folder / "mlflow.log")
        server.start()
    try:
        uri = None if server is None else server.url
        command = workshop.retrain(uri)
        time.sleep(at.moment * seconds)
        done = strike(workshop, command, at, server)
        disturbed = command.wait()
        beside = None if workshop.beside is None else workshop.beside.wait()
        finished = invariants.finished_stages(workshop.root, disturbed.started)
        command_next = workshop.retrain(uri)
        following = command_next.wait()
    finally:
        if server is not None:
            server.stop()
    faults = _faults(workshop, at, disturbed, following, finished, weights)
    # A damaged line stays, named by every command that reads it.
    faults += invariants.of_ledger(workshop.root, bad_lines + ("ledger" in done))
    marks = [command.mark, command_next.mark]
    if beside is not None and workshop.beside is not None:
        faults += invariants.of_beside(disturbed, beside)
        marks.append(workshop.beside.mark)
        workshop.beside = None
    faults += invariants.of_processes(marks)
    return Result(at, done, disturbed.code, disturbed.seconds, tuple(faults))


def _faults(
    workshop: Workshop,
    at: Round,
    disturbed: Outcome,
    following: Outcome,
    finished: dict[str, int],
    weights: dict[str, str],
) -> list[str]:
    faults = [*invariants.of_disturbed(at.kind, disturbed), *invariants.of_next(following, weights)]
    faults += invariants.of_workspace(workshop)
    # What a damaged file belonged to is run again, and what reads it.
    if at.kind != "damage a file":
        faults += invariants.of_finished(workshop.root, finished)
    return faults


if __name__ == "__main__":
    sys.exit(main())
