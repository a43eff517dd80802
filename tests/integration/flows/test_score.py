"""The flow that scores a batch, on a cluster whose nodes share no disk with it."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.addresses import configure
from services.scoring.journal import Row, journal, line_of
from services.scoring.model import model_in
from services.scoring.source import FolderSource
from tests.helpers.camera import pictures
from tests.helpers.environment import kept_environment
from tests.helpers.packages import save_detector
from tests.helpers.project import project_workspace
from tests.helpers.ray_cluster import Cluster
from tests.helpers.toys import write
from tocoad.data.images import load_images
from tocoad.errors import SettingsError
from tocoad.package.detector import load_detector
from tocoad.settings.file import override

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# More than a shard.
IMAGES = 70
KEEP = "import pathlib, sys; pathlib.Path('told.json').write_bytes(sys.stdin.buffer.read())"


@pytest.fixture
def root(cluster: Cluster, prefect_server: str, tmp_path: Path) -> Iterator[Path]:
    """A workspace on the cluster; beside it images, of which one is damaged, and a package."""
    from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    (tmp_path / "workspace").mkdir()
    workspace = project_workspace(tmp_path / "workspace")
    told = json.dumps([sys.executable, "-S", "-c", KEEP])
    override(
        workspace,
        {
            "ray.address": cluster.address,
            "ray.store": str(tmp_path / "store"),
            "notify.command": told,
            "notify.when": "attention",
        },
    )
    write(tmp_path / "line", enumerate(pictures(IMAGES, 1)))
    (tmp_path / "line" / "damaged.png").write_bytes(b"no image")
    save_detector(tmp_path / "package", 1)
    # Its log would be sent when the server is gone.
    settings = {PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_ENABLED: False}
    with kept_environment(), cluster.driving(), temporary_settings(updates=settings):
        os.environ["PREFECT_API_URL"] = prefect_server
        configure(workspace)
        yield tmp_path


def test_a_folder_is_scored_on_nodes_and_what_was_known_is_not_asked_again(root: Path) -> None:
    from flows.score import score
    from services.scoring.batch import batch

    out, images, package = root / "scores.csv", root / "line", root / "package"
    known = Row(42.0, True)
    with (
        batch(out, FolderSource(str(images), images), "before", model_in(package, "").digest) as begun,
        journal(begun.journal(0)) as kept,
    ):
        kept.add(line_of(3, known))
    result = score(str(package), str(images), str(out), workspace=str(root / "workspace"))
    assert (result["images"], result["errors"], result["scored_before"]) == (IMAGES + 1, 1, 1)
    assert result["first_errors"][0]["image_path"] == str(images / "damaged.png")
    with out.open(newline="") as stream:
        rows = {Path(row["image_path"]).name: row for row in csv.DictReader(stream)}
    detector = load_detector(package)
    files = sorted(images.glob("0*.png"))
    scores = detector.predict(load_images(files, detector.image_size, detector.card.depth)).pred_score
    expected = {file.name: float(score) for file, score in zip(files, scores, strict=True)} | {"003.png": 42.0}
    assert {name: float(row["pred_score"]) for name, row in rows.items() if row["pred_score"]} == expected
    assert list(rows) == sorted(rows) and result["rejected"] == sum(row["pred_label"] == "1" for row in rows.values())
    assert not list(root.glob("*.parts"))
    told = json.loads((root / "workspace" / "told.json").read_text())
    assert (told["flow"], told["run"], told["error"].partition(":")[0]) == (
        "score",
        result["run"],
        str(images / "damaged.png"),
    )
    assert result["warnings"] == []


def test_nothing_is_written_among_what_dvc_keeps(root: Path) -> None:
    from flows.score import score

    with pytest.raises(SettingsError, match="whose contents DVC keeps"):
        score("package", str(root / "line"), str(root / "workspace/data/scores.csv"), workspace=str(root / "workspace"))
    assert "whose contents DVC keeps" in json.loads((root / "workspace" / "told.json").read_text())["error"]
