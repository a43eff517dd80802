"""Two runs at once on the same category: one waits for the other, and nothing is done twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.processes import wait_until

pytestmark = pytest.mark.e2e

RETRAIN = ("tocoad", "retrain", "tiny", "--method", "patchcore", "--json")
RECORDS = ("manifest/record.json", "patchcore/fit/record.json", "patchcore/evaluate/record.json")


@pytest.fixture(scope="module")
def lone(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return shop.gear_alone(tmp_path_factory.mktemp("two") / "workspace")


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


def test_who_does_not_wait_is_refused_in_one_line_and_nothing_is_changed(lone: Any) -> None:
    stage = lone.start("python", "-m", "tocoad", "fit", "--category", "tiny/gear", "--method", "patchcore")
    leases = lone.root / ".services/leases"
    wait_until("the stage's lease", lambda: list(leases.glob("[0-9]*")), 60, 0.02)
    settings = (lone.root / "params.yaml").read_bytes()
    refused = lone.run(*RETRAIN, "--no-wait", "--set", "seed=7")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("error: tiny/gear: python -m tocoad fit (process ")
    assert refused.stderr.count("\n") == 1
    assert (lone.root / "params.yaml").read_bytes() == settings
    assert stage.wait(120) == 0
