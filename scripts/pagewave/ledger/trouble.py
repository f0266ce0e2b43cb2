"""What can go wrong with the ledger's file, in words: what it means and what to do next."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pagewave.command_line import script
from pagewave.errors import LedgerError


def damaged() -> str:
    """What to do about a ledger that can't be read any more."""
    return (
        f"Move it away with `{script('nuke_database', '--force')}`, put a good copy in its place "
        f"if there is one, and run `{script('rebuild_ledger')}` before the next run: without it, "
        "batches in flight would be paid for again (docs/operators.md)."
    )


AGAIN = "Then run the same command again: nothing is lost, and nothing is asked twice."
NO_PERMISSION = (
    f"Check the permissions of the file, of those beside it (-wal, -shm) and of the folder. {AGAIN}"
)

# SQLite's primary result codes (sqlite.org/rescode.html).
ADVICE = {
    sqlite3.SQLITE_FULL: f"Free some space. {AGAIN}",
    sqlite3.SQLITE_IOERR: f"Check the disk: its space, your quota, its health. {AGAIN}",
    sqlite3.SQLITE_READONLY: NO_PERMISSION,
    sqlite3.SQLITE_CANTOPEN: NO_PERMISSION,
    sqlite3.SQLITE_PERM: NO_PERMISSION,
    sqlite3.SQLITE_BUSY: f"Another program holds it: close that one. {AGAIN}",
}
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
UNEXPECTED = "This is not supposed to happen: please report it. Nothing of the change was kept."


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite or the disk over a file into one that helps.

    Raises:
        LedgerError: instead of `sqlite3.Error` and `OSError`.
    """
    try:
        yield
    except sqlite3.Error as error:
        # Extended codes keep the primary one in their lowest byte. Python's own errors have none.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        advice = ADVICE.get(code, UNEXPECTED)
        if code in DAMAGE:
            advice = f"The ledger is damaged. {damaged()}"
        raise LedgerError(f"{path}: {error}. {advice}") from error
    except OSError as error:
        raise LedgerError(
            f"{error.filename or path}: {error.strerror or error}. Check the disk's space, and the "
            f"permissions of the file and its folder. {AGAIN}"
        ) from error
