"""A stage in a process of its own, and what it took there; `python -m bench.cuda_parts` is that process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tocoad.files.workspace import Category, Workspace, parse_owner
from tocoad.settings.sections import MethodName, Settings


@dataclass(frozen=True)
class Taken:
    """Seconds by the clock; bytes of the process's greatest resident set, and of the GPU's memory that torch held at
    most, None on a processor.
    """

    seconds: float
    resident: int
    gpu: int | None


def run_apart(workspace: Workspace, category: Category, method: MethodName, stage: str, settings: Settings) -> Taken:
    command = [sys.executable, "-m", "bench.cuda_parts", str(workspace.root), str(category), method, stage]
    done = subprocess.run(command, input=settings.model_dump_json(), check=True, stdout=subprocess.PIPE, text=True)
    return Taken(**json.loads(done.stdout))


def main(root: str, owner: str, method: MethodName, stage: str) -> None:
    import torch

    from bench.timing import greatest_resident_set
    from tocoad.nn.device import resolve_device
    from tocoad.stages.running import run_stage

    settings = Settings.model_validate_json(sys.stdin.read())
    record = run_stage(Workspace(Path(root)), parse_owner(owner), method, stage, settings)
    on_gpu = resolve_device(settings.compute).type == "cuda"
    gpu = torch.cuda.max_memory_reserved() if on_gpu else None
    print(json.dumps(asdict(Taken(record.seconds, greatest_resident_set(), gpu))))


if __name__ == "__main__":
    main(*sys.argv[1:])
