"""One version of this software in all processes of a command: the one that the command itself was loaded from."""

from __future__ import annotations

import os
import sys
import sysconfig
from importlib.machinery import PathFinder
from pathlib import Path

import tocoad
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace
from tocoad.rooms import ROOMS, is_apart

_PACKAGES = ("tocoad", "services", "tasks", "flows", "cli")
_ROOT = Path(tocoad.__path__[0]).parent


def check_one_code(workspace: Workspace) -> None:
    """A workspace may be a checkout: `dvc repro` runs the code in it, and the flow the code that it was loaded from.

    Raises:
        SettingsError: they differ, or this process itself was loaded from several places.
    """
    for name in _PACKAGES:
        module = sys.modules.get(name)
        if module is not None and not _same_folder(Path(module.__path__[0]), _place(name)):
            raise SettingsError(f"{name} was loaded from {module.__path__[0]} and tocoad from {_ROOT}: use one of them")
    if (workspace.root / "tocoad" / "__init__.py").is_file() and (file := _difference(workspace.root)):
        raise SettingsError(
            f"{workspace.root} has another version of this software than the one that runs, {_ROOT} ({file} differs): "
            f"install the workspace's (make setup, and use its .venv/bin/tocoad), or take the folders "
            f"{', '.join(_PACKAGES)} out of it"
        )


def share_code() -> None:
    """Lets the processes that we start find the code where we did: in the folder of an installation's rooms, and should
    it be the script's or the current folder.
    """
    shared = _python_path()
    missing = [] if _is_in(shared, _ROOT) or _is_installed() else [_ROOT]
    if is_apart() and not _is_in(shared, ROOMS):
        missing.insert(0, ROOMS)
    if missing:
        os.environ["PYTHONPATH"] = os.pathsep.join([*map(str, missing), *shared])


def environment_of_others() -> dict[str, str]:
    """The environment for a program that is not ours: what it calls `tasks` or `services` is not in our rooms."""
    environment = dict(os.environ)
    shared = _python_path()
    if is_apart() and _is_in(shared, ROOMS):
        others = [path for path in shared if not _same_folder(Path(path), ROOMS)]
        environment["PYTHONPATH"] = os.pathsep.join(others)
    return environment


def _python_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


def _is_in(paths: list[str], folder: Path) -> bool:
    return any(_same_folder(Path(path), folder) for path in paths)


def _place(package: str) -> Path:
    return ROOMS / package if is_apart() and package != tocoad.__name__ else _ROOT / package


def _is_installed() -> bool:
    """Whether the code is found without a folder of its own on the path: installed, as a copy or as a link to it."""
    others = [path for path in sys.path if not _same_folder(Path(path), _ROOT)]
    if _same_folder(Path(sysconfig.get_path("purelib")), _ROOT):
        return True
    for finder in sys.meta_path:
        spec = finder.find_spec("tocoad", others if finder is PathFinder else None)
        if spec is not None and spec.submodule_search_locations:
            return _same_folder(Path(spec.submodule_search_locations[0]).parent, _ROOT)
    return False


def _difference(root: Path) -> str | None:
    """A file of the packages that the two places do not have alike."""
    if _same_folder(root, _ROOT):
        return None
    for name in _PACKAGES:
        here, running = _sources(root / name), _sources(_place(name))
        for file in sorted({*here, *running}):
            if file not in here or file not in running or here[file].read_bytes() != running[file].read_bytes():
                return f"{name}/{file}"
    return None


def _sources(package: Path) -> dict[str, Path]:
    found = {file.relative_to(package): file for file in package.rglob("*.py")}
    return {str(name): file for name, file in found.items() if name.parts[0] != ROOMS.name}


def _same_folder(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
