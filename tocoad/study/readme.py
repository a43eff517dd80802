"""Writes into the README of each method's folder what the method declares and how well it does: `python -m
tocoad.study.readme`. The results are those of the study that compares the methods.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from itertools import takewhile
from pathlib import Path

from tocoad.methods.table import TABLE
from tocoad.settings.sections import CONTROL
from tocoad.stages.declaration import Method
from tocoad.stages.graph import METHODS
from tocoad.study.earlier import row_name
from tocoad.study.plan import load_study

_ROOT = Path(__file__).parents[2]
_STUDY, _RESULTS = Path("studies/recontrast.yaml"), Path("docs/results/recontrast.md")
_BEGIN, _END = "<!-- generated: python -m tocoad.study.readme -->", "<!-- end -->"
_COLUMNS = 7  # of a table of results: the variant, its seeds, and five metrics


def readmes() -> dict[Path, list[Method]]:
    """The README of each folder, and the methods that it is of."""
    found: dict[Path, list[Method]] = {}
    for name, place in TABLE.items():
        file = import_module(place.partition(":")[0]).__file__
        assert file is not None
        found.setdefault(Path(file).with_name("README.md"), []).append(METHODS[name])
    return found


def written(text: str, methods: list[Method]) -> str:
    """The README with its generated part as it is to be."""
    parts = [*(part for method in methods for part in _declared(method)), *_results(methods)]
    block = "\n".join((_BEGIN, "", *parts, "", _END))
    return re.sub(f"{_BEGIN}.*?{_END}", lambda _: block, text, flags=re.DOTALL)


def _declared(method: Method) -> Iterator[str]:
    yield f"**{method.name}**, stage by stage:"
    yield ""
    yield "| stage | reads | is decided by | leaves |"
    yield "|---|---|---|---|"
    for stage in method.stages:
        training = ["training images"]
        images = {"none": [], "train": training, "listed": training, "all": ["images"]}[stage.data]
        reads = ", ".join([*images, *stage.upstream])
        decided = ", ".join(f"`{section}`" for section in stage.params)
        yield f"| {stage.name} | {reads} | {decided} | {', '.join(stage.outs)} |"
    yield ""
    own = ", ".join(f"`{name}`" for kind in method.settings for name in kind.model_fields)
    yield f"Sections of its own in [`params.yaml`](../../../params.yaml): {own}."
    yield ""


def _results(methods: list[Method]) -> Iterator[str]:
    """Of each method's first variant in the study, and of the control's."""
    variants = load_study(_ROOT / _STUDY).variants
    names = dict.fromkeys((CONTROL, *(method.name for method in methods)))
    chosen = [next(name for name, variant in variants.items() if variant.method == method) for method in names]
    lines = iter((_ROOT / _RESULTS).read_text(encoding="utf-8").splitlines())
    title = next(line for line in lines if line.startswith("### "))
    header, _, *rows = takewhile(lambda line: line.startswith("|"), (line for line in lines if line))
    by_name = {row_name(row).removesuffix("†").strip(): row for row in rows}
    yield f"{title.removeprefix('### ')} ([all results](../../../{_RESULTS})):"
    yield ""
    yield _cut(header)
    yield "|---" + "|---:" * (_COLUMNS - 1) + "|"
    yield from (_cut(by_name[name]) for name in chosen if name in by_name)


def _cut(row: str) -> str:
    return "|".join(row.split("|")[: _COLUMNS + 1]) + "|"


if __name__ == "__main__":
    for readme, its_methods in readmes().items():
        readme.write_text(written(readme.read_text(encoding="utf-8"), its_methods), encoding="utf-8")
