"""A method is a folder and a line of the table: nothing else of the house knows its name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.helpers.project import PROJECT

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
PACKAGES = ("cli", "services", "tocoad")
LINE = '    "tiny": "tocoad.methods.tiny.method:TINY",\n'


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages with the method added; also a workspace, made before there was the method."""
    root = tmp_path_factory.mktemp("tree")
    for name in PACKAGES:
        shutil.copytree(PROJECT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "params.yaml", "plan.yaml"):
        shutil.copy(PROJECT / name, root)
    shutil.copytree(HERE / "tiny", root / "tocoad/methods/tiny", ignore=shutil.ignore_patterns("__pycache__"))
    table = root / "tocoad/methods/table.py"
    text = table.read_text()
    assert text.endswith("}\n")
    table.write_text(text.removesuffix("}\n") + LINE + "}\n")
    return root


def run(tree: Path, *arguments: str) -> str:
    path = os.pathsep.join((str(tree), str(PROJECT / "tests/helpers")))
    environment = {**os.environ, "PYTHONPATH": path, "MLFLOW_TRACKING_URI": ""}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def found(tree: Path) -> Mapping[str, Any]:
    """What came of it, from the images to the registry."""
    run(tree, "-m", "tocoad", "graph")
    run(tree, str(HERE / "walk.py"))
    content: Mapping[str, Any] = json.loads((tree / "found.json").read_text())
    return content


def test_its_stages_run_to_a_detector_that_finds_defects(found: Mapping[str, Any]) -> None:
    assert (found["model"], found["label"]) == ("tiny", True)
    assert found["image_AUROC"] == 1.0


def test_its_section_of_the_settings_is_heard_and_stands_in_the_card(found: Mapping[str, Any]) -> None:
    assert found["settings"] == {"power": 2.0}


def test_its_page_says_what_it_is_and_compares_it_with_the_control(found: Mapping[str, Any]) -> None:
    page = found["page"]
    assert "the distance of every pixel to the mean training image" in page
    assert "control: patchcore" in page


def test_the_registry_takes_its_package_and_loads_it_in_a_process_of_its_own(found: Mapping[str, Any]) -> None:
    assert found["version"] == 1


def test_the_graph_has_its_stages_and_a_workspace_of_before_what_they_read(
    found: Mapping[str, Any], tree: Path
) -> None:
    stages = YAML(typ="safe").load((tree / "dvc.yaml").read_text())["stages"]
    committed = YAML(typ="safe").load((PROJECT / "dvc.yaml").read_text())["stages"]
    assert set(stages) - set(committed) == {"average", "fit_tiny", "evaluate_tiny"}
    assert {name: stages[name] for name in committed} == committed
    params = YAML(typ="safe").load((tree / "params.yaml").read_text())
    plan = YAML(typ="safe").load((tree / "plan.yaml").read_text())["plan"]
    assert plan["tiny"] == ["toys/disc"]
    assert params["distance"] == {"power": 2}
    assert all("distance" in profile for profile in params["profiles"].values())


def test_the_command_line_offers_it(tree: Path) -> None:
    assert "recontrast_unified,patchcore,tiny" in run(
        tree, "-c", "from cli.main import main; main()", "retrain", "--help"
    )
