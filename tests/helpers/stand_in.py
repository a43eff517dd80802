"""A stage's function that does no work: it leaves what the stage declares, with the settings that decide it inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tocoad.stages.declaration import Stage
from tocoad.stages.stage import StageContext, StageRecord


def stand_in(stage: Stage) -> Callable[[StageContext], StageRecord]:
    """In place of `Stage.load`."""

    def write(context: StageContext) -> StageRecord:
        text = str([context.settings.model_dump()[name] for name in context.params])
        for name in stage.writes:
            file = context.output_dir / name
            if not Path(name).suffix:
                file /= "1"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return StageRecord()

    return write
