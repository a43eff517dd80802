"""The walk through docs/guide/start.md in a new workspace, and what the pages beside it have typed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.main import parser
from tests.helpers.guide import Guide, missing_lines, run, typist
from tests.helpers.on_request import on_request
from tests.helpers.project import PROJECT
from tests.helpers.shop import make_workspace
from tests.helpers.toys import draw_toys
from tocoad.files.workspace import Category, Workspace
from tocoad.settings.file import override, parse_assignments
from tocoad.settings.planning import plan_categories

pytestmark = pytest.mark.integration

START, IMAGES, INSTALL, WORKSPACE = map(Guide, ("start.md", "images.md", "install.md", "workspace.md"))
GEAR = Category("sample", "gear")
# Weights by chance on one category: it is about what is typed and shown.
SMALL = [
    "image.size=64",
    "encoder.name=resnet18",
    "encoder.weights=none",
    "gate.image_AUROC_min=0",
    "gate.pixel_AUROC_min=0",
    "evaluation.bootstrap=20",
    "flow.retries=0",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("first") / "workspace"
    root.mkdir()
    make_workspace(root)
    override(Workspace(root), parse_assignments(SMALL))
    return root


@pytest.fixture(scope="module")
def environment(mlflow_server: str, prefect_server: str) -> dict[str, str]:
    return {**typist(), "MLFLOW_TRACKING_URI": mlflow_server, "PREFECT_API_URL": prefect_server}


def typed(guide: Guide, section: str, place: Path, environment: dict[str, str]) -> str:
    """What the commands of a section said; a page that shows something else fails here."""
    said = "".join(run(f"{{ {command}; }} 2>&1", place, environment) for command in guide.commands(section))
    assert missing_lines(guide.fenced(section, "text"), said) == [], said
    return said


@on_request("story")
def test_the_first_result_comes_as_the_page_says(place: Path, environment: dict[str, str]) -> None:
    typed(WORKSPACE, "Another place", place, environment)
    typed(START, "Images", place, environment)
    workspace = Workspace(place)
    for name in ("fabric", "plate"):
        shutil.rmtree(workspace.data_dir(Category("sample", name)))
    plan_categories(workspace, "sample", ["gear"], "patchcore")
    typed(START, "A detector for each category", place, environment)
    assert "sample/report/index.html" in typed(START, "Would I ship this?", place, environment)
    typed(START, "New pictures", place, environment)
    assert list((place / "predictions").iterdir())
    said = typed(START, "What has become of it", place, environment)
    assert "gear" in said and "promoted" in said
    assert any(file.is_symlink() for file in (workspace.work_dir(GEAR) / "patchcore/fit/detector").iterdir())


def test_images_of_ones_own_come_in_as_the_page_says(place: Path) -> None:
    draw_toys(place.parent / "drawn")
    (place.parent / "drawn/data/toys").rename(place.parent / "pictures")
    override(Workspace(place), parse_assignments(["split.calibration_min=2", "split.train_min=4"]))
    for command in IMAGES.commands("Bring them in"):
        run(command, place, typist())
    assert (place / "data/parts.dvc").is_file()


def test_each_command_of_the_first_steps_is_one() -> None:
    for section in START.sections:
        for command in START.commands(section):
            name, *arguments = shlex.split(command)
            assert name == "tocoad" and parser().parse_args(arguments)


def test_make_does_by_itself_what_the_first_steps_type() -> None:
    dry = {target: _dry(target) for target in ("demo", "setup", "test")}
    steps = [*START.commands("Images"), *START.commands("A detector for each category")]
    assert [step for step in steps if step not in dry["demo"]] == []
    assert set(INSTALL.commands("From a checkout")) == {
        "make setup", "source .venv/bin/activate", "tocoad --version",
    }  # fmt: skip
    assert INSTALL.commands("Whether all is well") == ["tocoad doctor", "make test"]
    said = run("source .venv/bin/activate && tocoad --version", PROJECT, dict(os.environ))
    assert said.strip()
    (completion,) = INSTALL.commands("In your shell")
    typed = f"source .venv/bin/activate && {completion} && complete -p tocoad"
    assert "_shtab_tocoad" in run(typed, PROJECT, dict(os.environ))


def _dry(target: str) -> str:
    return subprocess.run(["make", "--dry-run", target], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
