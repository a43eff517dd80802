"""The record of a data set's feedback: `feedback/NAME/`, a folder for each intake.

NNNN/intake.json        what was said, by whom, and where each image went
NNNN/held/...           the images that are held, and their masks
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tocoad.errors import UserError
from tocoad.feedback.verdicts import VERDICTS, Verdict
from tocoad.files.workspace import Workspace

INTAKE_FILE, HELD_DIR = "intake.json", "held"


class Statement(BaseModel):
    """What was said of one image.

    `given` is how the file of verdicts named it, `sha256` is of its bytes, `pixels` of what it shows. `path` is where
    it lies: in the category's folder of the data set or, of one that is held, in the intake's; `mask` likewise.
    `added` are those of the two that the intake brought there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    given: str
    sha256: str
    pixels: str
    verdict: Verdict
    defect_type: str | None = None
    who: str | None = None
    when: str | None = None
    path: str
    mask: str | None = None
    mask_sha256: str | None = None
    added: tuple[str, ...] = ()


class Intake(BaseModel):
    """One file of verdicts that was taken. `before` and `after` are the data set's versions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    number: int
    category: str
    time: str
    by: str
    host: str
    file: str
    before: str | None
    after: str | None
    statements: tuple[Statement, ...]

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """Of every verdict."""
        said = [statement.verdict for statement in self.statements]
        return {verdict: said.count(verdict) for verdict in VERDICTS}

    @property
    def people(self) -> tuple[str, ...]:
        """Who said so; whoever took the file, where it names nobody."""
        return tuple(dict.fromkeys(statement.who or self.by for statement in self.statements))


@dataclass(frozen=True)
class Said:
    """The last word on an image."""

    intake: Intake
    statement: Statement


def feedback_dir(workspace: Workspace, dataset: str) -> Path:
    return workspace.root / "feedback" / dataset


def feedback_owner(dataset: str) -> str:
    """Who holds the record while it is written: whoever does waits for runs that read the data set, and they never for
    it.
    """
    return f"feedback/{dataset}"


def intake_dir(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}"


def read_intakes(folder: Path) -> list[Intake]:
    """In their order. Raises UserError where one cannot be read."""
    return [_read(file) for file in sorted(folder.glob(f"[0-9]*/{INTAKE_FILE}"))]


def read_intake(folder: Path) -> Intake:
    """Of the intake's own folder. Raises UserError where it cannot be read."""
    return _read(folder / INTAKE_FILE)


def write_intake(folder: Path, intake: Intake) -> None:
    """Into the intake's own folder."""
    (folder / INTAKE_FILE).write_text(intake.model_dump_json(indent=1) + "\n", encoding="utf-8")


def last_words(intakes: Iterable[Intake], category: str) -> Mapping[str, Said]:
    """By pixel digest."""
    own = (intake for intake in intakes if intake.category == category)
    return {statement.pixels: Said(intake, statement) for intake in own for statement in intake.statements}


def _read(file: Path) -> Intake:
    try:
        return Intake.model_validate_json(file.read_bytes())
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise UserError(f"{file}: damaged ({reason}); bring it back with: dvc checkout {file.parents[1]}.dvc") from None
