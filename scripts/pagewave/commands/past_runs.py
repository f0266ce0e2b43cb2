"""All runs of a ledger in tables: a run's batches, a batch's records, a page's attempts."""

from collections.abc import Sequence
from dataclasses import asdict

from pagewave.command_line import option, script
from pagewave.commands.command import print_json
from pagewave.commands.selection import nearest
from pagewave.console import printer, table
from pagewave.errors import UnknownName
from pagewave.ledger import BatchHistory, Ledger, RunHistory
from pagewave.wording import dollars, moment


def outcomes_in_words(runs: Sequence[RunHistory], process: int | None) -> dict[str, str]:
    """How each run ended, by its name, of all runs with the newest first; `process` carries out
    the newest, if one does."""
    going_on = runs[0].id if runs and process is not None else None
    return {run.id: run.outcome or _unfinished(run.id == going_on) for run in runs}


def _unfinished(goes_on: bool) -> str:
    return "goes on" if goes_on else "broken off"


def show_runs(ledger: Ledger, process: int | None, as_json: bool) -> int:
    """Print all runs, the newest first; returns the exit code.

    Args:
        process: the one that carries the newest out, None where none does.
    """
    runs = ledger.overview.runs()
    outcomes = outcomes_in_words(runs, process)
    if as_json:
        print_json([run._asdict() | {"outcome": outcomes[run.id]} for run in runs])
    elif not runs:
        print("No run yet.")
    else:
        rows = [
            (run.id, _what(run), _pages(run), dollars(run.usd), outcomes[run.id]) for run in runs
        ]
        printer().print(table(["=run", "what", ">pages", ">USD", "outcome"], rows))
        print(f"One of them: {script('status', '--run', runs[0].id)}")
    return 0


def _what(run: RunHistory) -> str:
    by = run.model if run.engine == "gemini" else "embedded reader"
    return by if run.purpose == "workflow" else f"{run.purpose}, {by}"


def _pages(run: RunHistory) -> str:
    done = run.read + run.free
    return f"{done:,}" if done == run.pages else f"{done:,} of {run.pages:,}"


def show_batches_of(ledger: Ledger, batches: Sequence[BatchHistory], run_id: str) -> None:
    """Print the batches of a run, and the calls of a trial."""
    console = printer()
    rows = [
        (
            batch.name or batch.display_name,
            batch.lane,
            batch.wave,
            batch.state or batch.status,
            batch.records,
            batch.valid,
            "unknown" if batch.unpriced else f"{batch.usd:.4f}",
        )
        for batch in batches
    ]
    if rows:
        columns = ["=batch", ">lane", ">wave", "=state", ">records", ">valid", ">USD"]
        console.print(table(columns, rows, "All its batches"))
        print(f"One of them: {script('status', *option('--batch', str(rows[-1][0])))}")
    if calls := ledger.overview.calls(run_id):
        asked = [(call.key, call.outcome, _usd(call.usd)) for call in calls]
        console.print(table(["page", "outcome", ">USD"], asked, "Its calls"))


def show_batch(ledger: Ledger, name: str, as_json: bool) -> int:
    """Print what became of a batch's records, those that were not read first; returns the exit
    code.

    Raises:
        UnknownName: there is no batch of this name.
    """
    batch_id = ledger.overview.find_batch(name)
    if batch_id is None:
        raise UnknownName(
            f"The ledger has no batch {name}. {script('batches', '--all')} lists them."
        )
    (batch,) = ledger.history.batches([batch_id])
    records = ledger.overview.records(batch_id)
    if as_json:
        print_json(asdict(batch) | {"members": [record._asdict() for record in records]})
        return 0
    console = printer()
    console.print(f"{batch.display_name}: {batch.state or batch.status}")
    console.print(f"run {batch.run_id}, lane {batch.lane}, wave {batch.wave}")
    rows = [(r.key, r.attempt, r.outcome, r.reason, _usd(r.usd)) for r in records]
    console.print(table(["page", ">attempt", "=outcome", "why", ">USD"], rows))
    if records:
        print(f"One of them: {script('status', *option('--page', records[0].key))}")
    return 0


def show_page(ledger: Ledger, key: str, as_json: bool) -> int:
    """Print all attempts at a page, the oldest first; returns the exit code.

    Raises:
        UnknownName: nothing was ever sent or failed of it.
    """
    attempts = ledger.overview.attempts(key)
    if not attempts:
        near = nearest(key, ledger.runs.known_keys(), most=3)
        raise UnknownName(f"The ledger has nothing of a page {key}. {near}")
    if as_json:
        print_json([attempt._asdict() for attempt in attempts])
        return 0
    rows = [
        (moment(a.at), a.run_id, a.attempt, a.outcome, a.reason, a.batch, _usd(a.usd))
        for a in attempts
    ]
    columns = ["=when", "=run", ">attempt", "=outcome", "why", "=batch", ">USD"]
    printer().print(table(columns, rows, key))
    return 0


def _usd(usd: float | None) -> str:
    return "" if usd is None else f"{usd:.4f}"
