"""`infra/local-cluster.sh` with the real servers. Of all of them MLflow and what it needs: the rest takes too long here
and is in `tests/e2e/test_cluster_guide.py`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from infra.local.processes import lives
from infra.local.state import LOOPBACK
from tests.helpers.local_cluster import LocalCluster, asked, local_cluster, needs_its_programs, said_of
from tests.helpers.processes import wait_until

pytestmark = [pytest.mark.integration, needs_its_programs]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """MLflow is up in it."""
    with local_cluster() as cluster:
        said = said_of(cluster.call("up", "mlflow"))
        assert [said[name].split()[0] for name in ("postgres", "s3", "mlflow")] == ["answers"] * 3
        yield cluster


@pytest.fixture(scope="module")
def run(cluster: LocalCluster) -> str:
    """A run with a figure and a file."""
    client = client_of(cluster)
    run: str = client.create_run(client.create_experiment("parts")).info.run_id
    client.log_metric(run, "image_AUROC", 0.9)
    client.log_text(run, "a text", "notes/one.txt")
    return run


def client_of(cluster: LocalCluster) -> MlflowClient:
    return MlflowClient(f"http://{LOOPBACK}:{cluster.state.ports['mlflow']}")


def test_status_tells_of_what_was_started_where_it_is(cluster: LocalCluster) -> None:
    said = said_of(cluster.call("status"))
    ports, started = cluster.state.ports, cluster.state.processes
    assert said["mlflow"] == f"answers {started['mlflow'].pid} http://{LOOPBACK}:{ports['mlflow']}"
    assert {name for name, words in said.items() if words.startswith("is down")} == set(said) - set(started)


def test_up_again_leaves_what_runs(cluster: LocalCluster) -> None:
    before = cluster.state.processes
    assert cluster.call("up", "mlflow").count("runs already") == 3
    assert cluster.state.processes == before


def test_what_mlflow_records_lies_in_postgresql_and_its_files_in_the_bucket(cluster: LocalCluster, run: str) -> None:
    import psycopg2

    door = {"host": LOOPBACK, "port": cluster.state.ports["postgres"], "user": "tocoad", "dbname": "mlflow"}
    connection = psycopg2.connect(**door, passfile=str(cluster.state.password_file))
    cursor = connection.cursor()
    cursor.execute("SELECT value FROM metrics WHERE run_uuid = %s", [run])
    assert cursor.fetchall() == [(0.9,)]
    connection.close()
    (file,) = (cluster.folder / "s3/mlflow").rglob("one.txt")
    assert file.read_text() == "a text" and run in str(file)
    with pytest.raises(psycopg2.OperationalError, match=r"no password supplied|authentication failed"):
        psycopg2.connect(**door, passfile="/nowhere")


def test_no_secret_is_on_a_command_line_or_in_a_log(cluster: LocalCluster, run: str) -> None:
    secrets = cluster.state.secrets.values()
    shown = [" ".join(words) for words in asked(cluster.processes(), psutil.Process.cmdline)]
    assert len(shown) >= 3
    shown += [log.read_text(errors="replace") for log in (cluster.folder / "logs").iterdir()]
    assert not [text for text in shown if any(secret in text for secret in secrets)]


def test_what_was_killed_is_said_and_comes_back_with_its_data(cluster: LocalCluster, run: str, tmp_path: Path) -> None:
    before = cluster.state.processes
    psutil.Process(before["s3"].pid).kill()
    wait_until("its end", lambda: "has ended" in cluster.call("status", code=1), 30)
    said = cluster.call("up", "mlflow")
    assert said.count("runs already") == 2 and said_of(said)["s3"].startswith("answers")
    assert cluster.state.processes["s3"].pid != before["s3"].pid
    assert Path(client_of(cluster).download_artifacts(run, "notes/one.txt", str(tmp_path))).read_text() == "a text"


def test_down_leaves_no_process_and_keeps_the_data(cluster: LocalCluster, run: str) -> None:
    processes, ports = cluster.processes(), cluster.state.ports
    cluster.call("down")
    assert not any(map(lives, processes))
    for name in ("postgres", "s3", "mlflow"):
        socket.create_server((LOOPBACK, ports[name])).close()
    assert list((cluster.folder / "s3/mlflow").rglob("one.txt"))
    assert "all of it is down" in cluster.call("down")


def test_down_ends_what_a_killed_up_had_started(cluster: LocalCluster) -> None:
    cluster.call("down")
    up = cluster.start("up", "mlflow")
    wait_until("the start of PostgreSQL", lambda: "postgres" in cluster.state.processes, 60, pause=0.01)
    up.kill()
    up.communicate()
    processes = cluster.processes()
    assert processes
    cluster.call("down")
    assert not any(map(lives, processes))
    assert cluster.processes() == []
