"""`pod_templates.py FOLDER FILE ...`: writes the pod templates inside manifests as objects of Kubernetes' own kinds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def templates(node: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every `template` or `...PodTemplate` below the node, named for the way to it."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from templates(item, f"{name}-{number}")
    elif isinstance(node, dict):
        for key, value in node.items():
            below = f"{name}-{key.lower()}"
            if key.lower().endswith("template"):
                yield below, value
            else:
                yield from templates(value, below)


def main(folder: Path, files: list[Path]) -> None:
    yaml = YAML()
    for file in files:
        for document in YAML(typ="safe").load_all(file):
            for name, template in templates(document["spec"], file.stem):
                kind = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": name}, "template": template}
                yaml.dump(kind, folder / f"{name}.yaml")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
