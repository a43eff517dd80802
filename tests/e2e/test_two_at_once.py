"""Two runs at once on the same category: one waits for the other, and nothing is done twice."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.leases import said, start_holder
from tests.helpers.processes import wait_until
from tocoad.files.workspace import Workspace
from tocoad.settings.planning import drop_missing

pytestmark = pytest.mark.e2e

RETRAIN = ("tocoad", "retrain", "tiny", "--method", "patchcore", "--json")
STUDY = """
dataset: tiny
categories: [gear]
control: patchcore
encoders: {none: {encoder: {name: resnet18, weights: none}}}
variants: {patchcore: {method: patchcore, seeds: [0]}}
"""
RECORDS = ("manifest/record.json", "patchcore/fit/record.json", "patchcore/evaluate/record.json")


@pytest.fixture(scope="module")
def lone(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = shop.gear_alone(tmp_path_factory.mktemp("two") / "workspace")
    # `dvc repro` runs all of the plan.
    drop_missing(Workspace(made.root), "tiny")
    return made


def records(root: Path) -> list[str]:
    return [(root / "work/tiny/gear" / name).read_text() for name in RECORDS]


def test_of_two_retrains_the_second_waits_plans_anew_and_trains_nothing(lone: Any) -> None:
    """In a workspace where nothing was ever run: that each starts MLflow and Prefect at once hurts neither."""
    ends = [process.communicate(timeout=300) for process in [lone.start(*RETRAIN), lone.start(*RETRAIN)]]
    told = [errors for _, errors in ends]
    assert [errors for errors in told if "Traceback" in errors] == []
    documents = [json.loads(output) for output, _ in ends]
    assert [document["error"] for document in documents] == [None, None], told
    entries = sorted((document["categories"]["gear"] for document in documents), key=lambda entry: entry["status"])
    assert [entry["status"] for entry in entries] == ["trained", "up-to-date"]
    assert entries[0]["weights_sha256"] == entries[1]["weights_sha256"]
    assert [entry["model"]["version"] for entry in entries] == [1, 1]
    (waited,) = [errors for errors in told if "waiting for" in errors]
    assert waited.startswith("waiting for tocoad retrain tiny (process ")
    assert "): it works on tiny/gear\n" in waited


def test_dvc_repro_waits_for_a_retrain_and_does_not_do_its_work_again(lone: Any) -> None:
    retrain = lone.start(*RETRAIN, "--set", "bank.coreset_ratio=0.1")
    fit = lone.root / "work/tiny/gear/patchcore"
    wait_until("the fit", lambda: list(fit.glob(".fit.incoming-*")) or retrain.poll() is not None, 120, 0.02)
    repro = lone.start("dvc", "repro")
    output, errors = retrain.communicate(timeout=300)
    assert retrain.returncode == 0, errors
    assert json.loads(output)["categories"]["gear"]["status"] == "trained"
    done = records(lone.root)
    told = "".join(repro.communicate(timeout=120))
    assert (repro.returncode != 0) == ("was done by another run while this one waited" in told), told
    again = lone.run("dvc", "repro")
    assert again.returncode == 0, again.stderr
    assert "Running stage" not in again.stdout
    assert records(lone.root) == done


@pytest.fixture
def holder(lone: Any) -> Iterator[subprocess.Popen[str]]:
    """Another run, which works on the category, and on a study of it."""
    process = start_holder(lone.root, "another run", "tiny/gear", "studies/tiny/gear")
    assert said(process) == "held"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    "command",
    [
        (*RETRAIN, "--set", "seed=7"),
        ("tocoad", "evaluate", "tiny", "--save-maps", "tiff"),
        ("tocoad", "study", "small.yaml"),
    ],
    ids=lambda command: command[1],
)
def test_who_does_not_wait_is_refused_in_one_line_and_nothing_is_changed(
    lone: Any, holder: subprocess.Popen[str], command: tuple[str, ...]
) -> None:
    (lone.root / "small.yaml").write_text(STUDY)
    settings = (lone.root / "params.yaml").read_bytes()
    refused = lone.run(*command, "--no-wait")
    assert refused.returncode == 1, refused.stderr
    assert refused.stderr.startswith("error: ")
    # Who asked for a document gets one.
    told = {"error": refused.stderr.removeprefix("error: ").strip()}
    assert refused.stdout == "" if "--json" not in command else json.loads(refused.stdout) == told
    assert f"tiny/gear: another run (process {holder.pid} on " in refused.stderr
    assert refused.stderr.endswith(f"works there; wait for longer (--wait), or end it (kill {holder.pid})\n")
    assert refused.stderr.count("\n") == 1
    assert (lone.root / "params.yaml").read_bytes() == settings


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_wait_at_once(lone: Any, holder: subprocess.Popen[str], number: int) -> None:
    waiting = lone.start(*RETRAIN)
    leases = lone.root / ".services/leases"
    wait_until("the second ticket", lambda: len(list(leases.glob("[0-9]*"))) == 2, 60, 0.02)
    time.sleep(0.2)
    waiting.send_signal(number)
    output, errors = waiting.communicate(timeout=10)
    assert (waiting.returncode, output) == (128 + number, "")
    assert len(errors.splitlines()) == 2
    assert len(list(leases.glob("[0-9]*"))) == 1
