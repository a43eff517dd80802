"""Where the services of a workspace are, and the environment they must find before their libraries are imported.

Nothing here imports a service. What the user has set in the environment stays as it is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from services.environment import prepare_environment
from services.one_code import check_one_code, share_code
from tocoad.errors import SettingsError
from tocoad.files.workspace import Workspace

_QUIET = "WARNING"

# Nothing phones home, whatever a library's default is.
_PRIVATE = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
}

# What `configure` itself has set: a later call, for another workspace, may change these and nothing else.
_ours: dict[str, str] = {}


@dataclass(frozen=True)
class Services:
    """Addresses of one workspace's services.

    `prefect_api_url` is None where no server is configured. `artifact_root` is None where the tracking server decides.
    """

    workspace: Workspace
    tracking_uri: str
    artifact_root: Path | None
    prefect_api_url: str | None

    @property
    def prefect_home(self) -> Path:
        return Path(os.environ["PREFECT_HOME"])


def configure(workspace: Workspace, debug: bool = False) -> Services:
    """Sets the environment for Prefect, Ray, MLflow and DVC, and says where they are.

    Call it before any of them is imported: Prefect and Ray read their settings at import.

    Raises:
        SettingsError: the workspace has code of another version or a name that no database can have, or a proxy that
            is set cannot be used.
    """
    check_one_code(workspace)
    share_code()
    # By the workspace's own name, should it be a link to another disk: the places in MLflow's database hold it.
    folder = Workspace(workspace.root.resolve()).services_dir
    if "?" in str(folder):
        raise SettingsError(f"{folder.parent}: a '?' in the path of a workspace ends the address of its databases")
    prepare_environment(folder / "home")
    folder.mkdir(parents=True, exist_ok=True)
    local_tracking = f"sqlite:///{folder / 'mlflow.db'}"
    # MLflow's errors reach us as exceptions; its own log of them, traceback upon traceback, hides the line that counts.
    level = "DEBUG" if debug else "CRITICAL"
    values = {
        **_PRIVATE,
        "MLFLOW_TRACKING_URI": local_tracking,
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        # The default, 7 with growing pauses, is silent for four minutes before a wrong address is told.
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",
        "MLFLOW_LOGGING_LEVEL": level,
        # Standard output belongs to the command line.
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "PREFECT_HOME": str(folder / "prefect"),
        # Signs of life, every so many seconds: the server's automation calls a run without them Crashed.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        # The pages of a run have its log; the terminal has progress bars, and the errors in the result.
        "PREFECT_LOGGING_LEVEL": "DEBUG" if debug else "INFO",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "DEBUG" if debug else "CRITICAL",
        # What Prefect cannot send to a server that died is in the result as a warning.
        "PREFECT_LOGGING_INTERNAL_LEVEL": "DEBUG" if debug else "CRITICAL",
        "PREFECT_SERVER_LOGGING_LEVEL": _QUIET,
        # The default, 20 s, is too short for a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        # In memory, the default, they end with the server, and whose turn it was keeps the others waiting for ever.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # Ray's default, said aloud; unsaid, it prints a notice.
        "RAY_AUTH_MODE": "token",
    }
    for name, value in values.items():
        _set(name, value)
    hide_credentials()
    uri = os.environ["MLFLOW_TRACKING_URI"]
    return Services(
        workspace=workspace,
        tracking_uri=uri,
        artifact_root=folder / "mlartifacts" if uri == local_tracking else None,
        prefect_api_url=os.environ.get("PREFECT_API_URL") or None,
    )


def hide_credentials() -> None:
    """Moves user and password from the services' addresses to where their clients look for them besides.

    An address is printed, logged and kept in links; what stands in it would be too.
    """
    if (found := _take_out("MLFLOW_TRACKING_URI")) and "MLFLOW_TRACKING_USERNAME" not in os.environ:
        os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = found
    if found := _take_out("PREFECT_API_URL"):
        os.environ.setdefault("PREFECT_API_AUTH_STRING", ":".join(found))


def _take_out(name: str) -> tuple[str, str] | None:
    """The user and password in the address of this name, which keeps the rest."""
    scheme, separator, rest = os.environ.get(name, "").partition("://")
    authority, slash, path = rest.partition("/")
    before, at, host = authority.rpartition("@")
    if not at or scheme not in ("http", "https"):
        return None
    os.environ[name] = f"{scheme}{separator}{host}{slash}{path}"
    user, _, password = before.partition(":")
    return unquote(user), unquote(password)


def _set(name: str, value: str) -> None:
    if name not in os.environ or os.environ[name] == _ours.get(name):
        os.environ[name] = _ours[name] = value
