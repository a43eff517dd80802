"""States that a data set was in, by the documents of then: as they lie here, at a revision of git, or of a version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from services.git import history
from tocoad.errors import SettingsError, StageError
from tocoad.files.documents import LOCK, PARAMS, PLAN, STAGES, TRACKED, tracked_file
from tocoad.files.workspace import Category, Workspace, is_name

if TYPE_CHECKING:
    from services.mlflow.registry import Registry


@dataclass(frozen=True)
class State:
    """`documents` is a folder with those of then; the workspace's own where `is_present`. `name` is how it is told. Of
    a `category` alone where there is one; `package` is then the digest of the detector that was registered.
    """

    dataset: str
    documents: Workspace
    name: str
    is_present: bool = False
    category: Category | None = None
    package: str | None = None

    def belongs(self, owner: str) -> bool:
        """Whether it says what this owner's stages were."""
        if self.category is not None:
            return owner == str(self.category)
        return owner.partition("/")[0] == self.dataset

    def has(self, category: Category) -> bool:
        return category == self.category if self.category else category.dataset == self.dataset

    def brings(self, kind: str) -> bool:
        """Which of the two that a data set has under DVC: of a category alone what people said of the whole stays."""
        return self.category is None or kind == "data"

    def text(self, name: str) -> bytes | None:
        """Of a document; None where there was none."""
        file = self.documents.root / name
        return file.read_bytes() if file.is_file() else None


def present_state(workspace: Workspace, dataset: str) -> State:
    """What data/NAME.dvc and dvc.lock say now. Raises SettingsError where there is no such data set."""
    _refuse_unknown(workspace.root, dataset, "here")
    return State(dataset, workspace, "as recorded here", is_present=True)


def state_at(workspace: Workspace, dataset: str, rev: str, scratch: Path) -> State:
    """As git has it. Raises SettingsError where it has no such revision, or the data set was not there."""
    commit = history.revision(workspace.root, rev)
    names = [PARAMS, PLAN, STAGES, LOCK, *(tracked_file(kind, dataset) for kind in TRACKED)]
    for name, content in history.contents_at(workspace.root, commit, names).items():
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).write_bytes(content)
    told = history.described(workspace.root, commit)
    _refuse_unknown(scratch, dataset, f"at {told}")
    return State(dataset, Workspace(scratch), f"at {told}")


def state_of_version(registry: Registry, dataset: str, text: str, scratch: Path) -> State:
    """`text` is CATEGORY@N.

    Raises:
        SettingsError: it is none, or there is no such version, or no record of its night.
    """
    from services.mlflow.nights import NIGHT_TAG, fetch_night
    from services.mlflow.registry import PACKAGE_TAG

    name, _, number = text.rpartition("@")
    if not (is_name(dataset) and is_name(name) and number.isdecimal()):
        raise SettingsError(f"--version {text}: it is of the form CATEGORY@N, e.g. bottle@3")
    category = Category(dataset, name)
    version = registry.resolve(f"models:/{category.model_name}/{number}")
    if (night := version.tags.get(NIGHT_TAG)) is None:
        raise SettingsError(
            f"{version.uri} was registered before there were records of a night: --rev brings back what git has of it"
        )
    try:
        documents = fetch_night(registry.client, night, scratch)
    except StageError as error:
        raise SettingsError(f"{version.uri}: its record, of MLflow's run {night}, is gone ({error})") from error
    if missing := {PARAMS, LOCK, tracked_file("data", dataset)}.difference(documents):
        raise SettingsError(f"{version.uri}: its record, of MLflow's run {night}, has no {min(missing)}")
    root = documents[PARAMS].parent
    told = f"version {number} of {category.model_name}"
    return State(dataset, Workspace(root), told, category=category, package=version.tags.get(PACKAGE_TAG))


def _refuse_unknown(root: Path, dataset: str, where: str) -> None:
    if is_name(dataset) and (root / tracked_file("data", dataset)).is_file():
        return
    known = ", ".join(sorted(file.stem for file in (root / "data").glob("*.dvc"))) or "none"
    there = f"; there are: {known}" if where == "here" else ""
    raise SettingsError(f"{where} no data set {dataset!r} is recorded (data/{dataset}.dvc){there}")
