"""The environment that the services find: private, inside the workspace, and the user's where the user has set it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import addresses as services
from services.addresses import configure
from tocoad.files.workspace import Workspace


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine where nothing was set; what a test sets is gone after it."""
    kept = dict(os.environ)
    for name in [*services._ours, "MLFLOW_TRACKING_URI", "PREFECT_API_URL", "PREFECT_HOME", "DO_NOT_TRACK"]:
        os.environ.pop(name, None)
    monkeypatch.setattr(services, "_ours", {})
    yield
    os.environ.clear()
    os.environ.update(kept)


def test_everything_lies_in_the_workspace_and_nothing_phones_home(tmp_path: Path) -> None:
    found = configure(Workspace(tmp_path))
    assert found.tracking_uri == f"sqlite:///{tmp_path}/.services/mlflow.db"
    assert found.artifact_root == tmp_path / ".services" / "mlartifacts"
    assert found.prefect_home == tmp_path / ".services" / "prefect"
    assert found.prefect_api_url is None
    assert os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert os.environ["DVC_NO_ANALYTICS"] == os.environ["DO_NOT_TRACK"] == "1"


def test_what_the_user_has_set_stays(tmp_path: Path) -> None:
    os.environ |= {
        "MLFLOW_TRACKING_URI": "http://mlflow.example:5000",
        "PREFECT_API_URL": "http://prefect.example:4200/api",
        "PREFECT_HOME": "/elsewhere",
        "DO_NOT_TRACK": "0",
    }
    found = configure(Workspace(tmp_path))
    assert found.tracking_uri == "http://mlflow.example:5000"
    assert found.artifact_root is None
    assert found.prefect_api_url == "http://prefect.example:4200/api"
    assert found.prefect_home == Path("/elsewhere")
    assert os.environ["DO_NOT_TRACK"] == "0"


def test_a_second_workspace_gets_addresses_of_its_own(tmp_path: Path) -> None:
    configure(Workspace(tmp_path / "one"))
    os.environ["PREFECT_HOME"] = "/set/meanwhile"
    found = configure(Workspace(tmp_path / "two"))
    assert found.tracking_uri == f"sqlite:///{tmp_path}/two/.services/mlflow.db"
    assert found.prefect_home == Path("/set/meanwhile")


def test_debug_opens_the_services_logs(tmp_path: Path) -> None:
    configure(Workspace(tmp_path))
    assert os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] == "CRITICAL"
    configure(Workspace(tmp_path), debug=True)
    assert os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] == "DEBUG"


def test_no_service_is_imported() -> None:
    loaded = "{'prefect', 'ray', 'mlflow', 'dvc', 'torch'} & set(sys.modules)"
    code = f"import sys, services.addresses, services.ray.runner; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_is_gone_from_the_environment_is_set_anew(tmp_path: Path) -> None:
    configure(Workspace(tmp_path))
    del os.environ["MLFLOW_TRACKING_URI"]
    assert configure(Workspace(tmp_path)).tracking_uri == f"sqlite:///{tmp_path}/.services/mlflow.db"


def test_user_and_password_leave_the_addresses_for_where_the_clients_look_besides(tmp_path: Path) -> None:
    os.environ |= {
        "MLFLOW_TRACKING_URI": "https://ops:p%40ss:word@mlflow.example:5000/base",
        "PREFECT_API_URL": "http://ops:secret@prefect.example:4200/api",
    }
    for _ in range(2):
        found = configure(Workspace(tmp_path))
        assert found.tracking_uri == os.environ["MLFLOW_TRACKING_URI"] == "https://mlflow.example:5000/base"
        assert found.prefect_api_url == os.environ["PREFECT_API_URL"] == "http://prefect.example:4200/api"
        assert os.environ["MLFLOW_TRACKING_USERNAME"] == "ops"
        assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "p@ss:word"
        assert os.environ["PREFECT_API_AUTH_STRING"] == "ops:secret"


def test_a_login_of_its_own_variables_goes_before_that_of_an_address(tmp_path: Path) -> None:
    os.environ |= {
        "MLFLOW_TRACKING_URI": "http://old:secret@mlflow.example",
        "MLFLOW_TRACKING_USERNAME": "new",
        "MLFLOW_TRACKING_PASSWORD": "other",
    }
    assert configure(Workspace(tmp_path)).tracking_uri == "http://mlflow.example"
    assert (os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"]) == ("new", "other")
