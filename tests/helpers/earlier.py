"""A library as an earlier version left it, laid out in a folder: tests/fixtures/ledger_v11."""

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import yaml

from helpers.library import Library

FIXTURE = Path(__file__).parents[1] / "fixtures/ledger_v11/library"
LEDGER = FIXTURE / "state/ledger.sql"
SERVER_TIMES = ("created", "active", "expires", "updated", "ended")
SECONDS_AGO = 60.0
AGES = {"labels": 180.0, "images": 180.0, "results/pages": 120.0, "results/books": 90.0}
"""When the files of a folder were written, in seconds ago: what is made of others after them."""


def lay_out(root: Path) -> Library:
    """The library in `root`, as if its head had died a minute ago."""
    shutil.copytree(FIXTURE, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sql"))
    config = yaml.safe_load((FIXTURE / "config.yaml").read_text(encoding="utf-8"))
    library = Library(root, {})
    library.config = config
    library.configure()
    died_at = restore(LEDGER, library.state / "ledger.sqlite")
    restore(
        FIXTURE / "state/embedded/server.sql", library.state / "embedded/server.sqlite", died_at
    )
    now = time.time()
    for folder, seconds_ago in AGES.items():
        for path in [root / folder, *(root / folder).rglob("*")]:
            os.utime(path, (now - seconds_ago, now - seconds_ago))
    return library


def restore(dump: Path, path: Path, died_at: float | None = None) -> float:
    """Make a database of its SQL, with all times moved to a minute ago; returns its last time.

    Args:
        died_at: what counts as its last time, in Unix seconds, instead of its own.
    """
    with closing(sqlite3.connect(path)) as db:
        db.executescript(dump.read_text(encoding="utf-8"))
        columns = [
            (table, column)
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for _, column, kind, *_ in db.execute(f"PRAGMA table_info({table})").fetchall()
            if kind == "REAL" and (column.endswith("_at") or column in SERVER_TIMES)
        ]
        past = [(table, column) for table, column in columns if not column.startswith("expires")]
        if died_at is None:
            newest = (f"SELECT MAX({column}) FROM {table}" for table, column in past)
            died_at = max(db.execute(sql).fetchone()[0] or 0.0 for sql in newest)
        for table, column in columns:
            later = time.time() - SECONDS_AGO - died_at
            db.execute(f"UPDATE {table} SET {column} = {column} + ?", (later,))
        db.commit()
    return died_at
