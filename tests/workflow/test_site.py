"""The reading room as rules: when it is made, with the real command."""

import json
from pathlib import Path

from helpers.command_calls import said
from helpers.embedded_process import wait_for
from helpers.library import Library
from pagewave.exports.site.room import value_of

INDEX = "results/site/{}/index.html"
ELM, OAK = "Ohio/Elm/1850", "Ohio/Oak/1851"


def jobs(output: str) -> dict[str, int]:
    """The jobs of its rules in Snakemake's table."""
    lines = (line.split() for line in output.splitlines())
    return {line[0]: int(line[1]) for line in lines if line[:1] in (["site"], ["site_book"])}


def shelf(root: Path) -> dict[str, dict[str, object]]:
    """The books on the shelf, by school."""
    value = value_of((root / "results/site/reading-room/shelf.js").read_bytes())
    return {book["name"]: book for book in value["books"]}


def test_it_is_made_by_book_as_books_are_done_and_costs_no_run(tmp_path: Path) -> None:
    with Library(tmp_path, {ELM: 2, OAK: 1}, site={"enabled": True}) as library:
        output = library.run("-n")
        assert jobs(output) == {"site_book": 2, "site": 1}
        assert output.count("Reading room: 3 pages, about 1 MB.") == 1
        assert "shelf and search" not in output  # no line for a single job
        assert "not present when" not in library.run()
        assert {book["finished"] for book in shelf(tmp_path).values()} == {True}
        assert "Nothing to be done" in library.run()
        assert "Reading room:" not in library.run("-n")

        # A page is corrected: its book is made again, and no other.
        file = library.page_file("Ohio:Elm:1850:1")
        page = json.loads(file.read_text())
        page["school_name"] = "Put right"
        file.write_text(json.dumps(page))
        other = (tmp_path / INDEX.format(OAK)).stat().st_mtime_ns
        assert jobs(library.run()) == {"site_book": 1, "site": 1}
        assert (tmp_path / INDEX.format(OAK)).stat().st_mtime_ns == other
        assert shelf(tmp_path)["Elm"]["corrected"] == 1

        # What a crash leaves is finished by the same command, without a run, which takes a key.
        runs = sorted((tmp_path / "logs/runs").iterdir())
        (tmp_path / INDEX.format(ELM)).unlink()
        library.crash("file-half-written")
        output = library.run()
        assert jobs(output) == {"site_book": 1, "site": 1} and "pagewave run" not in output
        assert sorted((tmp_path / "logs/runs").iterdir()) == runs
        assert set(library.inferences().values()) == {1}

        # It would be another: both books are made anew.
        library.configure(site={"title": "Elm and oak"})
        assert jobs(library.run()) == {"site_book": 2, "site": 1}
        assert "<title>Elm and oak</title>" in (tmp_path / "results/site/index.html").read_text()
        library.configure(site={"max_gigabytes": 0.0001})
        output = library.run("-n", "-F")
        assert jobs(output) == {} and "no reading room is made: 3 pages" in output


def test_a_book_that_cannot_be_finished_is_shown_as_such(tmp_path: Path) -> None:
    books, site = {ELM: 3, OAK: 4}, {"enabled": True}
    execution = {"max_retries": 1, "batch_size_limit": 1}
    with Library(tmp_path, books, execution=execution, site=site) as library:
        library.configure(embedded={"faults": ["blocked:match=Elm:1850:2$"]})
        library.run(code=1)
        found = shelf(tmp_path)
        assert found["Oak"]["finished"] and not found["Elm"]["finished"]
        assert (found["Elm"]["read"], found["Elm"]["pages"]) == (1, 3)
        pages = value_of((tmp_path / "results/site" / ELM / "book.js").read_bytes())["pages"]
        assert [page.get("waiting", False) for page in pages] == [False, True, True]


def test_the_room_is_read_while_a_run_goes_on(tmp_path: Path) -> None:
    held = {"faults": ["batch-hold:match=wave2-,times=1,seconds=600"]}
    with Library(tmp_path, {ELM: 2, OAK: 1}, embedded=held, site={"enabled": True}) as library:
        head = library.start()
        head.wait_for_create(library, 2)
        wait_for(lambda: library.page_file("Ohio:Elm:1850:1").exists())
        # By itself the shelf has the books that are done; by the command the others as well.
        index = tmp_path / "results/site/index.html"
        wait_for(lambda: index.exists() and shelf(tmp_path)["Oak"]["finished"])
        assert not shelf(tmp_path)["Elm"]["opens"]
        assert said(library, "open", "--now", "--print") == ["results/site/index.html"]
        elm = shelf(tmp_path)["Elm"]
        assert (elm["opens"], elm["finished"], elm["read"]) == (True, False, 1)
        head.kill()
        library.configure(embedded={"faults": []})
        said(library, "batches.py", "--cancel", "all")
        output = library.run("site")
        assert "not present when" not in output
        assert {book["finished"] for book in shelf(tmp_path).values()} == {True}
        assert "Nothing to be done" in library.run()
