"""The walk through docs/guide/scoring.md, whose first command is killed on its way and typed again."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from pyarrow.parquet import read_table

from services.addresses import configure
from services.mlflow.decision_log import DecisionLog
from services.mlflow.registry import Registry
from services.mlflow.tracking import Tracking
from services.scoring.journal import Row, read_rows
from tests.helpers.camera import pictures
from tests.helpers.environment import kept_environment
from tests.helpers.guide import Guide, typist
from tests.helpers.on_request import on_request
from tests.helpers.packages import save_detector
from tests.helpers.processes import MARK, kill_marked, wait_until
from tests.helpers.s3_servers import S3Server
from tests.helpers.shop import make_workspace
from tests.helpers.toys import write
from tocoad.files.workspace import Workspace
from tocoad.package.card import package_sha256
from tocoad.package.detector import load_detector
from tocoad.predict.files import find_images, predict_files

pytestmark = [pytest.mark.integration, on_request("story"), pytest.mark.timeout(600)]

GUIDE = Guide("scoring.md")
MODEL = "parts.gear"
IMAGES, DISTINCT = 600, 12


@dataclass(frozen=True)
class Line:
    """A workspace whose registry has a champion, and beside it `line`, with images and one that is damaged."""

    workspace: Workspace
    images: Path
    environment: dict[str, str]
    predicted: dict[str, Row]

    def start(self, command: str, mark: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.workspace.root,
            env={**self.environment, MARK: mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def told(self, command: str, meanwhile: Callable[[int], None] = lambda _: None) -> str:
        """Of a command that finds the damaged image; `meanwhile` gets its process."""
        process = self.start(command)
        meanwhile(process.pid)
        said, errors = process.communicate()
        assert process.returncode == 1, said + errors
        assert "damaged.png: " in errors and "Traceback" not in errors, errors
        return said


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, prefect_server: str, rclone_server: S3Server) -> Iterator[Line]:
    place = tmp_path_factory.mktemp("scoring")
    registry_uri = f"sqlite:///{place}/mlflow.db"  # other guides have a model of this name too
    (place / "workspace").mkdir()
    workspace = make_workspace(place / "workspace").root
    images = place / "line"
    write(images / "early", enumerate(pictures(DISTINCT, 1)))
    for number in range(DISTINCT, IMAGES):
        (images / "late").mkdir(exist_ok=True)
        shutil.copy(images / "early" / f"{number % DISTINCT:03d}.png", images / "late" / f"{number:03d}.png")
    (images / "damaged.png").write_bytes((images / "early" / "000.png").read_bytes()[:200])
    package = save_detector(place / "package", 1)
    with kept_environment(), chdir(place):  # MLflow keeps what a database of its own has beside where it stands
        os.environ["MLFLOW_TRACKING_URI"] = registry_uri
        tracking = Tracking(configure(Workspace(workspace)))
        registry = Registry(tracking.client)
        tags = {"package_sha256": package_sha256(package)}
        with tracking.run(tracking.experiment("scoring"), "gear") as run:
            version = registry.register(MODEL, run, package, pictures(1, 0)[0], tags).version
        log = DecisionLog(registry, MODEL)
        log.append(log.entry("promote", log.settled(), version))
        log.settled()
    predictions = predict_files(load_detector(package), find_images([images]).images)
    predicted = {
        str(one.found.file.relative_to(images)): Row(one.pred_score, one.pred_label, one.error) for one in predictions
    }
    services = {"MLFLOW_TRACKING_URI": registry_uri, "PREFECT_API_URL": prefect_server}
    assert rclone_server.folder is not None
    shutil.copytree(images, rclone_server.folder.parent / "line-3" / "gear")
    yield Line(Workspace(workspace), images, {**typist(), **rclone_server.env, **services}, predicted)


def test_a_killed_run_goes_on_to_the_image_and_gives_what_predict_gives(line: Line) -> None:
    (command,) = GUIDE.commands("A folder")
    mark = uuid.uuid4().hex
    shards = line.workspace.root / "scores.parquet.parts" / "shards"
    with line.start(command, mark):
        wait_until("some images are scored", lambda: len(rows_in(shards)) >= 5, 300, pause=0.02)
        kill_marked(mark)
    before = rows_in(shards)
    assert 5 <= len(before) < IMAGES and not (line.workspace.root / "scores.parquet").exists()
    said = line.told(command)
    assert f"{IMAGES + 1:,} images scored, {len(before):,} of them before" in said, "none is scored again"
    table = read_table(line.workspace.root / "scores.parquet").to_pydict()
    assert table["image_path"] == sorted(f"../line/{name}" for name in line.predicted)
    columns = zip(*(table[name] for name in ("image_path", "pred_score", "pred_label", "error")), strict=True)
    assert {path.removeprefix("../line/"): Row(*row) for path, *row in columns} == line.predicted
    assert not shards.parent.exists()


def test_a_bucket_has_the_scores_of_the_folder_though_a_worker_is_killed(line: Line) -> None:
    (command,) = GUIDE.commands("A bucket")
    shards, killed = line.workspace.root / "scores.csv.parts" / "shards", list[int]()

    def kill_one(command: int) -> None:
        wait_until("some images are scored", lambda: len(rows_in(shards)) >= 5, 300, pause=0.02)
        started = psutil.Process(command).children(recursive=True)
        next(one for one in started if "ray::call_with_keys" in " ".join(one.cmdline())).kill()
        killed.append(len(rows_in(shards)))

    line.told(command, kill_one)
    assert killed[0] <= IMAGES
    with (line.workspace.root / "scores.csv").open(newline="") as stream:
        rows = {row["image_path"].removeprefix("s3://line-3/gear/"): row for row in csv.DictReader(stream)}
    scored = {name: float(row["pred_score"]) for name, row in rows.items() if row["pred_score"]}
    assert scored == {name: row.pred_score for name, row in line.predicted.items() if row.error is None}
    assert re.search("truncated|unreadable", rows["damaged.png"]["error"])


def rows_in(shards: Path) -> list[Row]:
    return [row for file in sorted(shards.glob("*.jsonl")) for row in read_rows(file).values()]
