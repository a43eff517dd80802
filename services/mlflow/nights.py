"""The record of a night: the workspace's documents as a retrain left them, kept once, and led to from each version that
it registered. What they name by its hash, data and outputs, lies in the store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from services.mlflow.run import Run
from tocoad.files.documents import LOCK, documents
from tocoad.files.temporary import temporary_folder
from tocoad.files.workspace import Workspace
from tocoad.text.redaction import without_logins

NIGHT_FOLDER = "workspace"
# Of a version, and of a retrain's run: the id of the run that has the record.
NIGHT_TAG = "workspace"
# Of that run, when the record is whole: a digest of all documents, and below `workspace/` one of each.
_DIGEST_TAG = "workspace_sha256"


@dataclass(frozen=True)
class Night:
    """What a version says of the workspace in which its package lay. `run_id` is of the run that has the record;
    `lock_sha256` of `dvc.lock` as it is there. What is not known is None.
    """

    run_id: str
    data_version: str | None = None
    git_commit: str | None = None
    lock_sha256: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        said = {"data_version": self.data_version, "git_commit": self.git_commit, "dvc_lock_sha256": self.lock_sha256}
        return {NIGHT_TAG: self.run_id} | {key: value for key, value in said.items() if value is not None}


def lock_sha256(workspace: Workspace) -> str | None:
    """None where there is no `dvc.lock`."""
    file = documents(workspace).get(LOCK)
    return None if file is None else _digest(_text(file))


def keep_night(client: MlflowClient, run: Run, workspace: Workspace) -> str:
    """Keeps the documents as they are now among the artifacts of the run, but for those of an earlier run that has the
    very same; returns the id of the run that has them.
    """
    texts = {name: _text(file) for name, file in documents(workspace).items()}
    digests = {name: _digest(text) for name, text in texts.items()}
    digest = _digest("".join(f"{name} {of}\n" for name, of in digests.items()).encode())
    kept = client.search_runs([run.experiment_id], f"tags.{_DIGEST_TAG} = '{digest}'", max_results=1)
    if kept:
        night = str(kept[0].info.run_id)
        run.set_tags({NIGHT_TAG: night})
        return night
    with temporary_folder("night") as scratch:
        for name, text in texts.items():
            file = scratch / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text)
        run.log_artifacts(scratch, NIGHT_FOLDER)
    # Last: a record that was broken off is not found by them.
    run.set_tags({f"{NIGHT_FOLDER}/{name}": of for name, of in digests.items()})
    run.set_tags({NIGHT_TAG: run.run_id, _DIGEST_TAG: digest})
    return run.run_id


def fetch_night(client: MlflowClient, run_id: str, scratch: Path) -> Mapping[str, Path]:
    """The documents of a record, by their paths below the workspace, copied into `scratch`."""
    folder = Path(client.download_artifacts(run_id, NIGHT_FOLDER, str(scratch)))
    return {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}


def is_in_a_night(client: MlflowClient, name: str, file: Path) -> bool:
    """Whether any record has this document as it is now."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    query = f"tags.`{NIGHT_FOLDER}/{name}` = '{_digest(_text(file))}'"
    return bool(client.search_runs(experiments, query, max_results=1))


def _text(file: Path) -> bytes:
    """Without passwords: an address in it may have one."""
    return without_logins(file.read_bytes().decode(errors="surrogateescape")).encode(errors="surrogateescape")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
