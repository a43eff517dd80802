"""Two machines that share a git repository, an S3 bucket and an MLflow server: what one trained the other has, to the
byte.

One story, in this order. The second machine has another folder, empty caches and another user's home.
"""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.helpers.s3_servers import S3Server
from tests.helpers.shop import TINY, Shop, make_workspace
from tocoad.sample import SampleCounts, render_sample

pytestmark = pytest.mark.e2e

NAME = "twomachines"
DETECTOR = f"work/{NAME}/gear/patchcore/fit/detector"


@dataclass
class Machine:
    """A workspace, and the environment of who works there."""

    shop: Shop
    env: dict[str, str] = field(repr=False)

    @property
    def root(self) -> Path:
        return self.shop.root

    def run(self, *command: str) -> str:
        done = self.shop.run(*command, env=self.env)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, env=self.shop._environment(self.env),
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def retrain(self) -> dict[str, Any]:
        done = self.shop.run("tocoad", "retrain", NAME, "--method", "patchcore", "--json", env=self.env)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        assert document["warnings"] == []
        return document["categories"]

    def restore(self, *options: str) -> dict[str, Any]:
        done = self.shop.run("tocoad", "restore", NAME, "--json", *options, env=self.env)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def contents(self) -> dict[str, bytes]:
        """All that DVC keeps of the data set: of `work` neither notes, reports nor caches."""
        tracked = self.run("dvc", "ls", "--dvc-only", "-R", ".").splitlines()
        return {path: (self.root / path).read_bytes() for path in tracked if (self.root / path).is_file()}

    def is_up_to_date(self) -> bool:
        return "Data and pipelines are up to date." in self.run("dvc", "repro")


