"""Copies of the ledger, made before something changes it for good."""

import sqlite3
import time
from pathlib import Path

FOLDER = "backups"


def back_up(connection: sqlite3.Connection, path: Path, reason: str) -> Path:
    """Copy the ledger at `path` as `connection` sees it, WAL included.

    Returns the copy: backups/ledger-<UTC time>-<reason>.sqlite beside the ledger.

    Raises:
        sqlite3.Error, OSError: it could not be made; no half of one is left under its name.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    copy = path.parent / FOLDER / f"{path.stem}-{stamp}-{reason}{path.suffix}"
    copy.parent.mkdir(exist_ok=True)
    partial = copy.with_name(copy.name + ".partial")
    partial.unlink(missing_ok=True)
    target = sqlite3.connect(partial)
    try:
        connection.backup(target)
    finally:
        target.close()
    partial.replace(copy)
    return copy
