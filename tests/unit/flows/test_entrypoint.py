"""The deployments' flows, as a Prefect worker loads them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from tests.helpers.project import PROJECT

LOAD = """
import os, sys
from prefect.flows import load_flow_from_entrypoint
names = []
for entrypoint in sys.argv[1:]:
    names.append(load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False).name)
    # Of what is there now one may be torch's own: 2.9 has a folder for what it generates.
    assert not {"", ".", os.getcwd()} & set(sys.path), entrypoint
import services.ray.driver, tocoad, ray
print(*names, tocoad.__path__[0], services.ray.driver.__file__)
"""


def test_a_workspaces_own_modules_are_not_imported_by_what_a_worker_runs(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "flows", tmp_path / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc", "mlflow", "queue", "ray", "services", "tasks", "tocoad", "torch", "types"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError(__file__)\n")
    deployments = YAML(typ="safe").load(PROJECT / "infra" / "prefect" / "prefect.yaml")["deployments"]
    flows = [deployment["entrypoint"] for deployment in deployments]
    load = [sys.executable, "-P", "-c", LOAD, *flows]
    done = subprocess.run(load, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = [flow.partition(":")[2] for flow in flows]
    assert done.stdout.split() == [*names, str(PROJECT / "tocoad"), str(PROJECT / "services" / "ray" / "driver.py")]
