"""The nightly deployment's flow, as a Prefect worker loads it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.helpers.project import PROJECT

LOAD = """
from prefect.flows import load_flow_from_entrypoint
flow = load_flow_from_entrypoint("flows/retrain.py:retrain", use_placeholder_flow=False)
import services.ray.driver, tocoad, ray
print(flow.name, tocoad.__path__[0], services.ray.driver.__file__)
"""


def test_a_workspaces_own_modules_are_not_imported_by_the_nightly_run(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "flows", tmp_path / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc", "mlflow", "queue", "ray", "services", "tasks", "tocoad", "torch", "types"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError(__file__)\n")
    done = subprocess.run([sys.executable, "-P", "-c", LOAD], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["retrain", str(PROJECT / "tocoad"), str(PROJECT / "services" / "ray" / "driver.py")]
