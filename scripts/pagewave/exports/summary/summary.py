"""Writes the summary of a ledger and its newest run: pages for people, tables for programs."""

import csv
import io
from collections.abc import Sequence

from pagewave.atomic import write_atomically
from pagewave.characters import harmless
from pagewave.errors import PagewaveError
from pagewave.exports.summary import summary_files, template
from pagewave.exports.summary.history import of_history
from pagewave.exports.summary.tables import Cell, Table, of_books, of_cost, of_failures, of_run
from pagewave.exports.summary.timeline import timeline
from pagewave.log import log
from pagewave.redaction import hide_keys
from pagewave.waves.status import Watch
from pagewave.workspace import Workspace


def write_summary(workspace: Workspace) -> None:
    """Write the summary; where that fails, the run has ended all the same."""
    status = Watch(
        workspace.ledger,
        workspace.settings.execution.max_concurrent_batches,
        workspace.continues_past_dead_letters,
    ).look()
    if status is None:
        return
    books = of_books(workspace)
    contents = {
        "run.html": _page(of_run(status, workspace.ledger.served.in_run(status.id))),
        "waves.svg": timeline(workspace.ledger, status.id),
        "books.html": _page(books),
        "failures.html": _page(of_failures(workspace, status.id)),
        "cost.html": _page(of_cost(workspace.ledger)),
        "history.html": _page(of_history(workspace.ledger)),
        "books.tsv": _tsv(books[0]),
    }
    try:
        for name, path in summary_files(workspace.settings.paths.logs_dir).items():
            write_atomically(path, hide_keys(contents[name]))
    except PagewaveError as error:
        log.warning("no summary: %s", error)


def _page(tables: Sequence[Table]) -> str:
    places = {table.title: f"t{number}" for number, table in enumerate(tables)}
    return template("page.html.jinja").render(tables=tables, shown=_shown, places=places)


def _shown(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:,.4f}"
    return f"{cell:,}" if isinstance(cell, int) else cell or ""


def _tsv(table: Table) -> str:
    """The table for a program; a formula in a name stays text when a spreadsheet opens it."""
    text = io.StringIO()
    writer = csv.writer(text, dialect="excel-tab", lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([[harmless(cell) for cell in row] for row in table.rows])
    return text.getvalue()
