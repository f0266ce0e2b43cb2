"""Start anew with an empty ledger; the old one stays beside it under a dated name."""

import contextlib
import sqlite3
from pathlib import Path

from pagewave.commands.batch_views import BatchView, open_views, total_usd
from pagewave.config.settings import Settings
from pagewave.ledger import Ledger
from pagewave.ledger.backups import back_up, backup_name
from pagewave.ledger.connection import BUSY_TIMEOUT_SECONDS
from pagewave.wording import count, dollars

SIDE_FILES = ("-wal", "-shm")
"""What SQLite keeps beside a ledger."""


def contents(path: Path) -> dict[str, int | float | None]:
    """What a ledger holds: numbers of rows, and USD spent (None: some prices are unknown)."""
    ledger = Ledger.peek(path)
    ledger.check()
    row = ledger.query(
        "SELECT (SELECT COUNT(*) FROM run) AS runs, (SELECT COUNT(*) FROM batch) AS batches,"
        " (SELECT COUNT(*) FROM attempt) AS attempts,"
        " (SELECT COUNT(*) FROM attempt WHERE ok) AS answers,"
        " (SELECT COUNT(*) FROM failure) AS failures,"
        " (SELECT COUNT(*) FROM failure WHERE cleared_at IS NULL) AS uncleared_failures,"
        " CASE WHEN EXISTS (SELECT 1 FROM attempt WHERE usd IS NULL) THEN NULL"
        " ELSE (SELECT COALESCE(SUM(usd), 0.0) FROM attempt) END AS usd"
    )[0]
    ledger.close()
    return dict(row)


def in_flight(path: Path, settings: Settings) -> list[BatchView]:
    """The batches that a ledger would forget while they are at the service."""
    ledger = Ledger.peek(path)
    views = open_views(ledger, settings)
    ledger.close()
    return views


def cost_of(views: list[BatchView]) -> str:
    """What batches in flight cost, in words."""
    return (
        f"{len(views)} {'batch is' if len(views) == 1 else 'batches are'} in flight with "
        f"{count(sum(view.records for view in views), 'record')}, about "
        f"{dollars(total_usd(view.usd for view in views))} USD"
    )


def nuke(path: Path, *, recreate_tables: bool) -> Path:
    """Copy the ledger to a dated name, which is returned, and empty it; the caller holds the lock.

    The file stays the same, so that whoever looks at it meanwhile comes to no harm.

    Args:
        recreate_tables: drop the tables and make them anew, instead of emptying them.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_SECONDS)
    with contextlib.closing(connection) as db:
        db.execute("BEGIN IMMEDIATE")  # from here on nobody else writes: the copy is complete
        backup = back_up(path)
        for kind, name in db.execute(
            "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite_%' ORDER BY type DESC"  # views first: they name tables
        ).fetchall():
            if recreate_tables:
                db.execute(f'DROP {kind} "{name}"')
            elif kind == "table":
                db.execute(f'DELETE FROM "{name}"')
        if recreate_tables:
            db.execute("PRAGMA user_version = 0")
        db.execute("COMMIT")
        with contextlib.suppress(sqlite3.OperationalError):
            db.execute("VACUUM")  # only for the space; somebody may be reading
    if recreate_tables:
        Ledger.open(path).close()
    return backup


def move_away(path: Path, *, recreate_tables: bool) -> Path:
    """As `nuke`, for a ledger that can't be read: its files are renamed as they are.

    Without `recreate_tables` the next run makes a new one.
    """
    backup = backup_name(path)
    path.rename(backup)
    for suffix in SIDE_FILES:
        side = Path(f"{path}{suffix}")
        if side.exists():
            side.rename(f"{backup}{suffix}")
    if recreate_tables:
        Ledger.open(path).close()
    return backup
