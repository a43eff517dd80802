"""Notes of checkpoints: which folder of a store is a training's latest, and which objects lie there on its behalf."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from services.store.objects import is_hash
from services.store.store import Store
from tocoad.files.sealed import seal, unseal

CHECKPOINTS = "checkpoints/"
"""Begins the name of each; the key of the work follows."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckpointNote:
    """`tree` is the hash of the latest whole one, None until there is one. `objects` are all that were put for this
    work and may be there still, those of an upload that was broken off too.
    """

    tree: str | None = None
    objects: frozenset[str] = frozenset()


def read_checkpoint_note(store: Store, name: str) -> CheckpointNote | None:
    """None where there is none. One that is damaged counts as empty: then the work starts anew, and says so."""
    if (text := store.note(name)) is None:
        return None
    try:
        document = unseal(text)
        tree, objects = document["tree"], frozenset(document["objects"])
        if not all(map(is_hash, objects if tree is None else {tree, *objects})):
            raise ValueError("it names what is no object")
    except (ValueError, KeyError, TypeError) as error:
        _log.warning("%s: note %s is damaged (%s); the training starts anew", store, name, error)
        return CheckpointNote()
    return CheckpointNote(tree, objects)


def write_checkpoint_note(store: Store, name: str, note: CheckpointNote) -> None:
    store.write_note(name, seal({"tree": note.tree, "objects": sorted(note.objects)}).encode())
