from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from html_page import read_page
from report_files import FACTS, Made, compared, write_category

from tocoad.errors import StageError
from tocoad.evaluation.comparison_files import write_comparison
from tocoad.files.workspace import Category, Workspace
from tocoad.report.evidence import Evidence, read_evidence
from tocoad.report.names import page_name
from tocoad.report.write import write_report
from tocoad.settings.sections import MethodName
from tocoad.stages.graph import evaluation_dir
from tocoad.stages.stage import Progress

SMALL = Made(scores={"good": [5.0, 6.0], "crack": [9.0, 15.0]}, losses=False, curves=False)


@pytest.fixture
def methods(workspace: Workspace) -> dict[Category, MethodName]:
    categories = [Category("toys", name) for name in ("bolt", "index")]
    for category in categories:
        write_category(workspace, category, "tocoad", SMALL)
    return dict.fromkeys(categories, "tocoad")


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_writes_a_page_for_each_category_and_the_summary(
    workspace: Workspace, methods: dict[Category, MethodName]
) -> None:
    seen: list[Progress] = []
    index = write_report(workspace, "toys", list(methods), methods, FACTS, seen.append)
    assert index == workspace.root / "work" / "toys" / "report" / "index.html"
    assert sorted(_files(index.parent)) == ["bolt.html", "category.index.html", "index.html", "notes.json"]
    assert [(step.step, step.total) for step in seen] == [(step, 4) for step in (1, 2, 3, 4)]
    links = {link.attributes["href"] for link in read_page(index.read_text()).one("main").find("a")}
    assert links == {"bolt.html", "category.index.html"}
    assert read_page((index.parent / "category.index.html").read_text()).one("h1").text == "toys / index"


def test_the_same_files_and_facts_give_the_same_bytes(
    workspace: Workspace, methods: dict[Category, MethodName]
) -> None:
    folder = write_report(workspace, "toys", list(methods), methods, FACTS).parent
    first = _files(folder)
    write_report(workspace, "toys", list(methods), methods, FACTS)
    assert _files(folder) == first


def test_the_summary_is_over_all_though_one_page_is_written(
    workspace: Workspace, methods: dict[Category, MethodName]
) -> None:
    bolt = Category("toys", "bolt")
    index = write_report(workspace, "toys", [bolt], methods, FACTS)
    assert sorted(_files(index.parent)) == ["bolt.html", "index.html", "notes.json"]
    page = read_page(index.read_text())
    assert {heading.text for heading in page.find("h3")} == {"bolt", "index"}
    assert {link.attributes["href"] for link in page.one("main").find("a")} == {"bolt.html"}


LATER = replace(FACTS, git_commit="beef", generated="2026-02-03 04:05 UTC")


def _page_times(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("*.html") if file.name != "index.html"}


def test_a_page_whose_category_has_not_changed_is_neither_read_nor_written_again(
    workspace: Workspace, methods: dict[Category, MethodName], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_report(workspace, "toys", list(methods), methods, FACTS).parent
    times = _page_times(folder)
    write_category(workspace, gear := Category("toys", "gear"), "tocoad", SMALL)
    read: list[str] = []

    def reading(place: Workspace, category: Category, method: MethodName) -> Evidence:
        read.append(category.name)
        return read_evidence(place, category, method)

    monkeypatch.setattr("tocoad.report.evidence.read_evidence", reading)
    grown: dict[Category, MethodName] = {**methods, gear: "tocoad"}
    write_report(workspace, "toys", list(grown), grown, LATER)
    assert read == ["gear", "gear"]  # for its row, and for its page
    later = _page_times(folder)
    assert later.keys() - times.keys() == {"gear.html"} and times.items() <= later.items()
    summary = read_page((folder / "index.html").read_text())
    assert {heading.text for heading in summary.find("h3")} == {"bolt", "index", "gear"}
    assert LATER.generated in summary.one("footer").text


@pytest.mark.parametrize("change", ["evaluation", "control", "comparison", "verdict", "page", "notes"])
def test_a_page_is_written_again_when_what_it_was_made_of_has_changed(
    workspace: Workspace, methods: dict[Category, MethodName], change: str
) -> None:
    folder = write_report(workspace, "toys", list(methods), methods, FACTS).parent
    facts, changed = LATER, {"bolt.html"}
    evaluation = evaluation_dir(workspace, Category("toys", "bolt"), "tocoad")
    if change == "evaluation":
        shutil.rmtree(evaluation)
        shutil.rmtree(evaluation.parent / "fit")
        write_category(workspace, Category("toys", "bolt"), "tocoad", replace(SMALL, scores={"good": [5.0, 6.0]}))
    elif change == "control":
        write_category(workspace, Category("toys", "bolt"), "patchcore", SMALL)
    elif change == "comparison":
        bolt = Category("toys", "bolt")
        write_comparison(workspace.comparison_dir(bolt), compared(read_evidence(workspace, bolt, "tocoad")), {})
    elif change == "verdict":
        said = {"verdict": "kept", "reasons": ["worse"], "version": 4, "time": "now"}
        facts = replace(LATER, verdicts={("bolt", "tocoad"): [*FACTS.verdicts["bolt", "tocoad"], said]})
    elif change == "page":
        (folder / "bolt.html").unlink()
    else:
        (folder / "notes.json").write_text("{")
        changed = {"bolt.html", "category.index.html"}
    before = _files(folder)
    write_report(workspace, "toys", list(methods), methods, facts)
    after = _files(folder)
    assert {name for name in after if after[name] != before.get(name)} - {"index.html", "notes.json"} == changed


def test_one_category_that_is_not_evaluated_leaves_everything_as_it_was(
    workspace: Workspace, methods: dict[Category, MethodName]
) -> None:
    folder = write_report(workspace, "toys", list(methods), methods, FACTS).parent
    before = _files(folder)
    missing = Category("toys", "gear")
    with pytest.raises(StageError, match=r"toys/gear .*: run tocoad retrain toys first"):
        write_report(workspace, "toys", [*methods, missing], {**methods, missing: "tocoad"}, FACTS)
    assert _files(folder) == before


@pytest.mark.parametrize(("name", "page"), [("bolt", "bolt.html"), ("Index", "category.Index.html")])
def test_no_category_takes_the_summarys_name(name: str, page: str) -> None:
    assert page_name(Category("toys", name)) == page


def test_the_entry_costs_no_heavy_import_and_the_report_no_torch() -> None:
    program = (
        "import sys, tocoad.report.write\n"
        "assert not {'torch', 'matplotlib', 'jinja2', 'scipy.stats'} & set(sys.modules)\n"
        "import tocoad.report.page, tocoad.report.summary\n"
        "assert not {'torch', 'sklearn', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
