"""A configured Prefect server that is none, or is away, ends a command before any work, with one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from answering import answering

from tests.helpers.project import PROJECT, project_workspace

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("status", [0, 200, 401], ids=["nobody", "a page of HTML", "who are you?"])
def test_a_command_says_in_one_line_that_no_prefect_server_answers(tmp_path: Path, status: int) -> None:
    project_workspace(tmp_path)
    (tmp_path / "dvc.yaml").write_text((PROJECT / "dvc.yaml").read_text())
    with answering(status, b"<html>\nWelcome</html>") as address:
        url = f"{address if status else 'http://127.0.0.1:9'}/api"
        env = os.environ | {"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "0", "PYTHONPATH": str(PROJECT)}
        command = [sys.executable, "-P", "-c", "import sys; from cli.main import main; sys.exit(main())"]
        done = subprocess.run(
            [*command, "promote", "set", "part"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: no Prefect server answers at {url} ("), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


READY = """
import sys
from pathlib import Path
from services.addresses import configure
from services.prefect.server import prefect_api
from tocoad.files.workspace import Workspace
with prefect_api(configure(Workspace(Path(sys.argv[1])))) as api:
    api.ready()
"""


def test_a_configured_server_is_used_as_it_is(tmp_path: Path) -> None:
    project_workspace(tmp_path)
    home = tmp_path / "home"
    with answering(200, b'"3.8.8"') as address:
        env = os.environ | {"PREFECT_API_URL": f"{address}/api", "PREFECT_HOME": str(home), "PYTHONPATH": str(PROJECT)}
        done = subprocess.run([sys.executable, "-P", "-c", READY, str(tmp_path)], env=env, timeout=200, check=False)
    assert done.returncode == 0
    # Prefect's client makes the folder when it is imported.
    assert not [file.name for file in home.glob("*") if file.name != "profiles.toml"]
