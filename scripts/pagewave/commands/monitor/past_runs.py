"""All runs of a ledger, any of them opened, and a batch opened to its records."""

import time
from typing import Any

from pagewave.commands.monitor.feed import batch_told, budget, run_told
from pagewave.commands.past_runs import outcomes_in_words
from pagewave.commands.status import state_in_words, watch_of
from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.ledger import BY_BATCH, Ledger


def run_list(ledger: Ledger, process: int | None) -> list[dict[str, Any]]:
    """All runs, the newest first, as JSON values; times are Unix seconds.

    `outcome` is in words, also of a run that goes on or that broke off.

    Args:
        process: the one that carries the newest out, None where none does.
    """
    runs = ledger.overview.runs()
    outcomes = outcomes_in_words(runs, process)
    return [run._asdict() | {"outcome": outcomes[run.id]} for run in runs]


def run_opened(ledger: Ledger, settings: Settings, run_id: str, process: int | None) -> Any:
    """A run as the feed tells of the newest one, with all its waves and batches; and its calls.

    Args:
        process: the one that carries it out, None where none does.

    Raises:
        DataError: there is no such run.
    """
    with ledger.snapshot():
        watch = watch_of(ledger, settings, run_id)
        status = watch.look()
        if status is None:
            raise DataError(f"The ledger has no run {run_id}.")
        newest = ledger.runs.latest()
        is_newest = newest is not None and newest.id == run_id
        return {
            "now": time.time(),
            "state": state_in_words(status, process, is_newest),
            "goes_on": is_newest and not status.ended_at and process is not None,
            "run": run_told(status),
            "budget": budget(settings.execution, status.engine),
            "waves": [wave._asdict() for wave in watch.waves()],
            "batches": [batch_told(batch) for batch in watch.batches()],
            "calls": [call._asdict() for call in ledger.overview.calls(run_id)],
        }


def batch_opened(ledger: Ledger, batch_id: int) -> dict[str, Any]:
    """A batch with its records.

    Raises:
        DataError: there is no such batch.
    """
    with ledger.snapshot():
        found = ledger.history.batches([batch_id])
        if not found:
            raise DataError(f"The ledger has no batch {batch_id}.")
        records = [record._asdict() for record in ledger.overview.records(batch_id)]
        is_call = found[0].transport != BY_BATCH
        told = {"run_id": found[0].run_id, "engine": found[0].engine, "is_call": is_call}
        return {**batch_told(found[0]), **told, "members": records}
