"""The ledger: the SQLite file that knows every batch, record, attempt, answer and failure.

It is the truth about what was asked and paid for; what a run does next follows from it and the data
set alone. One process writes it (Snakemake's head); others may read it at any time (WAL).
"""

from pagewave.ledger.answers import Answers, Attempt
from pagewave.ledger.batches import (
    DOUBT_SECONDS,
    LOST,
    NO_RESULTS,
    STUCK,
    UNKNOWN,
    Batch,
    Batches,
    Record,
)
from pagewave.ledger.failures import FailureCount, FailureRow, Failures, LoggedFailure
from pagewave.ledger.files import Files, KnownImage, Origin, UsedTemplate
from pagewave.ledger.flags import Flag, FlaggedPage, Flags
from pagewave.ledger.history import BatchHistory, History, WaveHistory
from pagewave.ledger.location import refuse_network
from pagewave.ledger.outbox import LogRow, Outage, Outbox, OutboxCounts
from pagewave.ledger.runs import COMPARISON_MARK, MemberOutcome, PlannedPage, Runs
from pagewave.ledger.spending import Cost, EstimateAndActual, Measured, Spending
from pagewave.ledger.trouble import explained

__all__ = [
    "COMPARISON_MARK",
    "DOUBT_SECONDS",
    "LOST",
    "NO_RESULTS",
    "STUCK",
    "UNKNOWN",
    "Attempt",
    "Batch",
    "BatchHistory",
    "Cost",
    "EstimateAndActual",
    "FailureCount",
    "FailureRow",
    "Flag",
    "FlaggedPage",
    "KnownImage",
    "Ledger",
    "LogRow",
    "LoggedFailure",
    "Measured",
    "MemberOutcome",
    "Origin",
    "Outage",
    "OutboxCounts",
    "PlannedPage",
    "Record",
    "UsedTemplate",
    "WaveHistory",
    "explained",
    "refuse_network",
]


class Ledger(Runs, Batches, Answers, Spending, Flags, Failures, Files, Outbox, History):
    """All that can be asked of the ledger, and written to it, by subject."""
