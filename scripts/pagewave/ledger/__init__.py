"""The ledger: the SQLite file that knows every batch, record, attempt, answer and failure.

It is the truth about what was asked and paid for; what a run does next follows from it and the data
set alone. One process writes it (Snakemake's head); others may read it at any time (WAL).
"""

import sqlite3
from pathlib import Path

from pagewave.ledger.answers import Answers, Attempt, Flag, FlaggedPage, Served
from pagewave.ledger.batches import (
    BY_BATCH,
    DOUBT_SECONDS,
    LOST,
    NO_RESULTS,
    OTHER_KEY,
    STUCK,
    UNANSWERED,
    UNKNOWN,
    Batch,
    Batches,
    Record,
)
from pagewave.ledger.calls import Calls
from pagewave.ledger.closures import Closures, Refused
from pagewave.ledger.connection import Connection
from pagewave.ledger.failures import (
    FailureCount,
    FailureRow,
    Failures,
    LoggedFailure,
    ServiceTrouble,
    Setback,
)
from pagewave.ledger.files import Files, KnownImage, Origin, UsedTemplate
from pagewave.ledger.history import (
    RECENT,
    BatchHistory,
    History,
    RoadHistory,
    WaveHistory,
    WaveSeconds,
)
from pagewave.ledger.identity import Identity
from pagewave.ledger.outbox import LogRow, Outage, Outbox, OutboxCounts
from pagewave.ledger.overview import Overview, RecordHistory, RunHistory
from pagewave.ledger.page_files import PageFiles, WrittenFile
from pagewave.ledger.pictures import Pictures
from pagewave.ledger.runs import (
    COMPARISON_MARK,
    MemberOutcome,
    Outcome,
    PlannedPage,
    Purpose,
    RunOutcome,
    RunRow,
    Runs,
    Trouble,
)
from pagewave.ledger.served import Filled, ServedCount, Unfilled, WhoServed
from pagewave.ledger.soundness import refuse_network
from pagewave.ledger.spending import (
    Cost,
    EstimateAndActual,
    Measured,
    PageCost,
    RunCost,
    Spending,
    StepCost,
)
from pagewave.ledger.trouble import explained

__all__ = [
    "BY_BATCH",
    "COMPARISON_MARK",
    "DOUBT_SECONDS",
    "LOST",
    "NO_RESULTS",
    "OTHER_KEY",
    "RECENT",
    "STUCK",
    "UNANSWERED",
    "UNKNOWN",
    "Attempt",
    "Batch",
    "BatchHistory",
    "Cost",
    "EstimateAndActual",
    "FailureCount",
    "FailureRow",
    "Filled",
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
    "Outcome",
    "PageCost",
    "PlannedPage",
    "Purpose",
    "Record",
    "RecordHistory",
    "Refused",
    "RoadHistory",
    "RunCost",
    "RunHistory",
    "RunOutcome",
    "RunRow",
    "Served",
    "ServedCount",
    "ServiceTrouble",
    "Setback",
    "StepCost",
    "Trouble",
    "Unfilled",
    "UsedTemplate",
    "WaveHistory",
    "WaveSeconds",
    "WrittenFile",
    "explained",
    "refuse_network",
]


class Ledger(Connection):
    """The open file, with a shelf for each subject.

    `transaction` and `snapshot` hold for all shelves: they share the one connection.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(path, connection)
        self.runs = Runs(self)
        self.batches = Batches(self)
        self.answers = Answers(self)
        self.failures = Failures(self)
        self.files = Files(self)
        self.page_files = PageFiles(self)
        self.pictures = Pictures(self)
        self.outbox = Outbox(self)
        self.calls = Calls(self)
        self.closures = Closures(self)
        self.spending = Spending(self)
        self.history = History(self)
        self.overview = Overview(self)
        self.identity = Identity(self)
        self.served = WhoServed(self)
