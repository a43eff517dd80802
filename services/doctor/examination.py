"""All checks, one after the other: what one of them stumbles over is its finding, and the next ones are asked all the
same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from services.addresses import configure
from services.doctor import device, disk, documents, leftovers, packages, reached, runs
from services.doctor.case import Case
from services.doctor.finding import Finding, shareable
from tocoad.errors import error_line, is_told
from tocoad.files.workspace import Workspace
from tocoad.settings.file import load_params
from tocoad.stages.stage import Progress, ProgressCallback, silent

Check = Callable[[Case], Iterable[Finding]]

CHECKS: Mapping[str, Check] = {
    "packages": packages.check,
    "lock": packages.check_lock,
    "device": device.check,
    "weights": device.check_weights,
    "disk": disk.check,
    "runs": runs.check,
    "leftovers": leftovers.check,
    "git": documents.check_git,
    "dvc": documents.check_dvc,
    "data sets": documents.check_datasets,
    "store": reached.check_store,
    "Ray": reached.check_ray,
    "MLflow": reached.check_mlflow,
    "Prefect": reached.check_prefect,
}
_OUTSIDE = "none here: what follows is of this machine alone"


def examine(workspace: Workspace | None, debug: bool = False, progress: ProgressCallback = silent) -> list[Finding]:
    """Looks, and changes nothing that matters; what is asked of a service is bounded in time."""
    case, findings = _opened(workspace, debug)
    for number, (name, check) in enumerate(CHECKS.items(), start=1):
        progress(Progress(number - 1, len(CHECKS)))
        try:
            findings += check(case)
        except Exception as error:
            findings.append(_stumble(name, error))
    progress(Progress(len(CHECKS), len(CHECKS)))
    return [
        replace(one, text=shareable(one.text, case.root), do=shareable(one.do, case.root) if one.do else "")
        for one in findings
    ]


def _opened(workspace: Workspace | None, debug: bool) -> tuple[Case, list[Finding]]:
    if workspace is None:
        return Case(), [Finding("workspace", "warn", _OUTSIDE, "change into a workspace, or make one: tocoad init DIR")]
    case, findings = Case(workspace), []
    try:
        case = replace(case, settings=(params := load_params(workspace)).settings)
        findings.append(
            Finding("settings", "ok", f"profile {params.profile}, {len(params.plan.categories)} categories")
        )
    except Exception as error:
        findings.append(_stumble("settings", error))
    try:
        case = replace(case, services=configure(workspace, debug))
    except Exception as error:
        findings.append(_stumble("services", error))
    return case, findings


def _stumble(name: str, error: Exception) -> Finding:
    """An error of ours names its way out itself."""
    way_out = "" if is_told(error) else "report it, with what `tocoad doctor --json` says"
    return Finding(name, "bad", error_line(error), way_out)
