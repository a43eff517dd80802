"""A stage is a plain function: settings and input folders in, an output folder and a small record out.

It knows no service, so `dvc repro`, the flow on Ray and a test call the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tocoad.files.workspace import Category, Owner
from tocoad.settings.sections import Settings
from tocoad.stages.resources import Meter

CHECKPOINT_SECONDS = 60.0
"""So long a training goes on before it writes another checkpoint."""
CURVES_FILE = "curves.csv"
"""In the output of a stage that trains: its figures, a row a step."""


@dataclass(frozen=True)
class Progress:
    """A sign of life of a running stage: `step` of `total` is done; `metrics` are this step's figures."""

    step: int
    total: int
    metrics: Mapping[str, float] = field(default_factory=dict)


ProgressCallback = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """The callback of a caller who does not watch."""


@dataclass(frozen=True)
class StageContext:
    """Everything a stage may use.

    `owner` is what it works for: a category, or a data set where that is the stage's scope; its images lie in
    `data_dir`. `inputs` holds the output folder of every stage it reads, by the name that the function uses. `params`
    names the sections of `settings` that decide its output, those of its inputs included. `meter` runs from the start.

    A stage writes into `output_dir`; into `cache_dir`, which may not be there yet, what others may use and anybody may
    remove; its checkpoints into `checkpoint_dir`; and nowhere else. `key` is a digest of all that it declares to decide
    its output, but for the images.
    """

    owner: Owner
    method: str
    settings: Settings
    params: tuple[str, ...]
    data_dir: Path
    inputs: Mapping[str, Path]
    output_dir: Path
    checkpoint_dir: Path
    cache_dir: Path
    key: str = ""
    progress: ProgressCallback = silent
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    meter: Meter = field(default_factory=Meter)

    @property
    def category(self) -> Category:
        """Raises ValueError in a stage of a data set: its output may not hang on one of the categories."""
        if not isinstance(self.owner, Category):
            raise ValueError(f"{self.owner} is a data set; this stage has no category")
        return self.owner


@dataclass(frozen=True)
class StageRecord:
    """What a stage tells its caller: figures only, never tensors.

    `seconds` are the clock's, `cpu_seconds` the process's own, whatever ran beside, `peak_memory` its greatest resident
    set in bytes; None where it was not noted. `processors` are the types of processor that a training ran on, each
    once, in order; none where it was not noted, and of what does not train. Of several `workers` that shared a training
    seconds and memory are the leading one's. Of work that was interrupted all parts count, up to a checkpoint, and of
    their numbers of workers the greatest.

    `read` and `wrote` are the digests of `tocoad.files.fingerprint`; None where the caller did not say what the sources
    were.
    """

    metrics: Mapping[str, float | None] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    read: Mapping[str, str] | None = None
    wrote: str | None = None
    processors: tuple[str, ...] = ()
    workers: int = 1


class StageFunction(Protocol):
    """Fills `context.output_dir` (an empty folder); the caller makes it appear by an atomic rename."""

    def __call__(self, context: StageContext) -> StageRecord: ...
