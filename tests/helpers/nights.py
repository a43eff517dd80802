"""Nights in which nothing is trained: a workspace in git and under DVC, whose jobs wrote what they declare, in no time.
What they wrote follows from the images and settings that they had.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from services.dvc import data, record, staleness
from services.dvc.push import push
from tests.helpers.project import PROJECT, project_workspace
from tocoad.files.documents import documents
from tocoad.files.fingerprint import folder_digest
from tocoad.files.sealed import seal
from tocoad.files.workspace import Category, Workspace
from tocoad.package.card import CARD_FILE, MODEL_FILE
from tocoad.settings.file import load_params
from tocoad.settings.planning import plan_categories
from tocoad.stages.graph import Job, jobs_of
from tocoad.stages.running import RECORD_FILE
from tocoad.stages.stage import StageRecord

BRANCH = "main"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def new_workspace(root: Path) -> Workspace:
    """With nothing in it but a remote, the folder `store` beside it: both may be copied together."""
    (root / ".dvc").mkdir(parents=True)
    workspace = project_workspace(root)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(PROJECT / name, root)
    (root / ".dvc/config").write_text("[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n")
    (root / ".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
    git(root, "init", "-q", "-b", BRANCH)
    git(root, "add", ".")
    git(root, "commit", "-qm", "a workspace")
    return workspace


def add_images(workspace: Workspace, dataset: str, images: Mapping[str, str]) -> None:
    """By path in the data set, what is in them; None takes one away."""
    for path, text in images.items():
        file = workspace.dataset_dir(dataset) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)


def retrain(workspace: Workspace, dataset: str) -> None:
    """What is stale."""
    plan_categories(workspace, dataset, method="patchcore")
    data.track_dataset(workspace, dataset)
    jobs = jobs_in(workspace, dataset)
    names = [job.dvc_name for job in jobs]
    seed = load_params(workspace).settings.seed
    for name in sorted(stale := staleness.stale(workspace, names)):
        job = next(job for job in jobs if job.dvc_name == name)
        shutil.rmtree(job.output_dir(workspace), ignore_errors=True)
        said = hashlib.sha256(f"{seed} {name} {folder_digest(workspace.data_dir(job.owner))}".encode()).hexdigest()
        for written in job.stage.writes:
            _write(job.output_dir(workspace) / written, f"{written} {said}\n")
        finish(job.output_dir(workspace))
    record.commit(workspace, stale)


def finish(folder: Path) -> None:
    """The record that a stage leaves beside its output."""
    record = StageRecord(read={}, wrote=folder_digest(folder, without=RECORD_FILE))
    (folder / RECORD_FILE).write_text(seal(asdict(record)))


def jobs_in(workspace: Workspace, dataset: str) -> list[Job]:
    plan = load_params(workspace).plan
    categories = [Category.parse(name) for name in plan.categories]
    return [job for one in categories if one.dataset == dataset for job in jobs_of(one, plan.method(one))]


def commit_night(workspace: Workspace, message: str = "a night") -> str:
    """To git, and the objects to the remote; returns the commit."""
    for dataset in {file.stem for file in (workspace.root / "data").glob("*.dvc")}:
        push(workspace, dataset, "all", lambda *_: None, 10.0)
    git(workspace.root, "add", *documents(workspace))
    git(workspace.root, "commit", "-qm", message)
    return git(workspace.root, "rev-parse", "HEAD")


def clone(workspace: Workspace, root: Path) -> Workspace:
    git(workspace.root, "clone", "-q", str(workspace.root), str(root))
    return Workspace(root)


def is_up_to_date(workspace: Workspace, dataset: str) -> bool:
    """For the flow and for `dvc repro`."""
    return staleness.is_clean(workspace, [job.dvc_name for job in jobs_in(workspace, dataset)])


def contents(workspace: Workspace, dataset: str, of: str = "") -> dict[str, bytes]:
    """Images and outputs of a data set, or of a category of it."""
    folders = [kind / dataset / of for kind in (workspace.root / "data", workspace.root / "work")]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    kept = [file for file in files if file.name != RECORD_FILE]
    return {file.relative_to(workspace.root).as_posix(): file.read_bytes() for file in kept}


def _write(place: Path, text: str) -> None:
    """A file, or a folder: a detector's has what its digest is of."""
    if PurePosixPath(place.name).suffix:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return
    place.mkdir(parents=True)
    for name in (CARD_FILE, MODEL_FILE):
        (place / name).write_text(f"{name} {text}")
