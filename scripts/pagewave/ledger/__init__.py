"""The ledger: the SQLite file that knows every batch, record, attempt, answer and failure.

It is the truth about what was asked and paid for; what a run does next follows from it and the data
set alone. One process writes it (Snakemake's head); others may read it at any time (WAL).
"""

from .answers import Answers, Attempt
from .batches import DOUBT_SECONDS, LOST, NO_RESULTS, STUCK, UNKNOWN, Batch, Batches, Record
from .failures import FailureCount, FailureRow, Failures, LoggedFailure
from .files import Files, KnownImage, Origin, UsedTemplate
from .flags import Flag, FlaggedPage, Flags
from .history import BatchHistory, History, WaveHistory
from .location import refuse_network
from .outbox import LogRow, Outage, Outbox, OutboxCounts
from .runs import COMPARISON_MARK, MemberOutcome, PlannedPage, Runs
from .spending import Cost, EstimateAndActual, Measured, Spending
from .trouble import explained

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
