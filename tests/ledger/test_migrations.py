"""Earlier ledgers: each becomes the newest with all its rows, or stays exactly as it was."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from helpers import new_ledgers
from helpers.earlier import LEDGER, restore
from helpers.small_disk import files_up_to
from pagewave.errors import LedgerError
from pagewave.ledger import Ledger
from pagewave.ledger.migrations import (
    SCHEMA,
    SCHEMA_VERSION,
    STEPS,
    migrate,
    newest_version,
    version,
)

Rows = dict[str, list[dict[str, Any]]]

NEXT_STEP = """
ALTER TABLE run ADD COLUMN note TEXT NOT NULL DEFAULT 'none';
-- A table is rebuilt as SQLite recommends (sqlite.org/lang_altertable.html).
CREATE TABLE new_wave_page AS SELECT * FROM wave_page;
DROP TABLE wave_page;
ALTER TABLE new_wave_page RENAME TO wave_page;
"""
"""A step as the next version may bring, so that there is always one to take."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger of a test lies."""
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def steps() -> Iterator[list[str]]:
    """The steps after the schema, to which a test may add."""
    released = STEPS[:]
    yield STEPS
    STEPS[:] = released


def tables(db: sqlite3.Connection) -> list[str]:
    """Names of all tables."""
    rows = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " AND sql NOT LIKE 'CREATE VIRTUAL%'"
    )
    return [row[0] for row in rows]


def value(db: sqlite3.Connection, table: str, column: str, number: int) -> Any:
    """A value for a column that its type, its CHECK and the table it refers to allow."""
    for key in db.execute(f"PRAGMA foreign_key_list({table})"):
        parent, child_column, parent_column = key[2], key[3], key[4]
        if child_column == column:
            return value(db, parent, parent_column, number)
    sql = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    if allowed := re.search(rf"CHECK\s*\(\s*{column}\s+IN\s*\(([^)]*)", sql):
        words = [word.strip().strip("'") for word in allowed[1].split(",")]
        return words[number % len(words)]
    (kind,) = (row[2] for row in db.execute(f"PRAGMA table_info({table})") if row[1] == column)
    values = {"INTEGER": number, "REAL": number + 0.5, "BLOB": bytes([number, 0, 255])}
    return values.get(kind, f"{column} {number}")


def fill(db: sqlite3.Connection) -> None:
    """Two rows in every table, which refer to each other as their foreign keys say."""
    for table in tables(db):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        for number in (1, 2):
            row = [value(db, table, column, number) for column in columns]
            db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def build(path: Path, version: int) -> Rows:
    """A ledger as a pagewave of that version left it, with rows in every table."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for step in [SCHEMA, *STEPS[: version - SCHEMA_VERSION]]:
            db.executescript(step)
        fill(db)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA user_version = {version}")
    return rows_of(path)


def rows_of(path: Path) -> Rows:
    """All rows of all tables."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return {t: [dict(r) for r in db.execute(f"SELECT * FROM {t}")] for t in tables(db)}


