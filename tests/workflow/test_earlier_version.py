"""What commit bc4c192 left, a batch in flight included: it opens, goes on, and costs nothing twice.

tests/fixtures/ledger_v11/README.md says what there is.
"""

import contextlib
import sqlite3
from pathlib import Path

from helpers.accounts import events_of, problems_of_accounts, problems_of_leftovers
from helpers.command_calls import said
from helpers.earlier import lay_out
from helpers.library import Library

DEAD, BEHIND = "Ohio:Elm:1850:1", "Ohio:Elm:1850:2"
IN_FLIGHT = ["Ohio:Fir:1850:1", "Ohio:Oak:1850:2"]
NOT_ASKED = "Ohio:Oak:1850:3"
READ = ["Ohio:Ash:1850:1", "Ohio:Ash:1850:2", "Ohio:Ash:1850:3", "Ohio:Oak:1850:1"]
FLAGGED = "Ohio:Ash:1850:2"


def readings(library: Library) -> dict[str, int]:
    """How often the server has read each page, as it counts itself."""
    path = library.state / "embedded/server.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT key, times FROM inferences"))


def files_under(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Content and time of change of all files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_dry_run_says_what_is_left_and_changes_nothing(tmp_path: Path) -> None:
    with lay_out(tmp_path) as library:
        before = files_under(library.state) | files_under(tmp_path / "results")
        output = library.run("-n", "--verbose")
        assert f"1 page not sent again, dead letters: {DEAD}. 1 page behind them waits" in output
        assert "lane 1 wave 1: 2 pages of 2 books, 2 sent earlier, about 0 tokens in" in output
        # An image takes 1,120 tokens of today's default model, 258 of the one of then.
        assert "lane 1 wave 2: 1 page of 1 book, about 3,138 tokens in" in output
        assert "3 (1 to send, 2 sent earlier)" in output
        assert "Ohio/Ash" not in library.run("-n")
        status = said(library, "status.py")
        assert (status["pages"], status["pages_left"], status["outcome"]) == (3, 3, None)
        [batch] = status["batches"]
        assert (batch["status"], batch["records"]) == ("submitted", 2)
        assert [flag["key"] for flag in said(library, "flags.py")] == [FLAGGED]
        after = files_under(library.state) | files_under(tmp_path / "results")
        assert {path: after.get(path) for path in before} == before


def test_who_answered_then_is_filled_in_from_its_raw_lines(tmp_path: Path) -> None:
    with lay_out(tmp_path) as library:
        report = said(library, "models", "--fill-served")
        [row] = report["filled"]
        assert (row["asked"], row["served"], row["other"]) == (*["gemini-2.5-flash"] * 2, False)
        assert report["looked_at"] == row["attempts"] > len(READ) - 1
        with contextlib.closing(sqlite3.connect(library.state / "ledger.sqlite")) as db:
            served = db.execute("SELECT DISTINCT model_served FROM attempt").fetchall()
        assert served == [("gemini-2.5-flash",)]


def test_it_is_read_to_its_end_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    with lay_out(tmp_path) as library:
        before = readings(library)
        assert before == dict.fromkeys([*READ, *IN_FLIGHT], 1) | {DEAD: 2}
        pages = files_under(tmp_path / "results/pages")
        assert len(pages) == len(READ)

        # What was in flight is collected, and what comes after it is asked, once.
        output = library.run(code=1)
        assert f"{DEAD} is a dead letter after 2 failures, the last one Blocked" in output
        assert readings(library) == before | {NOT_ASKED: 1}
        after = files_under(tmp_path / "results/pages")
        assert {path: after[path] for path in pages} == pages
        assert "Read after: nothing" in library.text(IN_FLIGHT[0])
        assert "Read after: Ohio:Oak:1850:1" in library.text(IN_FLIGHT[1])
        assert "Read after: Ohio:Oak:1850:2" in library.text(NOT_ASKED)
        assert library.has_book("Ohio/Oak/1850") and not library.has_book("Ohio/Elm/1850")

        # A dead letter that is cleared is read, and so is the page behind it.
        library.command("clear_failure_counts.py", "--key", DEAD)
        library.run()
        assert readings(library) == before | {NOT_ASKED: 1, DEAD: 3, BEHIND: 1}
        assert f"Read after: {DEAD}" in library.text(BEHIND)
        events = events_of(library.state / "embedded/log.jsonl")
        assert problems_of_accounts(library, events, forced={}) == []
        assert problems_of_leftovers(library, events) == []
        assert "Nothing to be done" in library.run()
        assert readings(library) == before | {NOT_ASKED: 1, DEAD: 3, BEHIND: 1}
