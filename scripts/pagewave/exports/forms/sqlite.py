"""SQLite with full-text search: opens in Datasette, DB Browser and every language.

Each table with texts has an index `<table>_fts` beside it, of the kind that Datasette finds:

    SELECT * FROM courses WHERE rowid IN (SELECT rowid FROM courses_fts WHERE courses_fts MATCH ?)
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pagewave.exports.content import Books, Cell
from pagewave.exports.exporter import Exporter
from pagewave.exports.schema import CODEBOOK_TABLE, Kind, Table

_TYPES = {
    Kind.TEXT: "TEXT",
    Kind.INTEGER: "INTEGER",
    Kind.NUMBER: "REAL",
    Kind.BOOLEAN: "INTEGER",  # 0 and 1, as SQLite has no other
    Kind.DATE: "TEXT",
    Kind.JSON: "TEXT",
}
_OURS = ("key", "missing", "flags", "model_served", "link")
"""Texts that nobody looks for in pages; nor are names of folders."""


class Sqlite(Exporter):
    """`books.sqlite`: all tables, their codebook, and an index for search."""

    name = "sqlite"
    suffixes = (".sqlite",)

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write the tables, then build the indexes over them."""
        with closing(sqlite3.connect(files[0], isolation_level=None)) as database:
            # It is put in its place when it is whole, so nothing has to be undone.
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute("BEGIN")
            for table in (*books.tables, CODEBOOK_TABLE):
                columns = [f"{_named(c.name)} {_TYPES[c.kind]}" for c in table.columns]
                database.execute(f"CREATE TABLE {_named(table.name)} ({', '.join(columns)})")
            for table, rows in books.chunks():
                _insert(database, table, rows)
            _insert(database, CODEBOOK_TABLE, books.codebook())
            for table in books.tables:
                name = _named(table.name)
                database.execute(f"CREATE INDEX {_named(f'{table.name}_key')} ON {name} (key)")
                _index_words(database, table, {*_OURS, *books.levels.names})
            database.execute("COMMIT")
            database.execute("PRAGMA optimize")


def _index_words(database: sqlite3.Connection, table: Table, not_words: set[str]) -> None:
    words = [
        _named(column.name)
        for column in table.columns
        if column.kind in (Kind.TEXT, Kind.JSON) and column.name not in not_words
    ]
    if not words:
        return
    index = f"{table.name}_fts"
    database.execute(
        f"CREATE VIRTUAL TABLE {_named(index)} USING fts5({', '.join(words)}, "
        f"content={_named(table.name)}, tokenize='unicode61 remove_diacritics 2')"
    )
    database.execute(f"INSERT INTO {_named(index)} ({_named(index)}) VALUES ('rebuild')")


def _insert(database: sqlite3.Connection, table: Table, rows: Sequence[Sequence[Cell]]) -> None:
    places = ", ".join("?" * len(table.columns))
    texts = [i for i, column in enumerate(table.columns) if column.kind == Kind.DATE]
    given = ([str(v) if i in texts and v else v for i, v in enumerate(row)] for row in rows)
    database.executemany(f"INSERT INTO {_named(table.name)} VALUES ({places})", given)


def _named(name: str) -> str:
    """A name in SQL: those of Python's fields hold no quotes."""
    return f'"{name}"'