def schema_of(path: Path) -> list[tuple[str, ...]]:
    """Every table, index, view and trigger as SQL without its spaces, and the version."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2, 3")
        # Columns that a step added stand on lines of their own, or not.
        parts = [(*row[:3], re.sub(r"\s+", "", row[3] or "")) for row in rows]
        return [*parts, ("version", str(db.execute("PRAGMA user_version").fetchone()))]


def assert_kept(before: Rows, after: Rows) -> None:
    """Every row is there with every value, unless its table or column is gone for good."""
    assert sum(map(len, before.values())) > 20
    for table in before.keys() & after.keys():
        assert len(after[table]) == len(before[table])
        if not before[table]:
            continue
        columns = before[table][0].keys() & after[table][0].keys()
        assert columns
        assert [{c: row[c] for c in columns} for row in after[table]] == [
            {c: row[c] for c in columns} for row in before[table]
        ]


def backups_of(path: Path) -> list[Path]:
    """The copies made beside a ledger."""
    return sorted(path.parent.glob("ledger-*.sqlite*"))


@pytest.fixture
def schema_of_new(tmp_path: Path) -> Callable[[], list[tuple[str, ...]]]:
    """Makes a new ledger, and tells its schema."""

    def made() -> list[tuple[str, ...]]:
        fresh = tmp_path / "fresh/ledger.sqlite"
        Ledger.open(fresh).close()
        assert backups_of(fresh) == []
        return schema_of(fresh)

    return made


@pytest.mark.parametrize("with_next_step", [False, True])
def test_the_ledger_of_a_library_in_use_becomes_the_newest(
    path: Path, steps: list[str], with_next_step: bool, schema_of_new: Callable[[], object]
) -> None:
    restore(LEDGER, path)
    before = rows_of(path)
    if with_next_step:
        steps.append(NEXT_STEP)
    Ledger.open(path).close()
    assert schema_of(path) == schema_of_new()
    assert_kept(before, rows_of(path))


@pytest.mark.parametrize("with_next_step", [False, True])
@pytest.mark.parametrize("version", range(SCHEMA_VERSION, newest_version() + 1))
def test_every_version_becomes_the_newest_and_keeps_its_rows(
    path: Path,
    steps: list[str],
    version: int,
    with_next_step: bool,
    schema_of_new: Callable[[], object],
) -> None:
    before = build(path, version)
    if with_next_step:
        steps.append(NEXT_STEP)
    Ledger.open(path).close()
    assert schema_of(path) == schema_of_new()
    after = rows_of(path)
    assert before.keys() <= after.keys()
    assert_kept(before, after)
    copies = backups_of(path)
    assert len(copies) == (version < newest_version())
    for copy in copies:
        assert re.fullmatch(rf"ledger-\d{{8}}T\d{{6}}Z-v{version}\.sqlite", copy.name)
        assert rows_of(copy) == before


@pytest.mark.parametrize("open_it", [Ledger.open, Ledger.peek])
def test_a_ledger_from_before_the_first_release_is_refused_and_left_as_it_is(
    path: Path, open_it: Callable[[Path], Ledger]
) -> None:
    build(path, SCHEMA_VERSION)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION - 1}")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="from before pagewave's first release") as raised:
        open_it(path)
    assert "rebuild_ledger.py" in str(raised.value)
    assert path.read_bytes() == before
    assert backups_of(path) == []


def test_a_look_at_an_older_ledger_shows_it_as_the_newest_and_leaves_it(
    path: Path, steps: list[str]
) -> None:
    build(path, newest_version())
    steps.append(NEXT_STEP)
    before = path.read_bytes()
    ledger = Ledger.peek(path)
    ledger.check()
    assert [row["note"] for row in ledger.query("SELECT note FROM run")] == ["none", "none"]
    ledger.close()
    assert path.read_bytes() == before
    assert backups_of(path) == []


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (
            "CREATE TABLE extra (a); DELETE FROM wave_page; INSERT INTO nowhere VALUES (1);",
            "nowhere",
        ),
        ("CREATE TABLE extra (a); DELETE FROM run;", "rows without their parents"),
        ("CREATE TABLE extra (a); this is no SQL;", "syntax error"),
    ],
)
def test_a_step_that_fails_half_way_changes_nothing(
    path: Path, steps: list[str], step: str, told: str
) -> None:
    before = build(path, newest_version())
    schema = schema_of(path)
    steps.append(step)
    with pytest.raises(LedgerError, match=told) as raised:
        Ledger.open(path)
    assert str(path) in str(raised.value)
    assert schema_of(path) == schema
    assert rows_of(path) == before
    assert [rows_of(copy) for copy in backups_of(path)] == [before]
    # Nothing holds the file any more: the mended step can be taken at once.
    steps[-1] = NEXT_STEP
    Ledger.open(path).close()
    assert_kept(before, rows_of(path))


def test_of_several_steps_those_that_worked_stay(path: Path, steps: list[str]) -> None:
    before = build(path, newest_version())
    steps += [NEXT_STEP, "CREATE TABLE extra (a); INSERT INTO nowhere VALUES (1);"]
    with pytest.raises(LedgerError):
        Ledger.open(path)
    assert_kept(before, rows_of(path))
    assert "note" in rows_of(path)["run"][0]
    assert "extra" not in rows_of(path)


def test_without_a_backup_no_step_is_taken(path: Path, steps: list[str]) -> None:
    before = build(path, newest_version())
    schema = schema_of(path)
    steps.append(NEXT_STEP)
    with files_up_to(path.stat().st_size // 2), pytest.raises(LedgerError, match="disk"):
        Ledger.open(path)
    assert (rows_of(path), schema_of(path)) == (before, schema)
    assert list(path.parent.glob("*partial*")) == backups_of(path) == []


@pytest.mark.parametrize(
    "absurd", [2**62, -1, 1e300, "many"], ids=["sum overflows", "negative", "float", "text"]
)
@pytest.mark.parametrize("open_it", [Ledger.open, Ledger.peek])
def test_counts_that_no_service_means_are_unknown_from_now_on(
    path: Path, open_it: Callable[[Path], Ledger], absurd: Any
) -> None:
    """They were kept as they came: SQLite refuses to add up two of 2^62."""
    restore(LEDGER, path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE batch SET engine = 'gemini'")
        db.execute("UPDATE attempt SET usd = 0.001")
        db.execute("UPDATE record SET max_usd = 0.5")
        ids = [row[0] for row in db.execute("SELECT id FROM attempt ORDER BY id LIMIT 2")]
        for number in ids:
            db.execute("UPDATE attempt SET output_tokens = ? WHERE id = ?", (absurd, number))
            db.execute("UPDATE attempt SET usd = 1e12 WHERE id = ?", (number,))
        [attempts] = db.execute("SELECT COUNT(*) FROM attempt").fetchone()
    ledger = open_it(path)
    ledger.check()
    for number in ids:
        attempt = ledger.answers.attempt(number)
        assert (attempt.prompt_tokens, attempt.output_tokens, attempt.usd) == (0, 0, 0.5)
    costs = ledger.spending.costs("gemini")
    assert [c.max_usd for c in costs if not c.metered and c.usd] == [1.0]
    assert sum(c.usd or 0.0 for c in costs) == pytest.approx(1.0 + 0.001 * (attempts - 2))
    assert sum(run.usd for run in ledger.spending.by_run()) == pytest.approx(
        1.0 + 0.001 * (attempts - 2)
    )
    assert len(ledger.spending.by_page()) > 0
    assert all(batch for batch in map(ledger.answers.totals, (b.id for b in ledger.batches.all())))
    ledger.close()


def test_a_new_ledger_of_the_tests_is_what_all_steps_make_of_an_empty_file(
    steps: list[str],
) -> None:
    for _ in range(2):
        with (
            closing(sqlite3.connect(":memory:")) as made,
            closing(sqlite3.connect(":memory:")) as ours,
        ):
            migrate(made)
            new_ledgers.migrate(ours)
            assert list(ours.iterdump()) == list(made.iterdump()) and tables(ours)
            assert version(ours) == version(made) == newest_version()
        steps.append(NEXT_STEP)
