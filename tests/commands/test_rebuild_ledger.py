"""rebuild_ledger.py: what a lost ledger knew is found again, and nothing is paid for twice."""

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import said
from helpers.embedded_process import EmbeddedProcess
from helpers.hand_edits import put
from helpers.library import REPO, Library
from helpers.playing import Player, in_one_process
from helpers.reading import QUICK
from pagewave.command_names import OF_SCRIPTS
from pagewave.plan.targets import Command

BOOKS = {"Ohio/Ashgrove/1852": 3, "Vermont/Linden/1866": 2}
KEYS = [
    f"{book.replace('/', ':')}:{number}"
    for book, pages in BOOKS.items()
    for number in range(1, pages + 1)
]
FAILING = "Ohio:Ashgrove:1852:2"
REBUILD = "rebuild_ledger.py"

WHAT_MATTERS = (
    "SELECT name, display_name, engine, model, prompt_sha256, run_id, lane, wave, status, state"
    " FROM batch ORDER BY name",
    "SELECT b.name, r.key, r.fingerprint, r.attempt_number, r.previous_context,"
    " r.generation_config, r.image, r.image_sha256"
    " FROM record r JOIN batch b ON b.id = r.batch_id ORDER BY 1, 2",
    "SELECT b.name, a.key, a.number, a.fingerprint, a.ok, a.page, a.finish_reason, a.prompt_tokens,"
    " a.output_tokens, a.thoughts_tokens, a.cached_tokens, a.usd"
    " FROM attempt a JOIN batch b ON b.id = a.batch_id ORDER BY 1, 2",
    "SELECT b.name, r.line_number, r.key, r.line"
    " FROM response r JOIN batch b ON b.id = r.batch_id ORDER BY 1, 2",
    "SELECT b.name, f.key, f.attempt_number, f.counted, f.error_type, f.message, f.raw_json,"
    " f.cleared_at IS NULL FROM failure f JOIN batch b ON b.id = f.batch_id ORDER BY 1, 2",
    "SELECT p.key, b.name, a.key FROM page p JOIN attempt a ON a.id = p.attempt_id"
    " JOIN batch b ON b.id = a.batch_id ORDER BY 1",
    "SELECT sha256, name, template_file, template FROM prompt",
    "SELECT * FROM image ORDER BY path",
)
"""All that a ledger says but times, plans and waves."""


def contents(library: Library) -> list[list[Any]]:
    """What the library's ledger says."""
    return [library.ledger(query) for query in WHAT_MATTERS]


def lose_ledger(library: Library) -> None:
    """As if the ledger had been deleted."""
    for file in library.state.glob("ledger.sqlite*"):
        file.unlink()


def rebuild(library: Library, *options: str, code: int = 0) -> dict[str, Any]:
    """What the command reports."""
    return dict(said(library, REBUILD, *options, code=code))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """After a run with a page that was read at its second attempt, and one that has a twin."""
    root = tmp_path_factory.mktemp("finished")
    faults = [f"record-error:match={FAILING}$,times=1", "token-counts:thoughts=900,cached=500"]
    options = ("--file-seconds", "0")
    with in_one_process(), EmbeddedProcess(root / "state/embedded", *options) as server:
        library = Library(root, BOOKS | {"Vermont/Twin/1866": 1}, **QUICK)
        shutil.copy(library.image("Vermont:Linden:1866:1"), library.image("Vermont:Twin:1866:1"))
        server.set_faults(faults)
        assert Player(library, server).play() == "ok"
        assert library.inferences() == Counter(KEYS)
    return library


@pytest.fixture
def library(finished: Library, tmp_path: Path) -> Iterator[Library]:
    """A copy of that library, to lose something of."""
    shutil.copytree(finished.root, tmp_path, dirs_exist_ok=True, ignore=_no_cache)
    with Library(tmp_path, {}, embedded={"faults": []}) as copy:
        yield copy


def _no_cache(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name in (".cache", ".snakemake", "output")]


