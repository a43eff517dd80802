"""What the processes of a local cluster find in their environment, and what a user's shell needs for all of it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from infra.local.state import LOOPBACK, State, write_private

BUCKET = "tocoad"
# A caller's addresses, keys and PYTHONPATH must not leak in: a node of Ray has nothing of the workspace.
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE")
_PROXIES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
_PRIVATE = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
}
# A node that hangs is given up after 9 seconds and not after 65.
RAY_HEALTH = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}


def plain() -> dict[str, str]:
    """For a process that needs no key."""
    direct = ",".join(filter(None, [os.environ.get("no_proxy"), LOOPBACK, "localhost"]))
    kept = {name: os.environ[name] for name in (*_KEPT, *_PROXIES) if name in os.environ}
    return kept | _PRIVATE | {"no_proxy": direct, "NO_PROXY": direct}


def s3_keys(state: State) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": state.secrets["s3_key"],
        "AWS_SECRET_ACCESS_KEY": state.secrets["s3_secret"],
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{state.ports['s3']}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def ray_token(state: State) -> dict[str, str]:
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(state.token_file), **RAY_HEALTH}


def ray_door(state: State) -> dict[str, str]:
    """For a driver, or who asks how the nodes are. The token lies in a file, and in no environment."""
    # A name that misleads: with it a driver takes 127.0.0.1 for what it is, and not for the machine's other address.
    loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    return {**ray_token(state), **loopback}


def prefect_door(state: State) -> dict[str, str]:
    return {
        "PREFECT_API_URL": f"http://{LOOPBACK}:{state.ports['prefect']}/api",
        "PREFECT_API_AUTH_STRING": f"tocoad:{state.secrets['prefect']}",
    }


def exports(state: State) -> dict[str, str]:
    """For `tocoad`, and for the flows that Prefect's worker starts. The last two go into `--set ray.address=...`."""
    return {
        "MLFLOW_TRACKING_URI": f"http://{LOOPBACK}:{state.ports['mlflow']}",
        **prefect_door(state),
        **s3_keys(state),
        **ray_door(state),
        "CLUSTER": f"{LOOPBACK}:{state.ports['ray']}",
        "STORE": f"s3://{BUCKET}/store",
    }


def write_exports(state: State) -> Path:
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exports(state).items()]
    write_private(state.exports, "\n".join(["# Secrets of this cluster: for its owner alone.", *lines, ""]))
    return state.exports
