"""The Markdown page of a retrain's document.

python docs/results/render.py docs/results/first-run.json > docs/results/first-run.md

The document is what `tocoad retrain NAME --json` prints, with command, settings and machine added to it by

python docs/results/render.py --note run.json params.yaml "COMMAND" > docs/results/first-run.json
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

METRICS = ("image_AUROC", "image_AP", "image_F1Max", "pixel_AUROC", "pixel_AP", "pixel_F1Max", "pixel_AUPRO")


def note(result: Path, params: Path, command: str) -> dict[str, Any]:
    """The retrain's document with what it takes to do it again."""
    settings = YAML(typ="safe").load(params.read_text())
    profile = settings["profile"]
    kept = {key: value for key, value in settings.items() if key not in ("plan", "profile", "profiles", "ray", "flow")}
    for section, values in settings["profiles"][profile].items():
        kept[section] = {**(kept.get(section) or {}), **values}
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    facts = {"command": command, "profile": profile, "machine": machine, "settings": kept}
    return {**facts, **json.loads(result.read_text())}


def markdown(document: dict[str, Any]) -> str:
    """The page."""
    lines = [
        "# First run on real images",
        "",
        "MVTec AD's `bottle`, `screw` and `transistor` (whole categories, reduced to 256 px) and a subset of the",
        "magnetic tile surface defects (own split), one data set of four categories. One seed, one configuration for",
        "all, last weights; PatchCore is the control: the same bank on the frozen encoder.",
        "",
        f"    {document['command']}",
        "",
        f"Profile `{document['profile']}`, {document['machine']}; {document['seconds'] / 60:.1f} minutes for all.",
        "This page: `python docs/results/render.py docs/results/first-run.json > docs/results/first-run.md`.",
        "",
        f"| category | method | {' | '.join(METRICS)} |",
        f"|---|---|{'---:|' * len(METRICS)}",
    ]
    rows: dict[str, list[dict[str, float | None]]] = {}
    for name, entry in document["categories"].items():
        for method, metrics in ((entry["method"], entry["metrics"]), ("control", entry["control"]["metrics"])):
            rows.setdefault(method, []).append(metrics)
            lines.append(f"| {name} | {method} | {_figures(metrics)} |")
    for method, all_metrics in rows.items():
        lines.append(f"| **mean** | {method} | {_figures(_mean(all_metrics))} |")
    lines += ["", "Seconds a stage (two stages at a time, one thread each), threshold and verdict:", ""]
    stages = list(next(iter(document["categories"].values()))["seconds"])
    lines += [f"| category | {' | '.join(stages)} | threshold | expected false rejects | verdict |"]
    lines += [f"|---|{'---:|' * (len(stages) + 2)}---|"]
    for name, entry in document["categories"].items():
        seconds = " | ".join(f"{entry['seconds'][stage]:.0f}" for stage in stages)
        threshold = entry["threshold"]
        promise = f"{threshold['image']:.2f} | {threshold['expected_false_reject_rate']:.1%}"
        lines.append(f"| {name} | {seconds} | {promise} | {entry['decision']['verdict']} |")
    lines += ["", "Settings:", "", "```json", json.dumps(document["settings"], indent=1), "```"]
    return "\n".join(lines)


def _figures(metrics: dict[str, float | None]) -> str:
    return " | ".join("-" if (value := metrics[name]) is None else f"{value:.4f}" for name in METRICS)


def _mean(rows: list[dict[str, float | None]]) -> dict[str, float | None]:
    return {name: sum(value for row in rows if (value := row[name]) is not None) / len(rows) for name in METRICS}


if __name__ == "__main__":
    if sys.argv[1] == "--note":
        print(json.dumps(note(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]), indent=1))
    else:
        print(markdown(json.loads(Path(sys.argv[1]).read_text())))
