"""The walk through docs/guide/export.md: a champion leaves the registry in every format, and judges elsewhere."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from PIL import Image

from cli.main import main
from services.addresses import configure
from services.mlflow.decision_log import DecisionLog
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from tests.helpers.camera import pictures
from tests.helpers.environment import kept_environment
from tests.helpers.guide import Guide, missing_lines, run, typist
from tests.helpers.on_request import on_request
from tests.helpers.packages import save_detector
from tests.helpers.project import PROJECT
from tocoad.files.workspace import Workspace
from tocoad.package.card import package_sha256, read_card, write_card

pytestmark = pytest.mark.integration

GUIDE = Guide("export.md")
MODEL = "parts.gear"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `examples/` and new images; `parts.gear` has a champion, in a registry that no other guide has."""
    place = tmp_path_factory.mktemp("export")
    (place / "examples").symlink_to(PROJECT / "examples")
    (place / "new-images").mkdir()
    for number, pixels in enumerate(pictures(3, 1)):
        Image.fromarray(pixels).save(place / "new-images" / f"{number}.png")
    package = save_detector(place / "package", 1)
    write_card(package, read_card(package)[0].model_copy(update={"dataset": "parts"}))
    with kept_environment(), chdir(place):  # MLflow keeps what a database of its own has beside where it stands
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{place}/mlflow.db"
        tracking = Tracking(configure(Workspace(place)))
        registry = Registry(tracking.client)
        with tracking.run(tracking.experiment("export"), "gear") as tracked:
            tags = {"package_sha256": package_sha256(package)}
            version = registry.register(MODEL, tracked, package, pictures(1, 0)[0], tags).version
        log = DecisionLog(registry, MODEL)
        log.append(log.entry("promote", log.settled(), version))
        log.settled()
        yield place


def test_a_champion_judges_with_a_page_of_code(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    export(GUIDE.commands("A file for onnxruntime"))
    said = capfd.readouterr().out
    assert missing_lines(GUIDE.fenced("A file for onnxruntime", "text"), said) == []
    (command,) = GUIDE.commands("Where the line is")
    said = run(command, place, typist())
    assert missing_lines(GUIDE.fenced("Where the line is", "text"), said) == []
    assert len(said.splitlines()) == 4 and len(list((place / "maps").iterdir())) == 3


@on_request("story")
def test_openvino_and_torch_open_what_was_written_for_them(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    section = "For OpenVINO, and for torch"
    export(GUIDE.commands(section))
    openvino, torch = GUIDE.fenced(section, "python").split("import torch")
    quiet = "import sys; sys.modules['openvino_telemetry'] = None\n"
    for code in (quiet + openvino, "import torch" + torch):
        subprocess.run([sys.executable, "-c", code], cwd=place, check=True)


def export(commands: list[str]) -> None:
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "tocoad" and main(arguments) == 0
