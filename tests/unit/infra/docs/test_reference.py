"""The pages that are made from the code say what the code says."""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path

import pytest

from cli.main import parser
from infra.docs.commands_page import commands_page
from infra.docs.reference import reference
from infra.docs.settings_page import settings_page
from tests.helpers.messages import texts_of_the_code
from tests.helpers.project import PROJECT
from tocoad.files.workspace import Workspace
from tocoad.settings.sections import Settings


@pytest.mark.parametrize("place", ["docs/reference/commands.md", "docs/reference/settings.md"])
def test_the_page_is_what_the_code_makes_of_it(place: str, tmp_path: Path) -> None:
    text = (PROJECT / place).read_text(encoding="utf-8")
    # The checkout is a workspace too: who has changed a setting in it has no other page for that.
    committed = subprocess.run(["git", "show", "HEAD:params.yaml"], cwd=PROJECT, capture_output=True, check=True)
    (tmp_path / "params.yaml").write_bytes(committed.stdout)
    made = [reference(root)[place] for root in (PROJECT, tmp_path)]
    assert text in made, "run python -m infra.docs reference"


def test_every_setting_says_what_it_is() -> None:
    rows = re.findall(r"^\| `(.+?)` \|(.*)\|$", settings_page(Workspace(PROJECT)), re.MULTILINE)
    assert {name.partition(".")[0] for name, _ in rows} == set(Settings.model_fields)
    assert [name for name, row in rows if not row.rpartition("|")[2].strip()] == []


def test_a_setting_of_the_profiles_has_the_value_of_each() -> None:
    page = settings_page(Workspace(PROJECT))
    assert "| `stage1.iterations` | demo `60`, default `700`, paper `5000` | a whole number, at least 1 |" in page
    assert "| `ray.stages.NAME.memory_gb` | `0` | a number, at least 0 |" in page


def test_a_command_is_shown_as_it_is_typed() -> None:
    top = argparse.ArgumentParser(prog="tool")
    commands = top.add_subparsers()
    below = commands.add_parser("lift", description="lift things.", epilog="example:\n  tool lift box --twice")
    below.set_defaults(run=print)
    below.add_argument("thing", metavar="THING", help="what is lifted")
    below.add_argument("--height", choices=("low", "high"), default="low", help="how high (default: %(default)s)")
    below.add_argument("--with", nargs="+", required=True, metavar="TOOL", help="by what")
    below.add_argument("--twice", action="store_true", help="100 %% more")
    page = commands_page(top)
    assert "```text\ntool lift THING [--height HEIGHT] --with TOOL ... [--twice]\n```" in page
    assert "| `--height HEIGHT` | how high (default: low); one of `low`, `high` |" in page
    assert "| `--twice` | 100 % more |" in page
    assert "```text\ntool lift box --twice\n```" in page


def test_commands_have_a_section_each_and_so_have_those_below_another() -> None:
    page = commands_page(parser())
    assert {"tocoad data add", "tocoad retrain", "tocoad remote set"} <= set(
        re.findall(r"^## (.+)$", page, re.MULTILINE)
    )


def test_every_variable_of_ours_is_named_on_the_page_of_the_environment() -> None:
    page = (PROJECT / "docs/reference/environment.md").read_text(encoding="utf-8")
    texts = (*texts_of_the_code(PROJECT), (PROJECT / "Makefile").read_text(encoding="utf-8"))
    ours = {name for text in texts for name in re.findall(r"TOCOAD_[A-Z_]*[A-Z]", text)}
    assert ours and [name for name in sorted(ours) if not re.search(rf"`{name}(=1)?`", page)] == []
