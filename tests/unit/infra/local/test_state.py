"""The folder of a local cluster."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from infra.local import environment
from infra.local.errors import ClusterError, UsageError
from infra.local.state import Recorded, alone, choose_ports, create, load

PORTS = ["postgres", "s3", "mlflow", "prefect", "ray", "ray_client"]


def test_secrets_stay_the_same_and_are_the_owners_alone(tmp_path: Path) -> None:
    state = create(tmp_path / "cluster")
    choose_ports(state, PORTS)
    environment.write_exports(state)
    assert create(tmp_path / "cluster").secrets == state.secrets
    assert len(set(state.secrets.values())) == 6 and min(map(len, state.secrets.values())) >= 40
    with_secret = {
        file
        for file in state.folder.rglob("*")
        if file.is_file() and any(secret in file.read_text() for secret in state.secrets.values())
    }
    assert {file.name for file in with_secret} == {"cluster.json", "env.sh", "pgpass", "ray_token"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in with_secret} == {0o600}


def test_what_is_recorded_is_read_again(tmp_path: Path) -> None:
    state = create(tmp_path / "cluster")
    state.processes["s3"] = Recorded(12, 3.5)
    state.save()
    assert load(tmp_path / "cluster") == state
    assert load(tmp_path / "nowhere") is None


def test_a_record_that_cannot_be_read_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text("{")
    with pytest.raises(UsageError, match=r"cluster\.json: cannot be read"):
        load(tmp_path)


def test_ports_stay_the_same_unless_somebody_else_has_taken_one(tmp_path: Path) -> None:
    state = create(tmp_path)
    choose_ports(state, PORTS)
    first = dict(state.ports)
    choose_ports(state, PORTS)
    assert state.ports == first and len(set(first.values())) == len(PORTS)
    with socket.create_server(("127.0.0.1", first["mlflow"])):
        choose_ports(state, PORTS)
    assert {name for name in PORTS if state.ports[name] != first[name]} == {"mlflow"}


def test_two_do_not_work_on_one_folder(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(ClusterError, match="another `up` or `down` is at work"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_servers_get_nothing_of_the_callers_addresses_keys_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    leaking = ["PYTHONPATH", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_URI", "PREFECT_API_URL", "RAY_ADDRESS", "PGHOST"]
    for name in leaking:
        monkeypatch.setenv(name, "the caller's")
    plain = environment.plain()
    assert "the caller's" not in plain.values()
    assert plain["PATH"] == os.environ["PATH"] and "127.0.0.1" in plain["no_proxy"]


def test_no_environment_but_the_drivers_holds_rays_token_or_the_databases_password(tmp_path: Path) -> None:
    state = create(tmp_path)
    choose_ports(state, PORTS)
    exported = environment.exports(state)
    assert state.secrets["ray"] not in exported.values() and state.secrets["postgres"] not in str(exported)
    assert Path(exported["RAY_AUTH_TOKEN_PATH"]).read_text() == state.secrets["ray"]