def home(folder: Path, name: str) -> str:
    folder.mkdir(parents=True)
    (folder / ".gitconfig").write_text(f"[user]\n\tname = {name}\n\temail = {name}@example.org\n")
    return str(folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("machines")


@pytest.fixture(scope="module")
def shared(rclone_server: S3Server, mlflow_server: str) -> dict[str, str]:
    return {**rclone_server.env, "MLFLOW_TRACKING_URI": mlflow_server, "GIT_CONFIG_NOSYSTEM": "1"}


@pytest.fixture(scope="module")
def first(place: Path, shared: dict[str, str], rclone_server: S3Server) -> Machine:
    (place / "first").mkdir()
    shop = make_workspace(place / "first")
    machine = Machine(shop, {**shared, "HOME": home(place / "quinn", "quinn")})
    render_sample(place / NAME, size=96, counts=SampleCounts(train=12, test_good=4, test_defective=5))
    subprocess.run(["rm", "-r", str(place / NAME / "fabric")], check=True)
    from tocoad.files.workspace import Workspace
    from tocoad.settings.file import override

    override(Workspace(shop.root), {**TINY, "flow.commit": "git"})
    machine.run("tocoad", "remote", "set", f"{rclone_server.url}/{NAME}")
    machine.git("add", ".")
    machine.git("commit", "-qm", "a workspace")
    machine.run("tocoad", "data", "add", str(place / NAME), "--name", NAME)
    return machine


@pytest.fixture(scope="module")
def second(place: Path, shared: dict[str, str], first: Machine) -> Machine:
    env = {**shared, "HOME": home(place / "robin", "robin")}
    subprocess.run(["git", "clone", "-q", str(first.root), str(place / "elsewhere" / "second")], check=True)
    return Machine(Shop(place / "elsewhere" / "second"), env)


@pytest.fixture(scope="module")
def nights() -> dict[str, dict[str, bytes]]:
    """What was there, by night."""
    return {}


def test_a_night_is_in_git_in_the_bucket_and_in_mlflow(
    first: Machine, nights: dict[str, dict[str, bytes]], mlflow_server: str
) -> None:
    trained = first.retrain()
    assert {name: entry["status"] for name, entry in trained.items()} == dict.fromkeys(("gear", "plate"), "trained")
    assert first.git("log", "-1", "--format=%an %s") == f"quinn Retrain {NAME}: 2 categories: 2 promoted"
    assert first.git("status", "--porcelain") == ""
    client = MlflowClient(mlflow_server)
    runs = {client.get_model_version(f"{NAME}.{name}", "1").tags["workspace"] for name in ("gear", "plate")}
    said = client.get_model_version(f"{NAME}.gear", "1").tags
    lock, images = (first.root / name for name in ("dvc.lock", f"data/{NAME}.dvc"))
    assert said["dvc_lock_sha256"] == hashlib.sha256(lock.read_bytes()).hexdigest()
    assert f"md5: {said['data_version']}\n" in images.read_text()
    assert said["git_commit"] == first.git("rev-parse", "HEAD~1")
    (run,) = runs
    names = {file.path for file in client.list_artifacts(run, "workspace")}
    assert names == {f"workspace/{name}" for name in ("data", "dvc.lock", "dvc.yaml", "params.yaml", "plan.yaml")}
    kept = Path(client.download_artifacts(run, "workspace/dvc.lock"))
    assert kept.read_text() == first.git("show", "HEAD:dvc.lock") + "\n"
    nights["first"] = first.contents()
    assert any(path.startswith(DETECTOR) for path in nights["first"])


def test_another_machine_has_it_to_the_byte_and_finds_nothing_to_do(
    first: Machine, second: Machine, nights: dict[str, dict[str, bytes]]
) -> None:
    done = second.restore()
    assert done["fetched"]["objects"] > 0 and done["healed"] == [] and done["of_other_code"] == []
    assert second.contents() == nights["first"]
    assert {entry["status"] for entry in second.retrain().values()} == {"up-to-date"}
    assert second.is_up_to_date()
    assert second.git("status", "--porcelain") == ""
    assert predicted(second) == predicted(first)


def predicted(machine: Machine) -> dict[str, bytes]:
    """By file, what the detector says of its category's defective test images."""
    out = machine.root.parent / f"predicted by {machine.root.name}"
    images = f"data/{NAME}/gear/test/rust"
    machine.run("tocoad", "predict", DETECTOR, images, "--out", str(out))
    found = {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()}
    assert len(found) > 1
    return found


def test_five_images_and_three_verdicts_retrain_one_category(
    first: Machine, place: Path, nights: dict[str, dict[str, bytes]]
) -> None:
    render_sample(place / "later", size=96, seed=7, counts=SampleCounts(train=5, test_good=3, test_defective=0))
    later, images = place / "more" / "gear" / "train" / "good", place / "production"
    later.mkdir(parents=True)
    images.mkdir()
    for number, file in enumerate(sorted((place / "later/gear/train/good").iterdir())):
        file.rename(later / f"later_{number}.png")
    goods = sorted((place / "later/gear/test/good").iterdir())
    said = ("false reject", "missed defect", "unclear")
    with (images / "verdicts.csv").open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(("path", "verdict", "defect_type"))
        for number, (file, verdict) in enumerate(zip(goods, said, strict=True)):
            file.rename(images / f"{number}.png")
            rows.writerow((f"{number}.png", verdict, "scratch" if verdict == "missed defect" else ""))
    first.run("tocoad", "data", "add", str(place / "more"), "--name", NAME)
    first.run("tocoad", "feedback", NAME, "gear", str(images / "verdicts.csv"))
    trained = first.retrain()
    assert {name: entry["status"] for name, entry in trained.items()} == {"gear": "trained", "plate": "up-to-date"}
    assert first.git("status", "--porcelain") == ""
    nights["second"] = first.contents()
    added = {path for path in nights["second"] if path.startswith(f"data/{NAME}/gear/")} - set(nights["first"])
    assert len(added) == 5 + 2
    assert any(path.startswith(f"feedback/{NAME}/") for path in nights["second"])


def test_the_other_machine_has_the_new_state_and_the_old_one(
    second: Machine, nights: dict[str, dict[str, bytes]]
) -> None:
    second.git("pull", "-q")
    done = second.restore()
    assert 0 < done["fetched"]["objects"] < done["files"], "only what is new comes"
    assert second.contents() == nights["second"]
    second.restore("--rev", "HEAD~1")
    assert second.contents() == nights["first"]
    assert second.is_up_to_date()
    second.restore("--rev", "HEAD")
    assert second.contents() == nights["second"]
    assert second.git("status", "--porcelain") == ""
