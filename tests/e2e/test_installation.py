"""`pip install` of the wheel, and a workspace that `tocoad init` made: no checkout is near."""

from __future__ import annotations

import base64
import csv
import hashlib
import shutil
import subprocess
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from services.ray.guard import versions
from tests.helpers.guide import missing_lines
from tests.helpers.installation import GUIDE, ROOMS, Installation
from tests.helpers.on_request import on_request
from tests.helpers.project import PROJECT
from tests.helpers.shop import Shop
from tocoad.settings.sections import EncoderSettings

pytestmark = pytest.mark.e2e

THEIRS = """
import os
os.environ["THEIRS"] = ""
import tocoad.rooms, services, tasks, flows, cli
print(*(module.__file__ for module in (services, tasks, flows, cli)), sep="\\n")
"""
# A hook of git's, and the command that is told of a flow's end.
OTHERS = """
import os, tocoad.rooms
tocoad.rooms.enter()
from pathlib import Path
from services.addresses import configure
from services.git.calls import git
from services.notify import deliver
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import NotifySettings
here = Path.cwd()
os.environ["PYTHONPATH"] = "/mine"
configure(Workspace(here))
deliver(b"", NotifySettings(command=["sh", "-c", "echo $PYTHONPATH > told"]), here)
hook = git(here, "-c", "alias.as-hook=!echo $PYTHONPATH", "as-hook").stdout.decode()
print(os.environ["PYTHONPATH"], hook.strip(), Path("told").read_text().strip(), sep="\\n")
"""
SAME = """
import tocoad.rooms
tocoad.rooms.enter()
from services.ray.guard import versions
from tocoad.settings.sections import EncoderSettings
print(versions(EncoderSettings())["the code of tocoad"])
"""
WORKER = """
import sys
from prefect.flows import load_flow_from_entrypoint
print(load_flow_from_entrypoint(sys.argv[1], use_placeholder_flow=False).name)
import tasks
print(tasks.__file__)
"""


@pytest.fixture(scope="module")
def workspace(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stranger")
    root = folder / "a workspace"
    assert installation.run("tocoad", "init", root.name, cwd=folder) == f"{root}\n"
    return root


def test_the_wheel_takes_one_name_and_its_record_is_true(installation: Installation) -> None:
    with ZipFile(installation.wheel) as wheel:
        names = wheel.namelist()
        (record,) = (name for name in names if name.endswith("/RECORD"))
        rows = {name: (digest, size) for name, digest, size in csv.reader(StringIO(wheel.read(record).decode()))}
        digests = {name: hashlib.sha256(wheel.read(name)).digest() for name in names if name != record}
    info = record.partition("/")[0]
    assert {name.partition("/")[0] for name in names} == {"tocoad", info}
    assert rows.pop(record) == ("", "")
    told = {name: f"sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')}" for name, digest in digests.items()}
    assert {name: digest for name, (digest, _) in rows.items()} == told


def test_the_wheel_has_every_file_of_the_rooms_and_what_a_workspace_is_made_from(installation: Installation) -> None:
    with ZipFile(installation.wheel) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    tracked = subprocess.check_output(["git", "ls-files", "tocoad", *ROOMS], cwd=PROJECT, text=True).splitlines()
    # For who works on the sources: what a method is, and which code was signed.
    needed = [name for name in tracked if not name.endswith(("README.md", "/code.txt"))]
    rooms = {name if name.startswith("tocoad/") else f"tocoad/_rooms/{name}" for name in needed}
    made_from = {f"tocoad/_rooms/workspace/{name}" for name in ("params.yaml", ".gitignore", ".dvcignore")}
    assert packed == rooms | made_from


def test_what_others_call_like_our_rooms_is_theirs(installation: Installation, tmp_path: Path) -> None:
    said = installation.run("python", "-c", THEIRS, cwd=tmp_path).split()
    assert [Path(file).name for file in said] == ["services.py", "tasks.py", "flows.py", "cli.py"]


def test_a_program_of_the_users_does_not_find_our_rooms(installation: Installation, workspace: Path) -> None:
    ours, *theirs = installation.run("python", "-P", "-c", OTHERS, cwd=workspace).splitlines()
    assert ours.endswith("/tocoad/_rooms:/mine") and theirs == ["/mine", "/mine"]


def test_a_node_with_the_same_code_is_no_other_for_an_installed_driver(
    installation: Installation, workspace: Path
) -> None:
    installed = installation.run("python", "-P", "-c", SAME, cwd=workspace)
    assert installed.strip() == versions(EncoderSettings())["the code of tocoad"]


def test_a_worker_of_prefect_loads_an_installed_flow(installation: Installation, workspace: Path) -> None:
    rooms = installation.run("python", "-c", "import tocoad.rooms; print(tocoad.rooms.ROOMS)", cwd=workspace).strip()
    said = installation.run("python", "-P", "-c", WORKER, f"{rooms}/flows/retrain.py:retrain", cwd=workspace)
    assert said.split() == ["retrain", f"{rooms}/tasks/__init__.py"]


def test_dvc_runs_the_installed_stages_on_images_that_came_in(
    installation: Installation, workspace: Path, shop: Shop
) -> None:
    shutil.copy(shop.root / "params.yaml", workspace)
    installation.run("tocoad", "data", "add", str(shop.root / "data/tiny"), "--name", "parts", cwd=workspace)
    installation.run("python", "-P", "-m", "dvc", "repro", "manifest@parts/gear", cwd=workspace)
    assert (workspace / "work/parts/gear/manifest/train.json").is_file()
    assert "parts/gear" in (workspace / "plan.yaml").read_text()


@on_request("wheel")
def test_the_guide_to_a_workspace_without_a_checkout(installation: Installation, tmp_path: Path) -> None:
    init, enter, *others = GUIDE.commands("A workspace")
    installation.run("bash", "-c", f"{init} && {enter}", cwd=tmp_path)
    said = "".join(installation.run("bash", "-c", command, cwd=tmp_path / "inspection") for command in others)
    assert missing_lines(GUIDE.fenced("A workspace", "text"), said) == []
    assert (tmp_path / "inspection/work/sample/report").is_dir()
