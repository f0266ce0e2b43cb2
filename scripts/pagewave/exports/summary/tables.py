"""The tables of a summary, each put together from the ledger: rows of plain values."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pagewave.config.models import is_other_model
from pagewave.ledger import Ledger, ServedCount
from pagewave.waves.status import RunStatus
from pagewave.wording import age, moment
from pagewave.workspace import Workspace

Cell = str | int | float | None

SHOWN_FAILURES = 200
"""The newest failures of a run that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its heading; numbers are shown flush right.

    `folded`: shown once asked for. `leads`: the column whose cells lead to tables of that title.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    folded: bool = False
    leads: int | None = None


def of_run(status: RunStatus, served: Sequence[ServedCount] = ()) -> list[Table]:
    """One run in numbers.

    Args:
        served: the models that answered.
    """
    records, spent = status.records, status.spent
    seconds = (status.ended_at or status.started_at) - status.started_at
    rows: list[tuple[str, Cell]] = [
        ("outcome", status.outcome),
        ("engine", status.engine),
        ("model", status.model if status.engine == "gemini" else None),
        *_who_served(status, served),
        ("started", moment(status.started_at)),
        ("ended", moment(status.ended_at)),
        ("took", age(seconds)),
        ("pages to read", status.pages),
        ("pages read", status.pages_read),
        ("taken from stored answers", status.pages_free),
        ("dead letters", len(status.dead_letters)),
        ("pages blocked by them", status.pages_blocked),
        ("pages left", status.pages_left),
        ("lanes", len(status.lanes)),
        ("waves", sum(lane.waves_ended for lane in status.lanes)),
        ("records sent", records.sent),
        ("records answered", records.answered),
        ("answers valid", records.valid),
        ("answers failed", records.failed),
        ("batches still at the service", len(status.batches)),
        ("tokens in", spent.input_tokens),
        ("tokens out, thoughts included", spent.output_tokens),
        ("USD", "unknown" if spent.usd is None else spent.usd),
    ]
    return [Table(f"Run {status.id}", ("", ""), rows)]


def _who_served(status: RunStatus, served: Sequence[ServedCount]) -> list[tuple[str, Cell]]:
    """A row for each model that answered; none where the embedded reader did as it was asked."""
    rows: list[tuple[str, Cell]] = []
    for each in served:
        if is_other_model(each.asked, each.served):
            told = f"ANOTHER MODEL answered ({each.asked} was asked): {each.served}"
            rows.append((told, each.attempts))
        elif status.engine == "gemini":
            rows.append((f"answered by {each.served}", each.attempts))
    return rows


def of_books(workspace: Workspace) -> list[Table]:
    """Every book: how far it is, and what it cost in all runs."""
    ledger = workspace.ledger
    on_file = ledger.files.written_keys()
    doubts = ledger.answers.flagged_pages() + ledger.pictures.doubted()
    flagged = {flag.key for flag in doubts}
    dead = workspace.dead_letters()
    spent = ledger.spending.by_page()
    rows = []
    for book in workspace.dataset.books:
        keys = {page.key for page in book.pages}
        costs = [spent[key] for key in keys & spent.keys()]
        prices = [cost.usd for cost in costs if cost.usd is not None]
        rows.append(
            (
                *book.folders,
                len(keys),
                len(keys & on_file),
                len(keys & dead),
                len(keys & flagged),
                sum(cost.attempts for cost in costs),
                sum(cost.input_tokens for cost in costs),
                sum(cost.output_tokens for cost in costs),
                "unknown" if len(prices) < len(costs) else round(sum(prices), 6),
                str(workspace.book_files(book)[0]),
            )
        )
    columns = [*workspace.dataset.levels.names]
    columns += ["pages", "read", "dead letters", "flagged", "attempts"]
    columns += ["tokens in", "tokens out", "USD", "file"]
    return [Table("Books", columns, rows, "Attempts, tokens and USD are those of all runs.")]


def of_failures(workspace: Workspace, run_id: str) -> list[Table]:
    """Dead letters, kinds of failures, and the run's newest failures."""
    known = {page.key for page in workspace.dataset.pages}
    letters = [(key, workspace.why_dead(key)) for key in sorted(workspace.dead_letters() & known)]
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for failure in workspace.ledger.failures.all():
        kinds[failure.error_type]["all"] += 1
        kinds[failure.error_type]["open"] += failure.cleared_at is None
    newest = workspace.ledger.failures.of_run(run_id, SHOWN_FAILURES)
    return [
        Table(
            "Dead letters",
            ("page", "why"),
            letters,
            "They are not sent again until `pagewave retry` clears them.",
        ),
        Table(
            "Failures by kind",
            ("kind", "in all runs", "not forgiven"),
            [(kind, counts["all"], counts["open"]) for kind, counts in sorted(kinds.items())],
            "A failure is forgiven by a later good answer, a forced rebuild, or a person.",
        ),
        Table(
            f"Failures of run {run_id}",
            ("time", "page", "attempt", "kind", "message"),
            [(moment(row[0]), *row[1:]) for row in newest],
            f"The newest {SHOWN_FAILURES} at most; `pagewave failures` shows all.",
        ),
    ]


def of_cost(ledger: Ledger) -> list[Table]:
    """What each run read and cost, and all of them."""
    rows = ledger.spending.by_run()
    known = {run.id: run for run in ledger.overview.runs()}
    priced: list[Sequence[Cell]] = [
        (
            *row[:2],
            row.outcome or "broken off",
            *row[3:5],
            moment(known[row.run_id].started_at),
            known[row.run_id].read + known[row.run_id].free,
            *row[5:10],
            "unknown" if row.unpriced else round(row.usd, 6),
        )
        for row in rows
    ]
    numbers = [row[5:] for row in rows]
    in_all = [sum(row[place] for row in numbers) for place in range(7)]
    usd = "unknown" if in_all[6] else round(in_all[5], 6)
    priced.append(("all", *[None] * 6, *in_all[:5], usd))
    columns = ["run", "purpose", "outcome", "engine", "model", "began", "pages read"]
    columns += ["attempts", "tokens in", "of them cached", "tokens out", "thoughts", "USD"]
    note = "From the usage that the service reports with each answer; failed attempts cost as well."
    return [Table("Cost", columns, priced, note)]
