"""`dvc repro` after a change of params.yaml that no stage would read: refused by the first stage that it made stale."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.project import project_workspace

pytestmark = pytest.mark.integration

DVC_YAML = """
stages:
  stage1:
    cmd: {python} -m tocoad stage1 --category set/part
    params: [stage1, "profiles.${{profile}}.stage1"]
"""


def test_an_override_that_the_profile_shadows_ends_dvc_repro_with_the_right_key(tmp_path: Path) -> None:
    params = project_workspace(tmp_path).params_file
    (tmp_path / "dvc.yaml").write_text(DVC_YAML.format(python=sys.executable))
    section, rest = params.read_text().split("\nstage2:", 1)
    params.write_text(section.replace("  lr: 1.0e-4", "  lr: 5.0e-2") + "\nstage2:" + rest)
    env = os.environ | {"DVC_NO_ANALYTICS": "1"}
    for command in ("init --no-scm -q", "repro"):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *command.split()], cwd=tmp_path, env=env, capture_output=True, text=True
        )
    assert done.returncode != 0
    assert "stage1.lr stands in two places: 0.05 in the section, and 0.002 in profiles.demo.stage1" in done.stderr
    assert "change profiles.demo.stage1.lr" in done.stderr and "exited with 2" in done.stderr
