"""MLflow's files of a workspace that lies elsewhere than when they were written, and those of its copy."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest

from services.addresses import configure
from services.mlflow.database import DatabaseDamagedError
from services.mlflow.moved_workspace import follow
from services.mlflow.registry import PACKAGE_TAG, Registry, Version
from services.mlflow.tracking import Tracking
from tocoad.files.workspace import Workspace

pytestmark = pytest.mark.integration

MODEL = "set.gear"


def opened(root: Path) -> tuple[Tracking, Registry]:
    tracking = Tracking(configure(Workspace(root)))
    return tracking, tracking.registry()


def retrain(root: Path, package: Path) -> Version:
    """What a retrain leaves in MLflow: a run with a file, and a version."""
    tracking, registry = opened(root)
    (root / "figures.csv").write_text("a,b\n")
    with tracking.run(tracking.experiment("set"), "gear") as run:
        run.log_artifacts(root / "figures.csv")
        return registry.register(MODEL, run, package, np.zeros((32, 32, 3), np.uint8), {PACKAGE_TAG: package.name})


def files(root: Path) -> dict[Path, bytes]:
    found = (file for file in (root / ".services/mlartifacts").rglob("*") if file.is_file())
    return {file.relative_to(root): file.read_bytes() for file in found}


@pytest.fixture
def packages(make_detector: Callable[[int], Path]) -> tuple[Path, Path]:
    return make_detector(1), make_detector(2)


@pytest.fixture
def root(tmp_path: Path, restored_environment: None, packages: tuple[Path, Path]) -> Iterator[Path]:
    root = tmp_path / "line 1" / "workspace"
    root.mkdir(parents=True)
    retrain(root, packages[0])
    yield root


@pytest.fixture(params=["renamed", "copied"])
def elsewhere(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Path:
    target = tmp_path / "plant_2 (50 %)"
    if request.param == "renamed":
        root.rename(target)
    else:
        shutil.copytree(root, target)
    return target


def test_what_was_there_is_found_and_what_comes_stays_below_the_new_root(
    root: Path, elsewhere: Path, packages: tuple[Path, Path], tmp_path: Path
) -> None:
    original = files(root)
    before = files(elsewhere)
    _, registry = opened(elsewhere)
    fetched = registry.download(registry.version(MODEL, 1), tmp_path / "first")
    assert {file.name: file.read_bytes() for file in fetched.iterdir()} == {
        file.name: file.read_bytes() for file in packages[0].iterdir()
    }
    assert retrain(elsewhere, packages[1]).version == 2
    added = files(elsewhere).keys() - before.keys()
    assert [file.name for file in added if file.suffix == ".csv"] == ["figures.csv"]
    assert [file.name for file in added if file.suffix == ".safetensors"] == ["model.safetensors"]
    assert root.exists() == bool(original) and files(root) == original


def test_the_registered_model_loads_by_mlflow_alone_in_its_new_place(root: Path, tmp_path: Path) -> None:
    moved = root.rename(tmp_path / "moved")
    tracking, _ = opened(moved)
    code = f"import mlflow; print(mlflow.pyfunc.load_model('models:/{MODEL}/1').metadata.run_id)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    runs = tracking.client.search_runs([tracking.experiment("set")])
    assert done.stdout.strip() == runs[0].info.run_id


def test_a_place_that_the_user_chose_stays(root: Path, tmp_path: Path) -> None:
    chosen = (tmp_path / "big disk").as_uri()
    moved = root.rename(tmp_path / "moved")
    database = moved / ".services/mlflow.db"
    client = mlflow.MlflowClient(f"sqlite:///{database}")
    mine = client.create_experiment("mine", chosen)
    far = client.create_experiment("far", "s3://bucket/.services/mlartifacts/x")
    follow(database, moved / ".services/mlartifacts")
    assert client.get_experiment(mine).artifact_location == chosen
    assert client.get_experiment(far).artifact_location == "s3://bucket/.services/mlartifacts/x"


def test_services_may_be_a_link_to_another_disk(root: Path, tmp_path: Path) -> None:
    (root / ".services").rename(tmp_path / "disk")
    (root / ".services").symlink_to(tmp_path / "disk")
    moved = root.rename(tmp_path / "moved")
    _, registry = opened(moved)
    assert registry.download(registry.version(MODEL, 1), tmp_path / "first").is_dir()


def test_a_database_that_is_none_is_told_in_one_line(root: Path) -> None:
    (root / ".services/mlflow.db").write_bytes(b"not a database, but as long as its header, and longer" * 10)
    with pytest.raises(DatabaseDamagedError, match=r"mlflow\.db: .* \(file is not a database\)"):
        opened(root)


def test_a_database_of_an_earlier_mlflow_is_left_to_mlflow(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE runs (artifact_uri TEXT)")
        connection.execute("INSERT INTO runs VALUES ('file:///old/.services/mlartifacts/set/1/artifacts'), (NULL)")
    follow(database, tmp_path / "new root/.services/mlartifacts")
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT artifact_uri FROM runs").fetchall()
    new = (tmp_path / "new root/.services/mlartifacts/set/1/artifacts").as_uri()
    assert found == [(new,), (None,)]
