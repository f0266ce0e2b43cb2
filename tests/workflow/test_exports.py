"""Exports as rules: when they are made, with the real command."""

import csv
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from helpers.library import Library

CSV = "results/exports/csv/pages.csv"
FORMS = ["csv", "sqlite", "text"]


def jobs(output: str) -> dict[str, int]:
    """The jobs of rules for exports in Snakemake's table."""
    lines = (line.split() for line in output.splitlines() if line.startswith("export_"))
    return {name: int(count) for name, count in lines}


def pages(root: Path) -> list[dict[str, str]]:
    """The rows of the table of pages."""
    with (root / CSV).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_exports_are_made_when_missing_or_older_than_their_pages(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm/1850": 2, "Ohio/Oak/1851": 1}) as library:
        library.config["exports"] = FORMS
        library.configure()
        assert jobs(library.run("-n")) == {"export_csv": 1, "export_sqlite": 1, "export_text": 2}
        # A book of its own reads no other.
        wanted = library.run("-n", "results/exports/text/Ohio/Oak/1851.txt")
        assert jobs(wanted) == {"export_text": 1} and re.search(r"^page +1$", wanted, re.MULTILINE)
        library.run()
        found = {row["key"]: row["text"] for row in pages(tmp_path)}
        assert found.keys() == {"Ohio:Elm:1850:1", "Ohio:Elm:1850:2", "Ohio:Oak:1851:1"}
        assert all(text and text in library.text(key) for key, text in found.items())
        text = tmp_path / "results/exports/text/Ohio/Elm/1850.txt"
        assert text.read_text().startswith("[page 1]\n")
        assert "Nothing to be done" in library.run()

        # One is missing: it alone is made, and no run begins, which would take a key and a server.
        (tmp_path / CSV).unlink()
        runs = sorted((tmp_path / "logs/runs").iterdir())
        library.crash("file-half-written")
        assert not (tmp_path / CSV).exists()
        output = library.run()
        assert jobs(output) == {"export_csv": 1}
        assert len(pages(tmp_path)) == 3 and sorted((tmp_path / "logs/runs").iterdir()) == runs
        assert "pagewave run" not in output

        # A page is corrected: its book and what is of all books are made again.
        file = library.page_file("Ohio:Elm:1850:1")
        page = json.loads(file.read_text())
        page["school_name"] = "Put right"
        file.write_text(json.dumps(page))
        others = tmp_path / "results/exports/text/Ohio/Oak/1851.txt"
        before = others.stat().st_mtime_ns
        output = library.run()
        assert jobs(output) == {"export_csv": 1, "export_sqlite": 1, "export_text": 1}
        assert others.stat().st_mtime_ns == before
        with closing(sqlite3.connect(tmp_path / "results/exports/sqlite/books.sqlite")) as found:
            query = "SELECT key FROM pages WHERE corrected AND school_name = 'Put right'"
            assert found.execute(query).fetchall() == [("Ohio:Elm:1850:1",)]
        assert set(library.inferences().values()) == {1}

        # Other books: the tables are of them alone.
        library.configure(filters={"target_years": {"start": 1851}})
        assert jobs(library.run()) == {"export_csv": 1, "export_sqlite": 1}
        assert {row["key"] for row in pages(tmp_path)} == {"Ohio:Oak:1851:1"}


def test_a_book_with_a_dead_letter_keeps_no_other_from_being_exported(tmp_path: Path) -> None:
    books = {"Ohio/Elm/1850": 3, "Ohio/Oak/1851": 4}
    with Library(tmp_path, books, execution={"max_retries": 1, "batch_size_limit": 1}) as library:
        library.configure(embedded={"faults": ["blocked:match=Elm:1850:2$"]})
        library.config["exports"] = FORMS
        library.configure()
        output = library.run(code=1)
        assert "3 of 7 pages are not in it, of 1 book" in output
        assert not (tmp_path / "results/exports/text/Ohio/Elm/1850.txt").exists()
        assert (tmp_path / "results/exports/text/Ohio/Oak/1851.txt").exists()
        missing = {row["key"]: row["missing"] for row in pages(tmp_path)}
        assert missing["Ohio:Oak:1851:4"] == ""
        assert missing["Ohio:Elm:1850:1"] == "its book is not finished"

        # A page that is done without: the rest of its book is in the tables.
        library.configure(execution={"on_dead_letter": "continue"})
        library.run(code=1)
        missing = {row["key"]: row["missing"] for row in pages(tmp_path) if row["missing"]}
        assert missing == {"Ohio:Elm:1850:2": "1 failure, the last one Blocked"}

        # Once it is read, all is there.
        library.configure(embedded={"faults": []})
        library.command("clear_failure_counts.py", "--all")
        library.run()
        assert [row["key"] for row in pages(tmp_path) if row["missing"]] == []
        assert not (tmp_path / "results/exports/csv/notes.txt").exists()
