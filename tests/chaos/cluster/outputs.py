"""What runs have left: by dvc.lock, and by the registry's own tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ruamel.yaml import YAML

from tests.chaos.workshop import DATASET, Workshop


def outputs(root: Path) -> dict[str, str]:
    """Of dvc.lock the hash of each output."""
    stages = YAML(typ="safe").load(root / "dvc.lock")["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", ())}


def champions(workshop: Workshop) -> dict[str, str]:
    """The packages of the categories' champions."""
    with closing(sqlite3.connect(workshop.root / ".services" / "mlflow.db")) as database:
        found = database.execute(
            "select a.name, t.value from registered_model_aliases a join model_version_tags t "
            "on t.name = a.name and t.version = a.version "
            "where a.alias = 'champion' and t.key = 'package_sha256' and a.name like ?",
            (f"{DATASET}.%",),
        )
        return {name.removeprefix(f"{DATASET}."): package for name, package in found}


def stale(root: Path) -> list[str]:
    """By DVC, in this process: a command takes long to load."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        return sorted(repo.status())