def test_the_rebuilt_ledger_says_what_the_lost_one_said(library: Library) -> None:
    before = contents(library)
    lose_ledger(library)
    with sqlite3.connect(library.state / "embedded/server.sqlite") as db:
        db.row_factory = sqlite3.Row
        twin = dict(db.execute("SELECT * FROM batches ORDER BY number LIMIT 1").fetchone())
        twin |= {"number": 1000, "id": "twin", "created": twin["created"] + 60}
        db.execute(f"INSERT INTO batches VALUES ({', '.join('?' * len(twin))})", [*twin.values()])
    trial = rebuild(library, "--dry-run")
    assert not (library.state / "ledger.sqlite").exists()
    report = rebuild(library)
    assert trial | {"dry_run": False} == report
    assert (report["batches"], report["answers"], report["failures"]) == (4, 5, 1)
    assert library.ledger("SELECT COUNT(*) FROM outbox") == [(0,)]  # nothing is logged twice
    assert report["pages_marked"] == 6
    assert [(pytest.approx(report["usd"]),)] == library.ledger("SELECT SUM(usd) FROM attempt")
    assert contents(library) == before
    assert rebuild(library) | {"batches": 4, "answers": 5} == report | {
        "failures": 0,
        "pages_marked": 0,
    }
    assert contents(library) == before


def test_answers_are_free_without_page_files_and_books(library: Library) -> None:
    paid = library.inferences()
    lose_ledger(library)
    shutil.rmtree(library.root / "results")
    report = rebuild(library)
    assert (report["answers"], report["asked_differently"], report["pages_marked"]) == (5, 0, 0)
    assert "6 from stored answers" in library.run()
    assert library.inferences() == paid
    assert library.book("Ohio/Ashgrove/1852")["page_count"] == 3


def test_what_books_told_first_is_completed_from_the_service(library: Library) -> None:
    """A batch of which a book tells in part: the rest of its answers is at the service."""
    paid = library.inferences()
    lose_ledger(library)
    shutil.rmtree(library.root / "results/books/Vermont")
    (library.root / "results/pages/Vermont/Linden/1866/2.json").unlink()
    assert rebuild(library, "--files-only")["answers_of_books"] == 3
    assert rebuild(library)["answers"] == 2
    assert rebuild(library)["batches"] == 0
    twice = "SELECT 1 FROM attempt WHERE ok GROUP BY fingerprint HAVING COUNT(*) > 1"
    assert not library.ledger(twice)
    library.run()
    assert library.inferences() == paid


