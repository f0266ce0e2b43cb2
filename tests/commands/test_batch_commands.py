"""batches.py and nuke_database.py: during a run, after a crash, and over ledgers made by hand."""

import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from helpers.command_calls import Operator, said
from helpers.embedded_process import wait_for
from helpers.library import Library
from pagewave.commands.command import run_command
from pagewave.errors import LedgerError
from pagewave.ledger import Attempt, Ledger, PlannedPage, Record
from pagewave.ledger.lock import LockedError, take_lock
from pagewave.wording import age

BOOKS = {"Ohio/Ashgrove/1852": 2, "Vermont/Linden/1866": 2}
KEYS = [f"{book.replace('/', ':')}:{number}" for book in BOOKS for number in (1, 2)]
HELD = ["batch-hold:match=-wave1-,seconds=600"]
"""The first wave's batch ends after ten minutes; no test waits for it."""
BATCHES, NUKE = "batches.py", "nuke_database.py"


# With real runs


@pytest.mark.slow
def test_while_a_run_is_going_on(tmp_path: Path) -> None:
    embedded = {"faults": HELD}
    with Library(tmp_path, BOOKS, embedded=embedded) as library:
        head = library.start()
        head.wait_for_create(library)
        address = library.state / "embedded/address.json"
        assert address.stat().st_mode & 0o077 == 0
        wait_for(lambda: said(library, BATCHES)["batches"][0]["status"] == "submitted")
        (batch,) = said(library, BATCHES, "--live")["batches"]
        assert (batch["status"], batch["state"], batch["records"]) == ("submitted", "RUNNING", 2)
        assert (batch["lane"], batch["wave"], batch["engine"]) == (1, 1, "embedded")
        shown = library.command(BATCHES).stdout
        assert batch["name"] in shown
        assert "1 open, 2 records, 0.0000 USD." in shown

        # What a run relies on is not touched, and whose turn it is is said.
        for command in ((NUKE, "--confirm", "--force"), (BATCHES, "--reconcile")):
            refused = library.command(*command, code=4).stderr
            assert f"(process {head.process.pid})" in refused
            assert "Another run is using" in refused
        refused = library.command("rebuild_ledger.py", code=4).stderr
        assert f"(process {head.process.pid})" in refused
        library.command("analyze_failures.py")
        library.command("clear_failure_counts.py", "--all")

        cancelled = said(library, BATCHES, "--cancel", "all")
        assert cancelled["run_going_on"] == head.process.pid
        assert [c["name"] for c in cancelled["cancelled"]] == [batch["name"]]
        code, output = head.wait()
        assert code == 0, output
        assert library.inferences() == Counter(KEYS)
        assert len(library.events("cancel")) == 1
        # What was read before the cancel was collected: two waves were enough.
        assert len(library.events("create")) == 2
        assert "No batch is open" in library.command(BATCHES).stdout
        assert said(library, BATCHES, "--cancel", "all")["cancelled"] == []
        everything = said(library, BATCHES, "--all")["batches"]
        assert [b["status"] for b in everything] == ["collected", "collected"]
        assert said(library, BATCHES, "--all", "--limit", "1")["batches"][0]["wave"] == 2


@pytest.mark.slow
def test_after_a_crash(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, embedded={"faults": HELD}) as library:
        head = library.start()
        head.wait_for_create(library)
        head.kill()
        # As if the head had died before it heard the batch's name, and between intent and create.
        ledger = library.state / "ledger.sqlite"
        with sqlite3.connect(ledger) as db:
            db.execute("UPDATE batch SET status = 'creating', name = NULL, submitted_at = NULL")
            db.execute(
                "INSERT INTO batch (display_name, engine, model, prompt_sha256, run_id, lane, wave,"
                " status, intent_at) SELECT 'never sent', engine, model, prompt_sha256, run_id, 2,"
                " 1, 'intent', intent_at FROM batch"
            )
        before = said(library, BATCHES)["batches"]
        assert [b["status"] for b in before] == ["creating", "intent"]
        assert before[0]["name"] is None
        shown = library.command(BATCHES, "--cancel", "all").stdout
        assert "creation is not confirmed: 2" in shown
        assert "No batch was cancelled" in shown

        refused = library.command(NUKE, "--confirm", code=4).stderr
        assert "2 batches are in flight with 2 records, about 0.0000 USD" in refused
        assert "--force" in refused
        trial = library.command(NUKE, "--dry-run")
        assert "It would be refused" in trial.stderr
        assert len(said(library, BATCHES)["batches"]) == 2

        library.configure(batch={"reconcile_seconds": 0})
        settled = said(library, BATCHES, "--reconcile")["settled"]
        assert [s["status"] for s in settled] == ["submitted", "abandoned"]
        assert settled[0]["name"].startswith("batches/")
        assert said(library, BATCHES, "--reconcile") == {"settled": []}

        listed = said(library, BATCHES, "--live")
        (batch,) = listed["batches"]
        assert (batch["name"], batch["state"]) == (settled[0]["name"], "RUNNING")
        assert listed["not_in_the_ledger"] == []

        assert library.command(BATCHES, "--cancel", "batches/none", code=3).stderr.count(
            batch["name"]
        )
        (cancelled,) = said(library, BATCHES, "--cancel", batch["display_name"])["cancelled"]
        assert cancelled == {"name": batch["name"], "state": "SUCCEEDED"}
        library.run()
        assert library.inferences() == Counter(KEYS)


