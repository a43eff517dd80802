"""`tocoad` installed from a wheel into an environment that has the dependencies and not the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass, replace
from pathlib import Path

from tests.helpers.project import PROJECT
from tests.helpers.shop import Shop

ROOMS = ("cli", "flows", "tasks", "services")
_SOURCES = (*ROOMS, "tocoad", "infra/wheel")
_FILES = ("pyproject.toml", "README.md", "LICENSE", "params.yaml", ".gitignore", ".dvcignore")
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


@dataclass(frozen=True)
class Installation:
    wheel: Path
    programs: Path

    @property
    def environment(self) -> dict[str, str]:
        """In which nothing leads to the checkout."""
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": "", "DVC_NO_ANALYTICS": "1"}

    def run(self, *command: str, cwd: Path) -> str:
        """What it said on standard output."""
        program = str(self.programs / command[0])
        done = subprocess.run(
            [program, *command[1:]], cwd=cwd, env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def in_place_of(self, checkout: Shop) -> Shop:
        """The same workspace, with this installation's commands."""
        return replace(checkout, programs=self.programs, env={**checkout.env, "PYTHONPATH": ""})


def install(folder: Path) -> Installation:
    """From a copy of the sources: setuptools writes into them. Modules of others lie in the environment too, by the
    names of our rooms; each fails whoever imports it without the variable THEIRS.
    """
    for name in _SOURCES:
        shutil.copytree(PROJECT / name, folder / "sources" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        shutil.copy(PROJECT / name, folder / "sources")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(folder / "sources"))
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "environment")
    programs = folder / "environment" / "bin"
    _pip("--python", str(programs / "python"), "install", "--no-deps", "--no-index", "--no-compile", str(wheel))
    (packages,) = (folder / "environment" / "lib").glob("*/site-packages")
    # Of what such a file leads to, no further such file is read: not the one that leads to the checkout.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    for name in ROOMS:
        (packages / f"{name}.py").write_text('import os\nassert "THEIRS" in os.environ, __file__\n')
    return Installation(wheel, programs)


def _pip(*arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run([*_PIP, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
