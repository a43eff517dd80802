"""What came of the cells: one JSON file each, in a folder beside the study's file and named as it is.

They are small enough to be kept under version control: the table is made of them alone, on any machine, and a cell
whose result is there is not computed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tocoad.errors import SettingsError
from tocoad.evaluation.files import read_replicates, read_report
from tocoad.files.replacing import write_whole
from tocoad.metrics.names import MetricName
from tocoad.settings.explain import explain
from tocoad.stages.graph import METHODS
from tocoad.stages.running import read_record
from tocoad.stages.stage import CURVES_FILE
from tocoad.study.plan import Cell
from tocoad.study.stages import StudyFolders

# Draws are written to a thousandth of a point; intervals are told to a tenth.
_DRAW_DIGITS = 5


class CellResult(BaseModel):
    """`seconds` (the clock's), `cpu_seconds`, `peak_memory` (bytes), `iterations` (where it trains) and `figures`
    are by stage: its own, wherever it was first computed.
    `replicates` are the metrics' values on the bootstrap draws of the category's test images, to five digits.
    `key` tells everything that decided the figures: the settings that its stages read, and the images.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str
    variant: str
    category: str
    seed: int
    method: str
    key: str
    evaluation_set: str
    metrics: Mapping[MetricName, float | None]
    recall: float | None
    false_reject_rate: float | None
    seconds: Mapping[str, float]
    cpu_seconds: Mapping[str, float | None] = Field(default_factory=dict)
    peak_memory: Mapping[str, int | None] = Field(default_factory=dict)
    iterations: Mapping[str, int] = Field(default_factory=dict)
    figures: Mapping[str, Mapping[str, float | None]]
    replicates: Mapping[MetricName, tuple[float, ...]]


def results_dir(file: Path) -> Path:
    """Where the results of the study in `file` lie. Raises SettingsError where that would be the file itself."""
    if not file.suffix:
        raise SettingsError(f"{file}: its results lie in a folder of this name; call the file {file}.yaml")
    return file.with_suffix("")


def read_results(folder: Path, cells: Sequence[Cell]) -> list[CellResult]:
    """What is there of the cells, in their order; a file of earlier settings counts until its cell is run again.

    Raises SettingsError where a file is not a cell's result.
    """
    found = (_read(folder / cell.file_name) for cell in cells)
    return [result for result in found if result is not None]


def known_result(stages: StudyFolders, cell: Cell, folder: Path) -> CellResult | None:
    """The cell's result below `folder`, if it is of these settings and images.

    Raises StageError where the category's `manifest`, which tells the images, has not run.
    """
    result = _read(folder / cell.file_name)
    return result if result is not None and result.key == _key(stages, cell) else None


def _read(file: Path) -> CellResult | None:
    try:
        return CellResult.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise SettingsError(f"{file}: {explain(error)}; remove it, and its cell is computed again") from None


def _key(stages: StudyFolders, cell: Cell) -> str:
    """The name of the last stage's folder, a digest of all that the stages before it read."""
    return stages.of(cell.category, cell.method, METHODS[cell.method].stages[-1].name, cell.settings).name


def write_result(stages: StudyFolders, cell: Cell, folder: Path) -> CellResult:
    """Gathers what the cell's stages left, and writes it below `folder`."""
    seconds: dict[str, float] = {}
    cpu_seconds: dict[str, float | None] = {}
    peak_memory: dict[str, int | None] = {}
    iterations: dict[str, int] = {}
    figures: dict[str, Mapping[str, float | None]] = {}
    place = folder
    for stage in METHODS[cell.method].stages:
        place = stages.of(cell.category, cell.method, stage.name, cell.settings)
        record = read_record(place)
        assert record is not None
        seconds[stage.name] = round(record.seconds, 2)
        cpu_seconds[stage.name] = None if record.cpu_seconds is None else round(record.cpu_seconds, 2)
        peak_memory[stage.name] = record.peak_memory
        if (curves := place / CURVES_FILE).is_file():
            iterations[stage.name] = len(curves.read_text(encoding="utf-8").splitlines()) - 1
        figures[stage.name] = record.metrics
    report = read_report(place)
    result = CellResult(
        encoder=cell.encoder,
        variant=cell.variant,
        category=cell.category.name,
        seed=cell.seed,
        method=cell.method,
        key=_key(stages, cell),
        evaluation_set=report.evaluation_set,
        metrics=report.metrics,
        recall=report.at_threshold.recall,
        false_reject_rate=report.at_threshold.false_reject_rate,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        peak_memory=peak_memory,
        iterations=iterations,
        figures=figures,
        replicates={
            name: tuple(round(value, _DRAW_DIGITS) for value in draws) for name, draws in read_replicates(place).items()
        },
    )
    file = folder / cell.file_name
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, (result.model_dump_json() + "\n").encode())
    return result
