"""Notes of what lies in a store for a while: a training's checkpoints, and what jobs on other nodes read and made. No
version names these objects, and any list of files that lies there keeps its files: without a note they would stay for
ever, and much with them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from services.store.objects import is_hash
from services.store.store import Store
from tocoad.files.sealed import seal, unseal

CHECKPOINTS, JOBS = "checkpoints/", "jobs/"
"""Begin the names of notes; the key of the work follows."""
FORGOTTEN_SECONDS = 14 * 24 * 3600.0
"""Nobody comes back to what nobody has noted for so long."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Note:
    """`objects` are all that may be there for the work, what was broken off too. `tree` is the folder to go on from, if
    there is one.
    """

    tree: str | None = None
    objects: frozenset[str] = frozenset()


def read_note(store: Store, name: str) -> Note | None:
    """None where there is none. One that is damaged counts as empty, and that is said."""
    if (text := store.note(name)) is None:
        return None
    try:
        document = unseal(text)
        tree, objects = document["tree"], frozenset(document["objects"])
        if not all(map(is_hash, objects if tree is None else {tree, *objects})):
            raise ValueError("it names what is no object")
    except (ValueError, KeyError, TypeError) as error:
        _log.warning("%s: note %s is damaged (%s): nothing is known of what it named", store, name, error)
        return Note()
    return Note(tree, objects)


def write_note(store: Store, name: str, note: Note) -> None:
    store.write_note(name, seal({"tree": note.tree, "objects": sorted(note.objects)}).encode())


def add_to_note(store: Store, name: str, objects: Iterable[str]) -> None:
    """Also where all of them are in it: the note is young again."""
    before = read_note(store, name) or Note()
    write_note(store, name, Note(before.tree, before.objects.union(objects)))


@dataclass(frozen=True)
class Noted:
    """What all notes of a store name together. `forgotten` are the names of the notes that are old, `old` what these
    name; `kept` is what the others name.
    """

    kept: frozenset[str] = frozenset()
    old: frozenset[str] = frozenset()
    forgotten: tuple[str, ...] = ()


def noted(store: Store, before: float) -> Noted:
    """A note is old that was written before that time, in seconds since 1970."""
    names = {found.name: found.changed is not None and found.changed < before for found in store.notes()}
    with ThreadPoolExecutor(store.place.jobs) as pool:
        notes = dict(zip(names, pool.map(lambda name: read_note(store, name) or Note(), names), strict=True))
    kept, old = (
        frozenset().union(*(notes[name].objects for name, is_old in names.items() if is_old is wanted))
        for wanted in (False, True)
    )
    return Noted(kept, old, tuple(sorted(name for name, is_old in names.items() if is_old)))
