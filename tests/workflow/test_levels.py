"""Runs and commands over trees of one, three other and five levels: all goes by their names."""

import contextlib
import csv
import json
import os
import shlex
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from helpers.command_calls import printed, said
from helpers.drawers import write
from helpers.embedded_process import NEVER_SECONDS, SCRIPTS
from helpers.forked_heads import python
from helpers.letters import PAGE_PY
from helpers.library import Library
from pagewave.commands.__main__ import main
from pagewave.commands.monitor.shelf import books
from pagewave.config.settings import load_settings
from pagewave.ledger import Ledger
from pagewave.levels import TAKEN, Levels
from pagewave.pages.dataset import scan
from pagewave.tracking.rows import braintrust_row

ONE = (["box"], ["Box 1", "Box 2"])
FIVE = (
    ["collection", "author", "year", "letter", "draft"],
    ["C/Ann/1850/To Bo/draft: 1", "C/Ann/1851/To Cy/fair"],
)


@pytest.mark.parametrize(("levels", "places"), [ONE, FIVE], ids=["one", "five"])
def test_a_run_and_all_commands_go_by_the_levels(
    tmp_path: Path, levels: list[str], places: list[str]
) -> None:
    first, second = places
    dead = first.replace("/", ":") + ":2"
    inner, name = levels[-1], first.rpartition("/")[2]
    with Library(tmp_path, {first: 2, second: 1}, paths={"levels": levels}) as library:
        library.config["exports"] = ["csv", "codebook", "sqlite", "text", "jsonl"]
        library.config["site"] = {"enabled": True}
        library.configure(
            execution={"max_retries": 1}, embedded={"faults": [f"blocked:match={dead}$"]}
        )
        shown = library.run("-n")
        assert f"2 books: {first}, {second}" in shown
        assert f"page 2 of {first}" in library.run("-n", "--verbose")
        assert second not in library.run("-n", f"results/exports/text/{first}.txt")
        library.run(code=1)

        # What failed, and its way back
        [group] = said(library, "analyze_failures.py", "--by-level", inner)[f"by_{inner}"]
        assert (group["name"], group["dead_letters"]) == (first, 1)
        printed(library, "analyze_failures.py", "--export-csv", "failures.csv")
        with (tmp_path / "failures.csv").open() as file:
            [row] = csv.DictReader(file)
        assert [row[level] for level in levels] == first.split("/")
        named = f"{inner}={name}"
        [pages] = [said(library, "clear_failure_counts.py", "--level", named)["pages"]]
        assert [page["key"] for page in pages] == [dead]
        library.configure(embedded={"faults": []})
        library.run()

        # What was read, as files and as tables
        assert json.loads((tmp_path / "results/pages" / first / "2.json").read_text())
        book = library.book(first)
        assert list(book)[: len(levels)] == levels
        assert [str(book[level]) for level in levels] == first.split("/")
        with (tmp_path / "results/exports/csv/pages.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0])[: len(levels) + 2] == ["key", *levels, "page"]
        assert [row["key"] for row in rows][:2] == [dead[:-1] + "1", dead]
        database = sqlite3.connect(tmp_path / "results/exports/sqlite/books.sqlite")
        with contextlib.closing(database) as tables:
            found = tables.execute(f"SELECT DISTINCT {', '.join(levels)} FROM pages").fetchall()
            assert ["/".join(map(str, row)) for row in found] == places
            kinds = dict(tables.execute("SELECT name, type FROM pragma_table_info('pages')"))
        assert all(kinds[level] == ("INTEGER" if level == "year" else "TEXT") for level in levels)
        assert (tmp_path / f"results/exports/text/{first}.txt").exists()
        for row in rows:
            page = tmp_path / "results" / unquote(row["link"].partition("#")[0])
            assert page.with_name("book.js").exists()
            assert (page.parent / page_of(page) / "reading-room/shelf.js").exists()

        # Commands that look
        assert said(library, "status.py")["records"]["valid"] == 1
        told = said(library, "pages.py", "--level", named, "--page", dead)
        assert [page["key"] for page in told["pages"]] == [dead]
        again = shlex.split(told["read_again"]["command"])
        assert f"results/pages/{first}/2.json" in again
        assert said(library, "flags.py", "--level", named) == []
        assert "no level state" in printed(library, "flags.py", "--states", "Ohio", code=2)
        looked_at(library, levels, places)

        # What people write, and a ledger that is lost
        file = tmp_path / "results/pages" / first / "1.json"
        file.write_text(file.read_text().replace("Page ", "Leaf "))
        library.run()
        [corrected] = said(library, "corrections.py", "--level", named)
        assert corrected["key"] == dead[:-1] + "1"
        assert (tmp_path / "corrections" / first / "1.json").exists()
        links = said(library, "verify.py", "--page", dead)["pages"][dead]
        assert {link["state"] for link in links} == {"shown"}
        for lost in library.state.glob("ledger.sqlite*"):
            lost.unlink()
        rebuilt = said(library, "rebuild_ledger.py", "--files-only", code=0)
        assert rebuilt["pages_marked"] == 3
        assert library.inferences()[dead] == 2


@pytest.mark.slow
def test_an_own_page_model_and_own_levels_go_from_a_drawer_to_tables_and_reading_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for book in ("Box 1/Folder 3", "Box 1/Folder 4", "Box 2/Folder 3"):
        for number in (1, 2):
            write(tmp_path / "drawer" / book / f"letter {number}.jpg")
    begin = ["init", "letters", "--engine", "embedded", "--levels", "box", "folder"]
    assert main(begin) == 0
    project = tmp_path / "letters"
    monkeypatch.chdir(project)
    (project / "prompts/letters").mkdir(parents=True)
    (project / "prompts/letters/page.py").write_text(PAGE_PY)
    (project / "prompts/letters/v1.jinja").write_text("Read this letter.")
    config = yaml.safe_load((project / "config/config.yaml").read_text())
    assert config["paths"]["levels"] == ["box", "folder"]
    assert config["filters"] == {"labels": "all", "levels": {}}
    config |= {
        "prompt": {"name": "letters", "template_file": "v1.jinja"},
        "embedded": {"reader": "echo"},
        "exports": ["csv", "codebook"],
    }
    config["filters"]["levels"] = {"box": ["Box 1"]}
    (project / "config/config.yaml").write_text(yaml.safe_dump(config))

    assert main(["import", "../drawer", "--yes"]) == 0
    assert (project / "scans/Box 1/Folder 3/2.jpg").exists()
    shown = run()
    assert "all else is made up" in shown
    assert "4 pages read" in shown
    page = json.loads((project / "results/pages/Box 1/Folder 3/2.json").read_text())
    assert page["words"].startswith("Page Box 1:Folder 3:2.\nRead after: nothing")
    with (project / "results/exports/csv/pages.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["folder"] for row in rows] == ["Folder 3", "Folder 3", "Folder 4", "Folder 4"]
    assert {row["box"] for row in rows} == {"Box 1"}
    codebook = (project / "results/exports/codebook/codebook.md").read_text()
    assert "box:folder:page" in codebook
    shelf = (project / "results/site/reading-room/shelf.js").read_text()
    assert "Folder 4" in shelf

    # Other levels over what was read are refused before anything is done, and by every command.
    config["paths"]["levels"] = ["box", "letter"]
    config["filters"]["levels"] = {}
    (project / "config/config.yaml").write_text(yaml.safe_dump(config))
    assert "lies in box/folder, and paths.levels says box/letter" in run(code=4)
    assert main(["pages"]) == 4
    assert "Put back paths.levels: [box, folder]" in capsys.readouterr().err
    # A ledger by itself knows its levels.
    monkeypatch.chdir(tmp_path)
    ledger = ["--ledger", "letters/state/ledger.sqlite"]
    assert main(["flags", "--level", "folder=Folder 3", *ledger]) == 0
    assert main(["flags", "--level", "letter=1", *ledger]) == 2
    assert "there is no level letter" in capsys.readouterr().err


def run(code: int = 0) -> str:
    """What `pagewave run` prints: it takes the place of its process."""
    done = subprocess.run(
        [*python(), "-m", "pagewave.commands", "run"],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=NEVER_SECONDS,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def page_of(page: Path) -> str:
    """Where a book's page has the reading room from."""
    return page.read_text().partition('data-top="')[2].partition('"')[0]


def looked_at(library: Library, levels: Sequence[str], places: Sequence[str]) -> None:
    """What the monitor's shelf says of the books."""
    settings = load_settings(library.config, library.root)
    with contextlib.chdir(library.root):
        dataset = scan(settings)
    ledger = Ledger.peek(library.state / "ledger.sqlite")
    rows = books(ledger, settings, dataset, None, "embedded")
    assert ["/".join(row.folders) for row in rows] == list(places)
    assert [row.stand for row in rows] == ["dd", "d"]
    assert ledger.identity.levels() == Levels(tuple(levels))
    for row in ledger.outbox.waiting(10):
        told = braintrust_row(row, ledger.identity.levels())["metadata"]
        place = [str(told[name]) for name in (*levels, "page")]
        assert ":".join(place) == row.key
        assert list(told)[: len(place)] == [*levels, "page"]
        assert set(list(told)[len(place) :]) < TAKEN
    assert ledger.outbox.waiting(1)
    ledger.close()
