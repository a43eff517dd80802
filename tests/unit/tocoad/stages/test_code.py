"""Changed code of a stage is signed, or the stage has a new revision."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tocoad.stages.code import sign, unsigned, unsigned_text
from tocoad.stages.dvc_file import Entry, entries

PROJECT = Path(__file__).parents[4]
TRAINS_D = ["stage1", "stage2", "fit_tocoad"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(PROJECT / "tocoad", root / "tocoad", ignore=shutil.ignore_patterns("__pycache__"))
    sign(root, entries())
    return root


@pytest.fixture
def focal(checkout: Path) -> Path:
    """The code of a loss, as it was signed."""
    file = checkout / "tocoad/losses/focal.py"
    file.write_text((PROJECT / "tocoad/losses/focal.py").read_text())
    sign(checkout, entries())
    return file


def raised(*names: str) -> list[Entry]:
    return [
        replace(entry, stage=replace(entry.stage, revision=2)) if entry.name in names else entry for entry in entries()
    ]


def test_the_code_of_every_stage_is_signed_or_of_a_new_revision() -> None:
    changed = unsigned(PROJECT, entries())
    assert not changed, unsigned_text(changed)


def test_comments_docstrings_layout_and_words_of_errors_need_no_signature(checkout: Path, focal: Path) -> None:
    text = focal.read_text()
    reworded = text.replace('"""', '"""Again. ', 1).replace("import torch\n", "# for tensors\n\nimport torch\n", 1)
    assert reworded != text
    focal.write_text(reworded)
    assert unsigned(checkout, entries()) == {}
    weights = checkout / "tocoad/nn/weights.py"
    weights.write_text(weights.read_text().replace("cannot be read", "is not to be read"))
    assert unsigned(checkout, entries()) == {}


def test_a_change_is_told_with_the_stages_that_import_it_until_it_is_signed(checkout: Path, focal: Path) -> None:
    focal.write_text(focal.read_text() + "\nGAMMA = 3\n")
    changed = unsigned(checkout, entries())
    assert set(changed) == {"tocoad.losses.focal"}
    assert set(TRAINS_D) <= set(changed["tocoad.losses.focal"])
    assert not any("recontrast" in name or "patchcore" in name for name in changed["tocoad.losses.focal"])
    assert "tocoad.losses.focal (of " in unsigned_text(changed)
    assert "python -m tocoad graph --sign" in unsigned_text(changed)
    sign(checkout, entries())
    assert unsigned(checkout, entries()) == {}


def test_a_new_revision_of_the_stages_that_import_it_answers_for_a_change(checkout: Path, focal: Path) -> None:
    focal.write_text(focal.read_text() + "\nGAMMA = 3\n")
    importers = unsigned(checkout, entries())["tocoad.losses.focal"]
    assert unsigned(checkout, raised(*importers[1:])) == {"tocoad.losses.focal": importers[:1]}
    assert unsigned(checkout, raised(*importers)) == {}


def test_the_networks_of_a_detector_are_code_of_its_evaluation(checkout: Path, focal: Path) -> None:
    fused = checkout / "tocoad/methods/tocoad/fused.py"
    fused.write_text(fused.read_text() + "\nSIGMA = 3\n")
    assert "evaluate_tocoad" in unsigned(checkout, entries())["tocoad.methods.tocoad.fused"]
    assert "evaluate_patchcore" not in unsigned(checkout, entries())["tocoad.methods.tocoad.fused"]


def test_lines_of_both_sides_of_a_merge_are_understood(checkout: Path, focal: Path) -> None:
    signed = checkout / "tocoad/stages/code.txt"
    ours = signed.read_text()
    focal.write_text(focal.read_text() + "\nGAMMA = 3\n")
    sign(checkout, entries())
    both = [line for line in ours.splitlines() if line.startswith("tocoad.losses.focal ")]
    signed.write_text("\n".join(["<<<<<<< ours", *both, "=======", signed.read_text(), ">>>>>>> theirs"]))
    assert unsigned(checkout, entries()) == {}
