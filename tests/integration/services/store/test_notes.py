"""Small documents with names of their own, beside a store's objects."""

from __future__ import annotations

import time

from services.store.store import Store


def test_a_note_is_what_its_last_writer_wrote_until_it_is_removed(far: Store) -> None:
    assert far.note("checkpoints/a") is None and far.notes() == []
    far.write_note("checkpoints/a", b"first")
    far.write_note("checkpoints/a", b"second, longer")
    far.write_note("checkpoints/b", b"")
    assert (far.note("checkpoints/a"), far.note("checkpoints/b")) == (b"second, longer", b"")
    far.remove_note("checkpoints/b")
    far.remove_note("checkpoints/b")
    assert far.note("checkpoints/b") is None
    (found,) = far.notes()
    assert (found.name, found.bytes) == ("checkpoints/a", 14)
    assert found.changed is not None and abs(time.time() - found.changed) < 60


def test_a_note_is_no_object(far: Store) -> None:
    far.write_note("checkpoints/" + "0" * 32, b"a note")
    assert list(far.objects()) == []
