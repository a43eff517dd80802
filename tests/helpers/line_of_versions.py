"""A workspace whose versions are made in a moment: a few bytes of images and outputs, in DVC, a store and MLflow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from dvc.utils.serialize import load_yaml

from services.addresses import configure
from services.dvc import data, record
from services.dvc.push import push
from services.dvc.remote import configure_remote
from services.mlflow.decision_log import DecisionLog
from services.mlflow.judging import METHOD_TAG
from services.mlflow.nights import NIGHT_TAG, fetch_night, keep_night
from services.mlflow.registry import PACKAGE_TAG, Registry, Version
from services.mlflow.tracking import Tracking
from tests.helpers.objects import object_file
from tests.helpers.project import PROJECT, project_workspace
from tocoad.files.workspace import Category
from tocoad.gate.records import Decision
from tocoad.gate.subject import Subject
from tocoad.settings.planning import plan_categories

Files = Mapping[str, bytes]


class Factory:
    """Of categories `a` and `b` of data sets `set` and `other`; each has one job, whose outputs a test says. `made` is
    what each version was made of: by model and number, the files by their paths in the workspace.
    """

    def __init__(self, root: Path, store: str, services: Path) -> None:
        """`services` is copied: with MLflow's database in it, which takes seconds to be made."""
        (root / ".dvc").mkdir(parents=True)
        shutil.copytree(services, root / ".services")
        (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
        shutil.copy(PROJECT / "dvc.yaml", root)
        self.workspace = project_workspace(root)
        self.store = Path(store)
        configure_remote(self.workspace, store)
        self.tracking = Tracking(configure(self.workspace))
        self.made: dict[tuple[str, int], dict[str, bytes]] = {}

    @property
    def registry(self) -> Registry:
        return self.tracking.registry()

    @property
    def places(self) -> tuple[Path, Path]:
        """The cache's folder and the store's."""
        return data.cache_dir(self.workspace), self.store

    def objects(self) -> list[str]:
        """All that lie in both."""
        return [str(file) for place in self.places for file in place.glob("files/md5/??/*")]

    def registry_versions(self) -> list[Version]:
        """Of all models."""
        return [version for name in self.registry.names() for version in self.registry.versions(name)]

    def log(self, category: Category) -> DecisionLog:
        return DecisionLog(self.registry, category.model_name)

    def images(self, dataset: str, files: Files) -> None:
        """The data set as it is from now on; paths are those in it."""
        folder = self.workspace.dataset_dir(dataset)
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        data.track_dataset(self.workspace, dataset)
        plan_categories(self.workspace, dataset, method="patchcore")

    def retrain(self, category: Category, output: bytes, verdict: str | None = "promoted", pushes: bool = True) -> int:
        """A new version, whose one job made this."""
        for name in ("train.json", "test.json"):
            file = self.workspace.work_dir(category) / "manifest" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
            file.write_bytes(output + name.encode())
        record.commit(self.workspace, [f"manifest@{category}"])
        version = self.register(category)
        if verdict is not None:
            self.judge(category, version, verdict)
        if pushes:
            push(self.workspace, category.dataset, "all", lambda *_: None, 1)
        return version

    def register(self, category: Category) -> int:
        client, name = self.tracking.client, category.model_name
        with self.tracking.run(self.tracking.experiment(category.dataset), "retrain") as run:
            night = keep_night(client, run, self.workspace)
            if name not in self.registry.names():
                client.create_registered_model(name)
            tags = {PACKAGE_TAG: "p", METHOD_TAG: "patchcore", NIGHT_TAG: night}
            version = int(client.create_model_version(name, f"runs:/{run.run_id}/none", tags=tags).version)
        self.made[name, version] = self.files(category)
        return version

    def judge(self, category: Category, version: int, verdict: str) -> None:
        log = self.log(category)
        history = log.settled()
        new = version if verdict == "promoted" else history.champion
        subject = Subject(method="patchcore", package=str(version), evaluation_set="e", rules="r")
        decision = Decision(verdict=verdict, reasons=("because",))
        log.append(log.entry("judge", history, new, version=version, subject=subject, decision=decision))

    def promote(self, category: Category, version: int) -> None:
        log = self.log(category)
        log.append(log.entry("promote", log.settled(), version))

    def files(self, category: Category) -> dict[str, bytes]:
        """All that its detector was made of and what was made, as it lies there."""
        root = self.workspace.root
        folders = (self.workspace.dataset_dir(category.dataset), self.workspace.work_dir(category) / "manifest")
        found = (file for folder in folders for file in folder.rglob("*") if file.is_file() and file.suffix != ".tmp")
        return {str(file.relative_to(root)): file.read_bytes() for file in found if file.name != ".gitignore"}

    def restored(self, category: Category, version: int, place: Path, scratch: Path) -> dict[str, bytes]:
        """The same of a version, from its record and the objects of one place. Raises FileNotFoundError."""
        night = self.registry.version(category.model_name, version).tags[NIGHT_TAG]
        documents = fetch_night(self.tracking.client, night, scratch)
        found = {}
        data_file = load_yaml(str(documents[f"data/{category.dataset}.dvc"]))
        listing = object_file(place, data_file["outs"][0]["md5"]).read_bytes()
        for entry in json.loads(listing):
            found[f"data/{category.dataset}/{entry['relpath']}"] = object_file(place, entry["md5"]).read_bytes()
        stage = load_yaml(str(documents["dvc.lock"]))["stages"][f"manifest@{category}"]
        for out in stage["outs"]:
            found[out["path"]] = object_file(place, out["md5"]).read_bytes()
        return found