def test_starting_anew(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Ashgrove/1852": 1}) as library:
        library.run()
        ledger = library.state / "ledger.sqlite"
        assert said(library, NUKE, "--dry-run")["contents"]["answers"] == 1
        assert "Nothing was changed" in library.command(NUKE, code=1).stderr
        assert "Nothing was changed" in library.command(NUKE, code=1, answer="no\n").stderr
        assert len(list(library.state.glob("ledger*.sqlite"))) == 1

        assert "The ledger is empty" in library.command(NUKE, answer="yes\n").stdout
        (backup,) = library.state.glob("ledger-*Z.sqlite")
        assert Ledger.peek(backup).answers.keys() == {"Ohio:Ashgrove:1852:1"}
        assert Ledger.peek(ledger).answers.keys() == set()
        # Page files stay, and stay settled; without them pages are paid for again.
        assert "Nothing to be done" in library.run("-n")
        library.page_file("Ohio:Ashgrove:1852:1").unlink()
        library.run()
        assert library.inferences() == Counter({"Ohio:Ashgrove:1852:1": 2})


# Over ledgers made by hand


def ledger_in_flight(path: Path, model: str = "gemini-2.5-flash") -> Ledger:
    """A ledger with one batch of two records at Google, and one that was collected."""
    ledger = Ledger.open(path)
    image = path.parent / "1.jpg"
    Image.new("L", (960, 540)).save(image)
    ledger.runs.start("r1", "gemini", model, [PlannedPage(KEYS[0], 1, 1, 0)], [])
    ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "t" * 4000)
    records = [
        Record(KEYS[0], "f0", 1, "c" * 800, "{}", str(image), "a"),
        Record(KEYS[2], "f2", 1, None, "{}", "gone.jpg", "b"),
    ]
    batch = ledger.batches.add_intent("b1", "gemini", model, "p", "r1", 1, 1, records)
    ledger.batches.mark_submitted(batch.id, "batches/1")
    batch = ledger.batches.add_intent("b2", "gemini", model, "p", "r1", 1, 2, records[:1])
    ledger.batches.mark_submitted(batch.id, "batches/2")
    attempt = Attempt(KEYS[0], 1, "f0", "{}", "STOP", 10, 5, 0, 0, 0.25)
    ledger.answers.commit(batch.id, "SUCCEEDED", None, [attempt], [])
    return ledger


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    """Commands over such a ledger."""
    path = tmp_path / "ledger.sqlite"
    ledger_in_flight(path).close()
    return Operator(path, capsys)


def test_what_is_in_flight_has_a_price(operator: Operator) -> None:
    (batch,) = operator.json(BATCHES)["batches"]
    # Prompts of 4,800 and 4,000 characters; an image of 3 x 2 tiles, and one that is gone; two
    # answers of 922 tokens, as a usual page has; 0.15 and 1.25 USD a million tokens.
    tokens = 4800 / 4 + 4000 / 4 + 6 * 258 + 258
    assert batch["usd"] == pytest.approx((tokens * 0.15 + 2 * 922 * 1.25) / 1e6)
    assert batch["estimated"]
    spent = operator.json(BATCHES, "--all")["batches"][1]
    assert (spent["usd"], spent["estimated"]) == (0.25, False)
    refused = operator.run(NUKE, "--confirm", code=4)
    assert "1 batch is in flight with 2 records, about 0.0029 USD" in refused


