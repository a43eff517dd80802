"""`work/<dataset>/report/`: a page for each category and a summary, each whole in itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tocoad.files.replacing import write_whole
from tocoad.files.workspace import Category, Workspace
from tocoad.report.facts import Facts
from tocoad.report.names import INDEX, page_name
from tocoad.settings.sections import MethodName
from tocoad.stages.stage import Progress, ProgressCallback, silent


def write_report(
    workspace: Workspace,
    dataset: str,
    categories: Sequence[Category],
    methods: Mapping[Category, MethodName],
    facts: Facts,
    progress: ProgressCallback = silent,
) -> Path:
    """Writes the pages of `categories`, then the summary over all of `methods`; returns the summary's file.

    The summary links to the pages that are there. The same files and facts give the same bytes; a page of which only
    the facts of the whole data set have changed stays as it was made. One category is held at a time.

    Raises:
        StageError: a category of `methods` has no whole evaluation; nothing was written.
    """
    # Matplotlib and scipy.stats take a second to import: for those who write a report, not for those who could.
    from tocoad.report.evidence import read_evidence
    from tocoad.report.notes import Note, made_of, read_notes, write_notes
    from tocoad.report.row import SummaryRow
    from tocoad.report.summary import summary_page

    folder = workspace.report_dir(dataset)
    known, notes = read_notes(folder), {}
    steps = len(methods) + len(categories)
    for number, (category, method) in enumerate(methods.items(), start=1):
        sources = made_of(workspace, category, method, facts.said(category, method))
        note = known.get(category.name)
        if note is None or note.made_of != sources:
            evidence = read_evidence(workspace, category, method)
            row = SummaryRow.of(evidence, facts.verdict(evidence))
            note = Note(sources, row, None if note is None else note.page_of)
        notes[category.name] = note
        progress(Progress(number, steps))
    folder.mkdir(parents=True, exist_ok=True)
    for number, category in enumerate(categories, start=len(methods) + 1):
        page, note = folder / page_name(category), notes[category.name]
        if note.page_of != note.made_of or not page.is_file():
            from tocoad.report.page import category_page

            evidence = read_evidence(workspace, category, methods[category])
            write_whole(page, category_page(evidence, facts).encode())
            notes[category.name] = replace(note, page_of=note.made_of)
        progress(Progress(number, steps))
    write_notes(folder, notes)
    pages = {file.name for file in folder.glob("*.html")}
    rows = [note.row for note in notes.values()]
    write_whole(folder / INDEX, summary_page(dataset, rows, pages, facts).encode())
    return folder / INDEX
