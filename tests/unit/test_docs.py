"""The pages lead where they say, and say of the code what is so."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tocoad.metrics.names import FURTHER_NAMES, METRIC_NAMES
from tocoad.report import glossary
from tocoad.stages.graph import METHODS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    Path(name)
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_REFERENCE = re.compile(r"methods\.md:[\s#]+([A-Za-z0-9 ]+)")


def _headings(page: Path) -> list[str]:
    return _HEADING.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = _FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), f"{page} links to {link}"
        if anchor:
            assert anchor in map(_anchor, _headings(file)), f"{page} links to {link}"


def test_every_section_of_the_methods_page_that_the_code_names_is_there() -> None:
    sections = [heading.lower() for heading in _headings(ROOT / "docs/explanation/methods.md")]
    named = 0
    for file in sorted((ROOT / "tocoad").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        for section in _REFERENCE.findall(text):
            assert section.strip().lower() in sections, f"{file.relative_to(ROOT)} names {section!r}"
            named += 1
        assert not re.search(r"methods(\.md)? (section )?[1-5](\.\d)?\b", text), f"{file.relative_to(ROOT)}: a number"
    assert named > 20


def test_the_glossary_says_of_metrics_what_the_report_says() -> None:
    page = (ROOT / "docs/explanation/glossary.md").read_text(encoding="utf-8")
    assert glossary.markdown() in page, "run python -m tocoad.report.glossary docs/explanation/glossary.md"
    assert all(f"`{name}`" in page for name in (*METRIC_NAMES, *FURTHER_NAMES))


def test_the_picture_of_the_stages_shows_what_each_method_declares() -> None:
    page = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    drawn: dict[str, set[tuple[str, str]]] = {}
    for name, body in re.findall(r'subgraph \w+\["(\w+)"\]\n(.*?)\n\s+end', page, re.DOTALL):
        nodes = dict(re.findall(r"(\w+)\[(\w+)\]", body))
        chains = [[part.strip().partition("[")[0] for part in line.split("-->")] for line in body.splitlines()]
        drawn[name] = {(nodes[a], nodes[b]) for chain in chains for a, b in pairwise(chain)}
    declared = {
        name: {(source, stage.name) for stage in method.stages for source in stage.upstream}
        for name, method in METHODS.items()
    }
    assert drawn == declared


def test_every_picture_is_shown_on_a_page_and_all_of_them_are_small() -> None:
    shown = {
        (page.parent / link).resolve()
        for page in map(ROOT.joinpath, PAGES)
        for link in _LINK.findall(page.read_text(encoding="utf-8"))
    }
    pictures = [file for file in (ROOT / "docs/images").iterdir() if not file.name.startswith(".")]
    assert pictures and [file.name for file in pictures if file.resolve() not in shown] == []
    assert sum(file.stat().st_size for file in pictures) < 1_500_000