def test_a_price_nobody_knows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger_in_flight(path, "gemini-99").close()
    operator = Operator(path, capsys)
    assert operator.json(BATCHES)["batches"][0]["usd"] is None
    assert "about unknown USD" in operator.run(NUKE, "--confirm", code=4)


@pytest.mark.parametrize("recreate", [False, True])
def test_nuke_keeps_a_copy_and_the_tables(operator: Operator, recreate: bool) -> None:
    looking = Ledger.peek(operator.ledger)  # who looks meanwhile comes to no harm
    options = ["--confirm", "--force"] + ["--recreate-tables"] * recreate
    report = operator.json(NUKE, *options)
    assert report["contents"]["usd"] == 0.25
    assert [view["name"] for view in report["in_flight"]] == ["batches/1"]
    assert len(Ledger.peek(Path(report["backup"])).batches.all()) == 2
    with sqlite3.connect(operator.ledger) as db:
        assert db.execute("SELECT COUNT(*) FROM failure_logs").fetchone() == (0,)
        assert db.execute("SELECT COUNT(*) FROM batch").fetchone() == (0,)
    assert looking.batches.all() == []
    ledger_in_flight(operator.ledger).close()  # it is as good as new
    second = operator.json(NUKE, *options)
    assert second["backup"] != report["backup"]
    assert Path(second["backup"]).exists()
    assert Path(report["backup"]).exists()


def test_a_damaged_ledger_is_moved_away_only_by_force(operator: Operator) -> None:
    operator.ledger.write_bytes(b"this is no database" * 100)
    assert "Nobody can tell what is in flight" in operator.run(NUKE, "--confirm", code=4)
    assert operator.ledger.exists()
    report = operator.json(NUKE, "--confirm", "--force")
    assert Path(report["backup"]).read_bytes().startswith(b"this is no database")
    assert not operator.ledger.exists()


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        (NUKE, ["--json"], "--json can't ask"),
        (NUKE, ["--dry-run", "--confirm"], "not allowed with"),
        (BATCHES, ["--limit", "1"], "--limit goes with --all"),
        (BATCHES, ["--live"], "--configfile instead of --ledger"),
        (BATCHES, ["--cancel", "all"], "--configfile instead of --ledger"),
        (BATCHES, ["--reconcile"], "--configfile instead of --ledger"),
    ],
)
def test_options_that_make_no_sense(
    operator: Operator,
    capsys: pytest.CaptureFixture[str],
    script: str,
    options: list[str],
    message: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        operator.run(script, *options)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_who_holds_the_lock_is_said(operator: Operator) -> None:
    with take_lock(operator.ledger.parent, "nuke_database.py"):
        with pytest.raises(LockedError, match=r"^nuke_database\.py is using .* \(process \d+\)"):
            take_lock(operator.ledger.parent)
        assert "is using" in operator.run(NUKE, "--confirm", "--force", code=4)
        assert operator.json(NUKE, "--dry-run")["contents"]["batches"] == 2
    take_lock(operator.ledger.parent).close()


def test_trouble_with_the_configuration_is_one_message(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Ashgrove/1852": 1}) as library:
        library.state.mkdir()
        ledger_in_flight(library.state / "ledger.sqlite").close()
        with take_lock(library.state, NUKE):
            refused = library.command(BATCHES, "--live", code=4).stderr
            assert "(nuke_database.py) is using state, and its embedded server can't be" in refused
        library.config["engine"] = "gemini"
        library.configure()
        assert "GEMINI_API_KEY" in library.command(BATCHES, "--live", code=2).stderr
        (tmp_path / "config.yaml").write_text("paths: [")
        assert "config.yaml can't be read" in library.command(BATCHES, code=2).stderr


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, ""),
        (sqlite3.OperationalError("database is locked"), 4, "the ledger can't be used (database"),
        (LedgerError("no"), 4, "pagewave: no"),
    ],
)
def test_commands_end_with_a_code_and_a_message(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, message: str
) -> None:
    def command() -> int:
        raise error

    assert run_command(command) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7200, "2 h"), (93_784, "1 d 2 h")],
)
def test_ages_are_shown_in_two_units(seconds: float, shown: str) -> None:
    assert age(seconds) == shown
