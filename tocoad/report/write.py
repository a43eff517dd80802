"""`work/<dataset>/report/`: a page for each category and a summary, each whole in itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    The summary links to the pages that are there. The same files and facts give the same bytes.

    Raises:
        StageError: a category of `methods` has no whole evaluation; nothing was written.
    """
    # Matplotlib and scipy.stats take a second to import: for those who write a report, not for those who could.
    from tocoad.report.evidence import read_evidence
    from tocoad.report.page import category_page
    from tocoad.report.summary import SummaryRow, summary_page

    evidence = {category: read_evidence(workspace, category, method) for category, method in methods.items()}
    folder = workspace.report_dir(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    for number, category in enumerate(categories, start=1):
        write_whole(folder / page_name(category), category_page(evidence[category], facts).encode())
        progress(Progress(number, len(categories)))
    pages = {file.name for file in folder.glob("*.html")}
    rows = [SummaryRow.of(found, facts, pages) for found in evidence.values()]
    write_whole(folder / INDEX, summary_page(dataset, rows, facts).encode())
    return folder / INDEX
