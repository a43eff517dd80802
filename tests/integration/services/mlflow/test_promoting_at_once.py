"""Two real processes promote at once, in one workspace or in two that share a registry: nobody wins uncompared."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import NamedTuple

import pytest

from services.mlflow import ledger
from services.mlflow.calls import connect
from services.mlflow.decision_log import DecisionLog
from services.mlflow.registry import Registry
from tests.helpers.contender import PATIENCE, PERSONS, Contender, contend
from tocoad.files.workspace import Workspace
from tocoad.gate.log import Entry

pytestmark = pytest.mark.integration

# A database of one workspace has no server that would order what two write at once.
ROUNDS = {"server": 8, "local": 5}


class Seen(NamedTuple):
    """After a round: the aliases, and the entries that had been made in it, with whether they count."""

    aliases: dict[str, int]
    entries: list[tuple[int, Entry, bool]]


@pytest.mark.parametrize("where", ROUNDS)
def test_of_two_that_promote_at_once_one_wins_and_the_other_meets_the_winner(
    where: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    rounds = ROUNDS[where]
    uri = request.getfixturevalue("mlflow_server") if where == "server" else f"sqlite:///{tmp_path}/mlflow.db"
    client = connect(uri)
    registry, dataset = Registry(client), tmp_path.name
    client.create_registered_model(f"{dataset}.gear")
    place = None if where == "server" else (tmp_path / "artifacts").as_uri()
    run_id = client.create_run(client.create_experiment(f"two-{dataset}", place)).info.run_id
    process = multiprocessing.get_context("spawn")
    barrier, results = process.Barrier(3), process.Queue()
    contenders = [Contender(name, uri, dataset, run_id, rounds, tmp_path / name, tmp_path / "shared") for name in "ab"]
    started = [process.Process(target=contend, args=(one, barrier, results)) for one in contenders]
    for one in started:
        one.start()
    try:
        seen = [_look(registry, f"{dataset}.gear", barrier) for _ in range(rounds)]
        said = dict(results.get(timeout=PATIENCE) for _ in started)
    finally:
        for one in started:
            one.join(PATIENCE)
            one.kill()
    a, b = contenders
    reign, champion = 0, None
    for number, (aliases, entries) in enumerate(seen):
        contested = [entry for _, entry, counts in entries if counts and entry.after == reign and entry.new != champion]
        assert len(contested) == 1, "one entry that counts for the state that both saw"
        before = champion
        for place, entry, counts in entries:
            assert counts == ((entry.after, entry.old) == (reign, champion))
            if counts and entry.new != champion:
                reign, champion = place, entry.new
        assert aliases["champion"] == champion, "the alias is what a replay of the log gives"
        words = (said["a"][number], said["b"][number])
        if number % PERSONS == PERSONS - 1:
            assert "promoted" in words and any("was moved in the meantime by" in word for word in words)
        else:
            better = max(contenders, key=lambda one: one.figure(number))
            assert registry.version(f"{dataset}.gear", champion).tags["package_sha256"] == f"{better.name}-{number}"
            # A champion that persons made has no verdict yet, and gets one first.
            judged = [entry for _, entry, counts in entries if counts and entry.version != before]
            _met_the_winner(judged, a.figure(number), b.figure(number))
    copied = [entry["id"] for entry in ledger.entries(Workspace(tmp_path / "shared"), dataset)]
    assert len(copied) == len(set(copied))


def _met_the_winner(entries: list[Entry], *figures: float) -> None:
    """Whoever came second was judged against the first, whose figure its reason names."""
    first, second = entries
    assert first.decision is not None and second.decision is not None and first.metrics["image_AUROC"] in figures
    assert second.old == first.version
    found = {finding.name: finding.figures for finding in second.decision.findings}
    assert found["image_AUROC against champion"]["champion"] == first.metrics["image_AUROC"]
    assert second.decision.verdict == ("promoted" if second.metrics["image_AUROC"] == max(figures) else "kept")


def _look(registry: Registry, name: str, barrier: object) -> Seen:
    """Without a write: what the two left must be right by itself."""
    wait = barrier.wait  # type: ignore[attr-defined]
    before = {number for number, *_ in _numbered(registry, name)}
    wait(PATIENCE)  # both begin
    wait(PATIENCE)  # both are done
    entries = [found for found in _numbered(registry, name) if found[0] not in before]
    seen = Seen(registry.aliases(name), entries)
    wait(PATIENCE)
    return seen


def _numbered(registry: Registry, name: str) -> list[tuple[int, Entry, bool]]:
    history = DecisionLog(registry, name).read()
    counted = [(number, entry, True) for number, entry in history.counted]
    return sorted(counted + [(number, entry, False) for number, entry in history.lost], key=lambda found: found[0])
