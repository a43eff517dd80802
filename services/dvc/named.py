"""Objects that documents of a workspace name, by the hashes of what was recorded with DVC."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dvc.utils.serialize import parse_yaml

from services.dvc import lockfile
from services.dvc.calls import DvcError
from tocoad.errors import first_line
from tocoad.files.documents import LOCK

Documents = Mapping[str, str]
"""Texts by their paths below the workspace: `dvc.lock`, and files `*.dvc`."""

# The settings, most of an entry's text, take most of the time to read, and name no object.
_OUTPUTS = re.compile(r"^    outs:\n((?:    (?:-|  ).*\n)+)", re.MULTILINE)


class Names:
    """Reads an entry once: of a thousand records of a workspace most are the same. `where`, of each method, is whose
    documents they are, for the error; each raises DvcError where a document cannot be read.
    """

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}

    def everything(self, documents: Documents, where: str) -> set[str]:
        """What any of them names."""
        return self._named(documents, where, lambda _: True)

    def images(self, documents: Documents, where: str, dataset: str) -> set[str]:
        """The data set's; none where it was not under DVC."""
        name = f"data/{dataset}.dvc"
        return self._named({name: documents[name]} if name in documents else {}, where, lambda _: False)

    def outputs(self, documents: Documents, where: str, wanted: Callable[[str], bool]) -> set[str]:
        """Of the stages of these names."""
        return self._named({LOCK: documents[LOCK]} if LOCK in documents else {}, where, wanted)

    def _named(self, documents: Documents, where: str, wanted: Callable[[str], bool]) -> set[str]:
        named: set[str] = set()
        for path, text in documents.items():
            try:
                named |= (
                    self._in_lock(text, wanted) if path == LOCK else _hashes(parse_yaml(text, path).get("outs", ()))
                )
            except Exception as error:  # of YAML that is not DVC's, its reading raises whatever it stumbles over
                raise DvcError(f"{where}: {path} cannot be read ({first_line(error)})") from error
        return named

    def _in_lock(self, text: str, wanted: Callable[[str], bool]) -> set[str]:
        blocks = lockfile.blocks_in(text) if text else {}
        if blocks is not None:
            return {name for stage, block in blocks.items() if wanted(stage) for name in self._in_block(block)}
        stages = parse_yaml(text, LOCK)["stages"]
        return _hashes(out for stage, entry in stages.items() if wanted(stage) for out in entry.get("outs", ()))

    def _in_block(self, block: str) -> frozenset[str]:
        outputs = _OUTPUTS.search(block)
        text = outputs[1] if outputs else ""
        if text not in self._known:
            self._known[text] = frozenset(_hashes(parse_yaml(text, LOCK) or ()))
        return self._known[text]


def dataset_of(stage: str) -> str:
    """Of `stage1@sample/gear` or `train_unified@sample`; empty for a stage that a user has added."""
    return stage.partition("@")[2].partition("/")[0]


def _hashes(outputs: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(out["md5"]) for out in outputs if "md5" in out}
