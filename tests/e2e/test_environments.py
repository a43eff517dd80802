"""One small category under what real machines have: proxies, folders and addresses of other software, unknown users.

Environments that cannot hide each other's faults share a run.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from skip_report import reason

from tests.helpers.installation import Installation
from tests.helpers.shop import Shop

pytestmark = pytest.mark.e2e

NOBODY = 54321
# The interpreter and the tests may lie where root alone may look; what may be written is left as it is for others.
AS_NOBODY = [
    *("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"),
    *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"),
]


def champion(document: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = document["categories"]["gear"]
    assert entry["error"] is None
    assert (entry["status"], entry["decision"]["verdict"], entry["model"]["version"]) == ("trained", "promoted", 1)
    return entry


def test_proxies_foreign_addresses_a_long_folder_and_a_users_own_modules_do_no_harm(
    shop: Shop, installation: Installation, tmp_path: Path
) -> None:
    """Nor to an installation, in whose environment such modules lie too."""
    alone = installation.in_place_of(shop.gear_alone(tmp_path / "W"))
    # Python packages and modules by the names of ours and of what our processes import.
    ours, theirs = (
        ("cli", "flows", "services", "tasks", "tocoad"),
        ("dvc", "mlflow", "prefect", "queue", "ray", "torch"),
    )
    for name in (*ours, *theirs, "types"):
        (alone.root / f"{name}.py").write_text("raise RuntimeError(__file__)\n")
    # A Unix socket's name has 107 bytes at most, and the file is that of a `ray start` that has died.
    temporary = tmp_path / ("x" * 90)
    temporary.joinpath("ray").mkdir(parents=True)
    temporary.joinpath("ray", "ray_current_cluster").write_text("127.0.0.1:6499")
    nowhere = "127.0.0.1:9"
    env = {
        **dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), f"http://{nowhere}"),
        "ALL_PROXY": f"socks5://{nowhere}",
        "RAY_ADDRESS": "127.0.0.1:6399",
        "TMPDIR": str(temporary),
    }
    done = alone.run("tocoad", "retrain", "tiny", "--method", "patchcore", "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    champion(json.loads(done.stdout))
    assert not list(temporary.glob("*ray-*"))


@pytest.fixture
def stranger() -> list[str]:
    """The words before a command that runs it as a uid without a passwd entry."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip(reason("only root can become a user without a passwd entry", "as root, where setpriv is"))
    if subprocess.run([*AS_NOBODY, sys.executable, "-c", ""], check=False, capture_output=True).returncode:
        lacking = "this container lets root hand on no capability, and the interpreter cannot be read"
        pytest.skip(reason(lacking, "where root may, or with an interpreter that everybody can read"))
    return AS_NOBODY


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where everybody may look, unlike in pytest's own folders: git wants that of all folders above a repository."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_user_whom_nobody_knows_without_a_home_in_a_repository_of_another(
    shop: Any, open_folder: Path, stranger: list[str]
) -> None:
    alone = shop.gear_alone(open_folder / "a Wörk%20shop #1")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, "commit", "-qm", "x", "--allow-empty"], cwd=alone.root, check=True)
    sha = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=alone.root, text=True).strip()
    for path in (alone.root, *alone.root.rglob("*")):
        if ".git" not in path.relative_to(alone.root).parts:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        """In an environment that has nothing but what finds the command."""
        kept = {name: text for name, text in os.environ.items() if name in ("PATH", "PYTHONPATH")}
        return subprocess.run(
            [*stranger, str(Path(sys.executable).with_name("tocoad")), *command],
            cwd=alone.root,
            env={**kept, "LC_ALL": "C"},
            umask=0o077,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    added = run("data", "add", "data/tiny", "--name", "again")
    assert added.returncode == 0, added.stderr
    done = run("retrain", "tiny", "--method", "patchcore", "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    champion(json.loads(done.stdout))
    assert done.stderr.count("warning: the git repository is another user's") == 1, done.stderr
    assert "git config --global --add safe.directory" in done.stderr
    with sqlite3.connect(f"file:{quote(str(alone.root))}/.services/mlflow.db?mode=ro", uri=True) as database:
        commits = database.execute("select distinct value from tags where key = 'mlflow.source.git.commit'").fetchall()
    assert commits == [(f"{sha}-dirty",)]


def test_a_workspace_with_an_older_copy_of_the_code_is_refused(shop: Any, tmp_path: Path) -> None:
    alone = shop.gear_alone(tmp_path / "W")
    for name in ("cli", "flows", "services", "tasks", "tocoad"):
        (alone.root / name).mkdir()
        (alone.root / name / "__init__.py").write_text("raise RuntimeError(__file__)\n")
    before = (alone.root / "params.yaml").read_bytes()
    done = alone.run("tocoad", "retrain", "tiny", "--method", "patchcore", "--set", "seed=77")
    assert done.returncode == 2
    assert (alone.root / "params.yaml").read_bytes() == before
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {alone.root} has another version of this software than the one that runs, ")
