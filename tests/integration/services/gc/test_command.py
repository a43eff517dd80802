"""`tocoad gc`: lists, asks, and removes."""

from __future__ import annotations

import json
import os
import pty
import sys

import pytest

from cli.main import main
from tests.helpers.line_of_versions import Factory
from tocoad.files.workspace import Category

pytestmark = pytest.mark.integration

A = Category("set", "a")


@pytest.fixture
def three(factory: Factory) -> Factory:
    """Of three versions the first is champion."""
    for number in range(3):
        factory.images("set", {"a/1": b"%d" % number})
        factory.retrain(A, b"%d" % number, "kept" if number else "promoted")
    return factory


class Command:
    """`tocoad gc set --keep 1` in the workspace; with `typed` at a terminal."""

    def __init__(self, factory: Factory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.chdir(factory.workspace.root)

    def __call__(self, *arguments: str, typed: str | None = None) -> tuple[int, str, str]:
        ours, theirs = pty.openpty() if typed is not None else reversed(os.pipe())
        os.write(ours, (typed or "").encode())
        with os.fdopen(theirs) as standard_input, self._monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", standard_input)
            code = main(["gc", "set", "--keep", "1", "--min-age", "0", *arguments])
        os.close(ours)
        return (code, *self._capsys.readouterr())


@pytest.fixture
def command(three: Factory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(three, monkeypatch, capsys)


def test_without_a_terminal_it_removes_nothing_unless_it_is_told_to(three: Factory, command: Command) -> None:
    before = three.objects()
    code, _, told = command()
    assert code == 2 and "--yes removes, --dry-run lists" in told
    code, output, told = command("--dry-run", "--json")
    document = json.loads(output)
    assert code == 0 and three.objects() == before and document["removed"] is False
    versions = document["categories"]["a"]
    assert versions["kept"] == {"3": ["one of the last 1"], "1": ["champion"]} and versions["going"] == [2]
    # One image, the list of images, two outputs.
    assert document["cache"]["objects"] == document["store"]["objects"] == 4
    assert "a  stay: 3 (one of the last 1), 1 (champion); go: 2" in told
    assert f"store {three.store}: 4 objects" in told
    code, output, told = command("--yes")
    assert (code, output) == (0, "removed\n") and "go: 2" in told and len(three.objects()) == len(before) - 8


def test_at_a_terminal_it_asks(three: Factory, command: Command) -> None:
    before = three.objects()
    code, output, told = command(typed="\n")
    assert (code, output) == (0, "nothing was removed\n") and "remove them? [y/N]" in told
    assert three.objects() == before
    code, output, _ = command(typed="y\n")
    assert (code, output) == (0, "removed\n") and len(three.objects()) == len(before) - 8
