"""A small study through the command line: cells on Ray, the table, and going on after an edit."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

STUDY = """
dataset: tiny
categories: [gear]
control: patchcore
encoders:
  none: {encoder: {name: resnet18, weights: none}}
variants:
  patchcore: {method: patchcore, seeds: [0, 1]}
  fused: {method: tocoad, about: both maps, set: {stage2: {iterations: 0}, fusion: {weight: 1.0}}}
"""


def test_a_study_computes_what_is_missing_and_tables_it(shop: Any) -> None:
    file = shop.root / "small.yaml"
    file.write_text(STUDY)
    done = shop.run("tocoad", "study", "small.yaml", "--out", "table.md")
    assert (done.returncode, done.stdout) == (0, "table.md\n"), done.stderr
    assert "Traceback" not in done.stderr
    table = (shop.root / "table.md").read_text()
    assert "| patchcore | 2 |" in table
    assert "| fused | 1 |" in table
    assert "`tocoad study small.yaml`" in table
    cell = json.loads((shop.root / "small/none/fused/gear-0.json").read_text())
    assert min(cell["cpu_seconds"].values()) > 0
    assert set(cell["seconds"]) == {"manifest", "synthesize", "stage1", "stage2", "fit", "evaluate"}

    read = shop.run("tocoad", "study", "small.yaml", "--table")
    assert (read.returncode, read.stdout) == (0, table)

    stages = shop.root / "work/studies/stages/tiny/gear"
    before = {folder: folder.stat().st_mtime_ns for folder in stages.iterdir()}
    file.write_text(STUDY.replace("weight: 1.0", "weight: 2.0"))
    again = shop.run("tocoad", "study", "small.yaml")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("# Study: small")
    after = {folder: folder.stat().st_mtime_ns for folder in stages.iterdir()}
    assert {folder: after[folder] for folder in before} == before
    assert sorted(folder.name.partition("-")[0] for folder in after.keys() - before.keys()) == ["evaluate", "fit"]

    # Another machine has the results and not the stages: it computes what is missing, and keeps what it cannot make.
    shutil.rmtree(stages)
    (shop.root / "small/none/patchcore/gear-1.json").unlink()
    (shop.root / "table.md").write_text(table.replace("| patchcore | 2 |", "| patchcore | 3 |"))
    file.write_text(STUDY.replace("weight: 1.0", "weight: 2.0"))
    kept = shop.run("tocoad", "study", "small.yaml", "--keep", "--out", "table.md")
    assert kept.returncode == 0, kept.stderr
    assert sorted(folder.name.partition("-")[0] for folder in stages.glob("[a-z]*")) == ["evaluate", "fit", "manifest"]
    assert "| patchcore † | 3 |" in (shop.root / "table.md").read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--keep"], "--keep keeps rows of the table in --out: say which file that is"),
        (["--keep", "--out", "absent.md"], "--keep: absent.md is missing: there is nothing to keep"),
    ],
)
def test_rows_are_kept_of_a_table_alone(shop: Any, options: list[str], says: str) -> None:
    (shop.root / "small.yaml").write_text(STUDY)
    done = shop.run("tocoad", "study", "small.yaml", *options)
    assert (done.returncode, done.stderr) == (2, f"error: {says}\n")


def test_a_broken_result_is_told_before_anything_is_computed(shop: Any) -> None:
    (shop.root / "broken.yaml").write_text(STUDY)
    result = shop.root / "broken/none/fused/gear-0.json"
    result.parent.mkdir(parents=True)
    result.write_text("{")
    done = shop.run("tocoad", "study", "broken.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("error: broken/none/fused/gear-0.json: ")
    assert done.stderr.count("\n") == 1
    assert not (shop.root / "broken/none/patchcore").exists()


def test_a_wrong_study_file_is_exit_code_2(shop: Any) -> None:
    (shop.root / "wrong.yaml").write_text(STUDY.replace("control: patchcore", "control: patchcor"))
    done = shop.run("tocoad", "study", "wrong.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("error: wrong.yaml: ")
    assert done.stderr.endswith("control: 'patchcor' is not one of the variants patchcore, fused\n")
    assert done.stderr.count("\n") == 1
