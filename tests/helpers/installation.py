"""`tocoad` installed from its wheel, as the guide says it, into an environment that has the dependencies and not the
checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, replace
from pathlib import Path

from tests.helpers.guide import Guide, run, typist
from tests.helpers.project import PROJECT
from tests.helpers.shop import Shop

GUIDE = Guide("wheel.md")
ROOMS = ("cli", "flows", "tasks", "services")
_FOLDERS = (*ROOMS, "tocoad", "infra/wheel")
_FILES = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "params.yaml", ".gitignore", ".dvcignore")
# The dependencies are there, and setuptools too.
_ALONE = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_COMPILE": "1"}


@dataclass(frozen=True)
class Installation:
    wheel: Path
    programs: Path

    @property
    def environment(self) -> dict[str, str]:
        """Of who has activated it; nothing there leads to the checkout."""
        ours = typist()
        return {**ours, "PATH": f"{self.programs}{os.pathsep}{ours['PATH']}", "PYTHONPATH": ""}

    def run(self, *command: str, cwd: Path) -> str:
        """What it said on standard output."""
        done = subprocess.run(
            command, cwd=cwd, env=self.environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def in_place_of(self, checkout: Shop) -> Shop:
        """The same workspace, with this installation's commands."""
        return replace(checkout, programs=self.programs, env={**checkout.env, "PYTHONPATH": ""})


def install(folder: Path) -> Installation:
    """From what a source distribution has of a copy of the sources: setuptools writes into them.

    Modules of others lie in the environment too, by the names of our rooms; each fails whoever imports it without the
    variable THEIRS.
    """
    sources = _sources(folder)
    for command in GUIDE.commands("Install it"):
        run(command, sources, {**typist(), "PYTHONPATH": "", **_ALONE})
    (packages,) = (sources / "environment" / "lib").glob("*/site-packages")
    # Of what such a file leads to, no further such file is read: not the one that leads to the checkout.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    for name in ROOMS:
        (packages / f"{name}.py").write_text('import os\nassert "THEIRS" in os.environ, __file__\n')
    (wheel,) = (sources / "dist").glob("*.whl")
    return Installation(wheel, sources / "environment" / "bin")


def _sources(folder: Path) -> Path:
    copy = folder / "copy"
    for name in _FOLDERS:
        shutil.copytree(PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        shutil.copy(PROJECT / name, copy)
    build = "import sys; sys.path.insert(0, 'infra/wheel'); import backend; backend.build_sdist('..')"
    subprocess.run([sys.executable, "-c", build], cwd=copy, capture_output=True, check=True)
    (archive,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder, filter="data")
    sources = folder / archive.name.removesuffix(".tar.gz")
    shutil.copy(PROJECT / "requirements.lock", sources)
    return sources
