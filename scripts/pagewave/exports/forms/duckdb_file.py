"""DuckDB: all tables in one database, columns with their meanings as comments.

duckdb results/exports/duckdb/books.duckdb -c 'SELECT state, count(*) FROM courses GROUP BY 1'
"""

from collections.abc import Sequence
from pathlib import Path

from pagewave.exports.content import Books
from pagewave.exports.exporter import Exporter
from pagewave.exports.forms import frames
from pagewave.exports.schema import CODEBOOK_TABLE, Table


class DuckDb(Exporter):
    """`books.duckdb`."""

    name = "duckdb"
    suffixes = (".duckdb",)
    packages = (frames.PACKAGE, "duckdb")

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write the tables, by way of Parquet: what polars writes, DuckDB reads as it is."""
        import duckdb

        content = frames.frames(books)
        content[CODEBOOK_TABLE.name] = frames.frame(CODEBOOK_TABLE, books.codebook())
        with duckdb.connect(str(files[0])) as database:
            for table in (*books.tables, CODEBOOK_TABLE):
                # Its name begins as the database's does: what a crash leaves goes with that.
                between = Path(f"{files[0]}.{table.name}.parquet")
                content.pop(table.name).write_parquet(between)
                database.execute(
                    f"CREATE TABLE {_named(table.name)} AS FROM read_parquet({_text(str(between))})"
                )
                between.unlink()
                for statement in _comments(table):
                    database.execute(statement)


def _comments(table: Table) -> list[str]:
    name = _named(table.name)
    return [f"COMMENT ON TABLE {name} IS {_text(table.meaning)}"] + [
        f"COMMENT ON COLUMN {name}.{_named(column.name)} IS {_text(column.meaning)}"
        for column in table.columns
    ]


def _named(name: str) -> str:
    return f'"{name}"'


def _text(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
