"""A workspace with another version of the code than the one that runs is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.one_code import check_one_code
from tests.helpers.project import PROJECT
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace

CODE = ("cli", "flows", "services", "tasks", "tocoad")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code that runs."""
    for name in CODE:
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_same_code_may_lie_in_the_workspace(checkout: Path) -> None:
    check_one_code(Workspace(PROJECT))
    check_one_code(Workspace(checkout))


@pytest.mark.parametrize("file", ["tocoad/gate/decide.py", "services/dvc/repository.py", "flows/result.py"])
def test_another_version_is_refused_with_both_places(checkout: Path, file: str) -> None:
    (checkout / file).write_text("# an older version\n")
    with pytest.raises(SettingsError) as caught:
        check_one_code(Workspace(checkout))
    message = str(caught.value)
    assert f"{checkout} has another version of this software than the one that runs, {PROJECT} ({file} differs)" in (
        message
    )
    assert "\n" not in message


def test_a_file_that_only_one_of_them_has_is_a_difference(checkout: Path) -> None:
    (checkout / "tocoad/settings/planning.py").rename(checkout / "tocoad/settings/plans.py")
    with pytest.raises(SettingsError, match=r"tocoad/settings/planning\.py differs"):
        check_one_code(Workspace(checkout))


def test_folders_of_a_user_with_our_names_are_no_code_of_ours(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").touch()
    (tmp_path / "tocoad.py").touch()
    check_one_code(Workspace(tmp_path))


def test_code_that_was_found_in_the_current_folder_is_found_by_the_processes_we_start(checkout: Path) -> None:
    """As with `python -m cli.main` in a checkout that is not the installed one."""
    code = """
import os, subprocess, sys
from services.one_code import share_code
share_code()
command = [sys.executable, "-P", "-c", "import tocoad; print(tocoad.__path__[0])"]
print(subprocess.run(command, cwd="/", capture_output=True, text=True).stdout)
"""
    env = {name: text for name, text in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [str(checkout / "tocoad")], done.stderr


def test_what_is_installed_as_a_link_is_not_put_before_all_else(tmp_path: Path) -> None:
    """A process whose current folder is the checkout: what else lies there is for none of its children."""
    code = """
import os, sys
import importlib.util
from importlib.machinery import PathFinder

class Link:  # as setuptools installs it
    def find_spec(name, path=None, target=None):
        if name == "tocoad":
            return PathFinder.find_spec(name, [os.getcwd()])

sys.meta_path.insert(0, Link)
from services.one_code import share_code
share_code()
print(os.environ.get("PYTHONPATH"))
"""
    env = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "None", done.stderr
