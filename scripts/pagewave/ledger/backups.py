"""Copies of the ledger, made before something changes it for good."""

import itertools
import sqlite3
import time
from contextlib import closing
from pathlib import Path


def back_up(path: Path, reason: str = "") -> Path:
    """Copy the ledger at `path` as it was last committed, WAL included; returns the copy.

    Raises:
        sqlite3.Error, OSError: it could not be made; no half of one is left under its name.
    """
    copy = backup_name(path, reason)
    partial = copy.with_name(f".{copy.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as target:
            source.backup(target)
        partial.rename(copy)
    finally:
        partial.unlink(missing_ok=True)
    return copy


def backup_name(path: Path, reason: str = "") -> Path:
    """A name beside the ledger that is not taken, such as ledger-20261007T120000Z.sqlite, in UTC.

    Args:
        reason: goes behind the time, such as `-v1`.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    for more in itertools.chain([""], (f"-{number}" for number in itertools.count(2))):
        backup = path.with_name(f"{path.stem}-{stamp}{reason}{more}{path.suffix}")
        if not backup.exists():
            break
    return backup
