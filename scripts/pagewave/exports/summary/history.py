"""The newest runs, opened: a run to its batches, a batch to its records, a record to its page."""

from collections.abc import Sequence

from pagewave.exports.summary.tables import Table
from pagewave.ledger import BatchHistory, Ledger, RecordHistory
from pagewave.wording import moment

OPENED_RUNS = 20
"""The newest runs whose batches are listed; `pagewave status` and the monitor open any."""
OPENED_BATCHES = 200
"""Of these runs the newest batches, which are opened to their records."""
OPENED_RECORDS = 2000
"""Of these batches; the newest batches come first, and of each what was not read."""
OPENED_PAGES = 200
"""Pages with more to tell than their record does."""


def of_history(ledger: Ledger) -> list[Table]:
    """Tables of runs, then of their batches, then of pages; each leads to those behind it."""
    runs: list[Table] = []
    batches: list[BatchHistory] = []
    for run in ledger.overview.runs()[:OPENED_RUNS]:
        newest = ledger.history.batches(ledger.history.batches_of(run.id))[::-1]
        if newest := newest[: OPENED_BATCHES - len(batches)]:
            runs.append(_run(run.id, newest))
            batches += newest
    opened = _opened(ledger, batches)
    told = dict.fromkeys(
        record.key for _, records in opened for record in records if _has_more_to_tell(record)
    )
    note = (
        f"The newest {OPENED_RUNS} runs, with {OPENED_BATCHES} batches and {OPENED_RECORDS:,} "
        "records at most; `pagewave status --run ID`, `--batch NAME` and `--page KEY` open any. "
        "Pages that were read at the first attempt have no more to tell than their records."
    )
    return [
        Table(
            "Runs, batches, records, pages", ("run",), [(run.title,) for run in runs], note, leads=0
        ),
        *runs,
        *(_batch(batch, records) for batch, records in opened),
        *(_page(ledger, key) for key in list(told)[:OPENED_PAGES]),
    ]


def _has_more_to_tell(record: RecordHistory) -> bool:
    return record.attempt > 1 or record.outcome != "read" or bool(record.reason)


def _opened(
    ledger: Ledger, batches: Sequence[BatchHistory]
) -> list[tuple[BatchHistory, list[RecordHistory]]]:
    """The newest batches with as many of their records as are shown."""
    opened = []
    left = OPENED_RECORDS
    for batch in batches:
        if left <= 0:
            break
        records = ledger.overview.records(batch.id)[:left]
        left -= len(records)
        opened.append((batch, records))
    return opened


def _run(run_id: str, batches: Sequence[BatchHistory]) -> Table:
    rows = [
        (
            batch.display_name,
            batch.lane,
            batch.wave,
            batch.state or batch.status,
            batch.records,
            batch.valid,
            "unknown" if batch.unpriced else round(batch.usd, 6),
        )
        for batch in batches
    ]
    columns = ("batch", "lane", "wave", "state", "records", "valid", "USD")
    return Table(f"Batches of run {run_id}", columns, rows, folded=True, leads=0)


def _batch(batch: BatchHistory, records: Sequence[RecordHistory]) -> Table:
    rows = [(each.key, each.attempt, each.outcome, each.reason, each.usd) for each in records]
    columns = ("page", "attempt", "outcome", "why", "USD")
    note = f"At the service: {batch.name}." if batch.name else ""
    return Table(batch.display_name, columns, rows, note, folded=True, leads=0)


def _page(ledger: Ledger, key: str) -> Table:
    rows = [
        (
            moment(each.at),
            each.run_id,
            each.attempt,
            each.outcome,
            each.reason,
            each.batch,
            each.usd,
        )
        for each in ledger.overview.attempts(key)
    ]
    columns = ("when", "run", "attempt", "outcome", "why", "batch", "USD")
    return Table(key, columns, rows, folded=True)