def test_an_older_copy_is_completed(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run("results/pages/Ohio/Ashgrove/1852/1.json")
        copy = tmp_path / "copy.sqlite"
        with sqlite3.connect(library.state / "ledger.sqlite") as db:
            db.execute("VACUUM INTO ?", [str(copy)])
        library.run()
        paid, before = library.inferences(), contents(library)
        lose_ledger(library)
        copy.rename(library.state / "ledger.sqlite")
        assert rebuild(library)["answers"] == 4
        assert contents(library) == before
        shutil.rmtree(tmp_path / "results")
        library.run()
        assert library.inferences() == paid


def test_what_is_in_flight_is_collected_by_the_next_run(tmp_path: Path) -> None:
    embedded = {"faults": ["batch-hold:match=-wave2-,seconds=12"]}
    with Library(tmp_path, BOOKS, embedded=embedded) as library:
        head = library.start()
        head.wait_for_create(library, 2)
        head.kill()
        lose_ledger(library)
        report = rebuild(library)
        assert (report["batches"], report["answers"], len(report["in_flight"])) == (2, 2, 1)
        (batch,) = said(library, "batches.py")["batches"]
        assert (batch["name"], batch["records"]) == (report["in_flight"][0], 2)
        library.run()
        assert library.inferences() == Counter(KEYS)
        assert len(library.events("create")) == 3
        assert not list((library.state / "requests").iterdir())


def test_what_is_in_flight_is_known_even_after_two_runs_that_were_killed(tmp_path: Path) -> None:
    """A run that starts keeps the requests of batches that go on."""
    state = tmp_path / "state/embedded"
    with in_one_process(), EmbeddedProcess(state, "--file-seconds", "0") as server:
        player = Player(Library(tmp_path, BOOKS, **QUICK), server)
        server.set_faults(["job-pending:times=1"])
        assert player.play(crash_at="name-stored") == "crashed"
        assert player.play(crash_at="polling") == "crashed"
        lose_ledger(player.library)
        server.stop()  # the command starts its own
        report = rebuild(player.library)
        assert (report["batches"], len(report["in_flight"]), report["unclear"]) == (1, 1, [])
        server.restart()
        server.request("POST", f"/v1beta/{report['in_flight'][0]}:cancel").raise_for_status()
        assert player.play() == "ok"
        assert player.library.inferences() == Counter(KEYS)


def test_a_file_with_an_older_answer_is_marked_with_that(tmp_path: Path) -> None:
    """As a forced rebuild leaves it that was killed before it wrote its pages."""
    book = Command({"results/books/Vermont/Linden/1866/book.json"}, force_all=True)
    state = tmp_path / "state/embedded"
    with in_one_process(), EmbeddedProcess(state, "--file-seconds", "0") as server:
        player = Player(Library(tmp_path, {"Vermont/Linden/1866": 2}, **QUICK), server)
        assert player.play() == "ok"
        assert player.play(book, crash_at="wave-closed") == "crashed"
        library = player.library
        lose_ledger(library)
        server.stop()  # the command starts its own
        report = rebuild(library)
        assert (report["answers"], report["pages_marked"]) == (3, 2)
        on_file = "SELECT p.key, a.page FROM page p JOIN attempt a ON a.id = p.attempt_id"
        marked = {key: f"{page}\n" for key, page in library.ledger(on_file)}
        keys = ("Vermont:Linden:1866:1", "Vermont:Linden:1866:2")
        assert marked == {key: library.page_file(key).read_text() for key in keys}


@pytest.mark.parametrize("fault", ["short-download:times=2", "garbage-200:call=download,times=4"])
def test_results_that_come_short_are_fetched_again(tmp_path: Path, fault: str) -> None:
    """Its requests are here yet: they say what its results must hold."""
    state = tmp_path / "state/embedded"
    with in_one_process(), EmbeddedProcess(state, "--file-seconds", "0") as server:
        library = Library(tmp_path, {"Ohio/Elm/1850": 1, "Vermont/Elm/1850": 1}, **QUICK)
        assert Player(library, server).play(crash_at="downloading") == "crashed"
    lose_ledger(library)
    library.configure(embedded={"faults": [fault]})
    report = rebuild(library)
    assert (report["batches"], report["answers"], report["failures"]) == (1, 2, 0)
    assert library.ledger("SELECT COUNT(*) FROM attempt") == [(2,)]


def test_a_batch_of_unknown_pages_is_a_warning(tmp_path: Path) -> None:
    embedded = {"faults": ["batch-hold:match=-wave1-,seconds=ever"]}
    with Library(tmp_path, BOOKS, embedded=embedded) as library:
        head = library.start()
        head.wait_for_create(library)
        head.kill()
        lose_ledger(library)
        shutil.rmtree(library.state / "requests")
        report = rebuild(library, code=1)
        assert (report["batches"], len(report["unclear"])) == (0, 1)
        result = library.command(REBUILD, code=1)
        assert "a run now would pay for their pages twice" in result.stdout
        # It is seen at the service, and can be cancelled though the ledger doesn't know it.
        name = report["unclear"][0]
        live = said(library, "batches.py", "--live")
        assert [orphan["name"] for orphan in live["not_in_the_ledger"]] == [name]
        assert name in library.command("batches.py", "--live").stdout
        said(library, "batches.py", "--cancel", name)
        assert rebuild(library)["answers"] == 2


def test_books_alone_tell_of_answers(library: Library) -> None:
    before = contents(library)
    lose_ledger(library)
    shutil.rmtree(library.state)
    report = rebuild(library, "--files-only")
    assert (report["batches"], report["batches_of_books"], report["answers_of_books"]) == (0, 4, 5)
    assert report["pages_marked"] == 6
    assert rebuild(library)["batches_of_books"] == 0
    after = contents(library)
    good = [[row for row in rows[2] if row[4]] for rows in (before, after)]
    assert [row[:6] + row[7:] for row in good[0]] == [row[:6] + row[7:] for row in good[1]]
    assert after[5:] == before[5:]  # pages, prompts and images
    shutil.rmtree(library.root / "results/pages")
    with in_one_process(), EmbeddedProcess(library.state / "embedded") as server:
        assert Player(library, server).play() == "ok"
        assert server.log("inference") == []
    assert library.ledger("SELECT SUM(free) FROM wave_page") == [(6,)]


def test_a_page_that_was_corrected_is_marked_with_what_was_read(library: Library) -> None:
    put(library, FAILING)
    before = contents(library)
    lose_ledger(library)
    report = rebuild(library, "--files-only")
    assert (report["pages_marked"], report["pages_without_answer"]) == (6, [])
    assert contents(library)[5:] == before[5:]  # pages, prompts and images


@pytest.mark.parametrize("tells", ["transport", "tier alone"])
def test_answers_by_calls_have_their_road_tier_and_price_again(tmp_path: Path, tells: str) -> None:
    query = (
        "SELECT b.transport, a.service_tier, a.usd, a.key, a.page FROM attempt a JOIN batch b"
        " ON b.id = a.batch_id ORDER BY a.key"
    )
    with EmbeddedProcess(tmp_path / "server") as server, in_one_process():
        server.show_images(tmp_path / "images")
        player = Player(Library(tmp_path, {"Ohio/Elm/1850": 2}, **QUICK), server)
        player.library.configure(execution={"transport": "flex"})
        assert player.play() == "ok"
        library = player.library
        with sqlite3.connect(library.state / "ledger.sqlite") as db:
            db.execute(
                "UPDATE attempt SET usd = 0.25, service_tier = 'standard' WHERE key LIKE '%2'"
            )
        book = library.root / "results/books/Ohio/Elm/1850/book.json"
        book.unlink()
        assert player.play() == "ok"
        if tells == "tier alone":
            content = json.loads(book.read_text())
            for entry in content["pages"]:
                del entry["provenance"]["transport"]
                entry["provenance"]["service_tier"] = "flex"
            book.write_text(json.dumps(content))
        before = library.ledger(query)
        lose_ledger(library)
        report = rebuild(library)
        assert report["answers_of_books"] == 2
        if tells == "transport":
            assert library.ledger(query) == before
        assert [row[0] for row in library.ledger(query)] == ["flex", "flex"]
        assert player.play() == "nothing"
        assert len(server.log("inference")) == 2


def test_a_page_that_was_read_in_halves_is_found_again(tmp_path: Path) -> None:
    with EmbeddedProcess(tmp_path / "state/embedded") as server, in_one_process():
        server.set_faults(["max-tokens:match=:2$"])
        player = Player(Library(tmp_path, {"Ohio/Elm/1850": 2}, **QUICK), server)
        player.library.configure(retry={"steps": {"Truncated": [{"halves": True}]}})
        assert player.play() == "ok"
    library = player.library
    before = contents(library)
    lose_ledger(library)
    shutil.rmtree(tmp_path / "results/books")
    report = rebuild(library)
    assert (report["batches"], report["answers"], report["pages_marked"]) == (3, 2, 2)
    assert contents(library) == before


def test_other_settings_make_no_false_answers(library: Library) -> None:
    lose_ledger(library)
    library.configure(prompt={"template_file": "v1.jinja"})
    # The books say what was asked.
    assert rebuild(library, "--dry-run")["asked_differently"] == 0
    shutil.rmtree(library.root / "results/books")
    shown = library.command(REBUILD, "--dry-run").stdout
    assert "5 of these answers were asked with another prompt or other settings" in shown
    assert "Not recovered" in shown
    report = rebuild(library)
    assert (report["answers"], report["asked_differently"]) == (5, 5)
    # Which question the twin shares nobody can tell now.
    assert report["pages_without_answer"] == ["Vermont:Twin:1866:1"]
    assert library.ledger("SELECT DISTINCT fingerprint FROM attempt") == [("unknown",)]
    assert "lane 1" not in library.run("-n")  # what has a file stays as it is


def test_what_is_of_other_data_or_gone_is_told(library: Library) -> None:
    lose_ledger(library)
    library.configure(filters={"target_states": ["Vermont"]})
    for page in (library.root / "results/pages/Vermont").rglob("2.json"):
        page.write_text("{}")
    library.root.joinpath("results/books/Vermont/Linden/1866/book.json").write_text("{")
    shutil.rmtree(library.root / "results/books/Vermont/Twin")
    with sqlite3.connect(library.state / "embedded/server.sqlite") as db:
        (first, *_) = db.execute("SELECT output FROM batches ORDER BY number").fetchall()
        db.execute("DELETE FROM files WHERE id = ?", first)
    report = rebuild(library)
    assert len(report["without_answers"]) == 1
    assert len(report["of_other_data"]) == 2
    assert report["pages_without_answer"] == [
        *("Vermont:Linden:1866:1", "Vermont:Linden:1866:2", "Vermont:Twin:1866:1")
    ]
    assert report["unreadable_books"] == ["results/books/Vermont/Linden/1866/book.json"]
    shown = library.command(REBUILD, "--dry-run").stdout
    assert "2 of other data" in shown


def test_a_damaged_ledger_is_not_written_to(library: Library) -> None:
    lose_ledger(library)
    (library.state / "ledger.sqlite").write_bytes(b"this is no database" * 100)
    assert "damaged" in library.command(REBUILD, code=4).stderr
    library.command("nuke_database.py", "--confirm", "--force")
    assert rebuild(library)["answers"] == 5


def test_docs_mention_every_command() -> None:
    manual = (REPO / "docs/operators.md").read_text(encoding="utf-8")
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    assert "docs/operators.md" in readme
    scripts = {script.name for script in (REPO / "scripts").glob("*.py")}
    assert REBUILD in scripts
    names = {OF_SCRIPTS[name.removesuffix(".py")] for name in scripts}
    assert {name for name in names if f"pagewave {name}" in readme + manual} == names
