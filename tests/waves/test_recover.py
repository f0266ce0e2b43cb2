"""After a crash: what was paid for is kept, what was in doubt is settled, nothing is left over."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.accounts import problems_of_accounts, problems_of_pages
from helpers.clock import Clock
from helpers.command_calls import said
from helpers.embedded_process import EmbeddedProcess, client_of, run_batch, wait_for
from helpers.library import Library
from helpers.playing import Player, in_one_process, undone
from helpers.reading import QUICK, Reading
from pagewave.gemini.client import Gemini, RemoteBatch
from pagewave.ledger import LOST, UNKNOWN, Batch, Record
from pagewave.ledger.runs import Runs
from pagewave.plan.targets import Command
from pagewave.waves.recover import clear_up, find_doubtful

BOOK, OTHER = BOOKS = "Ohio/Elm/1850", "Ohio/Oak/1850"
FIRST, SECOND = "Ohio:Elm:1850:1", "Ohio:Elm:1850:2"


@pytest.fixture
def service_clock(tmp_path: Path) -> Clock:
    """What time it is at the service."""
    return Clock(tmp_path / "ahead")


@pytest.fixture
def player(tmp_path: Path, service_clock: Clock) -> Iterator[Player]:
    """A book of two pages, and a server of its own."""
    folder, environment = tmp_path / "server", service_clock.environment
    with (
        in_one_process(),
        EmbeddedProcess(folder, "--file-seconds", "0", environment=environment) as server,
    ):
        library = Library(tmp_path, {BOOK: 2}, **QUICK)
        yield Player(library, server)


def inferences(player: Player) -> dict[str, int]:
    """How often the server read each page."""
    return dict(Counter(event["key"] for event in player.server.log("inference")))


def test_lines_that_were_stored_are_not_asked_for_again(player: Player) -> None:
    assert player.play(crash_at="raw-stored") == "crashed"
    (name,) = [event["batch"] for event in player.server.log("create")]
    player.server.request("DELETE", f"/v1beta/{name}").raise_for_status()
    assert player.play() == "ok"
    assert inferences(player) == {FIRST: 1, SECOND: 1}


def test_a_batch_that_no_wave_waits_for_is_taken_in(player: Player) -> None:
    assert player.play(crash_at="name-stored") == "crashed"
    assert player.play(Command(force_all=True)) == "ok"
    attempts = player.library.ledger("SELECT key FROM attempt")
    assert Counter(row[0] for row in attempts) == inferences(player) == {FIRST: 2, SECOND: 1}
    assert player.server.stats()["files"] == 3  # the results, which nobody can delete


def test_a_batch_of_a_crashed_run_that_is_listed_too_late_is_taken_in_at_last(
    player: Player, service_clock: Clock
) -> None:
    """It was looked for, and its pages were sent again: what it brings is paid for all the same."""
    player.server.set_faults(["list-delay:times=1,seconds=3600"])
    assert player.play(crash_at="create-sent") == "crashed"
    assert player.play() == "ok"
    (doubtful, *_) = player.library.ledger("SELECT status, state FROM batch ORDER BY id")
    assert doubtful == ("abandoned", "UNKNOWN")
    service_clock.move(hours=1)
    player.collect_all()
    attempts = player.library.ledger("SELECT key FROM attempt")
    assert Counter(row[0] for row in attempts) == inferences(player) == {FIRST: 2, SECOND: 1}


def test_a_failure_that_comes_late_is_not_held_against_a_page(player: Player) -> None:
    player.library.configure(execution={"max_retries": 1})
    player.server.set_faults(["blocked:match=:1$,times=1"])
    assert player.play(crash_at="name-stored") == "crashed"
    assert player.play(Command(force_all=True)) == "ok"
    failures = "SELECT key, error_type FROM failure WHERE counted AND cleared_at IS NOT NULL"
    assert player.library.ledger(failures) == [(FIRST, "Blocked")]
    assert undone(player.library) == (set(), set())


def test_a_page_that_dies_of_what_comes_late_is_not_sent_again(
    tmp_path: Path, player: Player
) -> None:
    """Its wave was planned before an old batch brought the last failure that it may have."""
    batch = {"outage_seconds": 0, "reconcile_seconds": 0}
    player.library.configure(execution={"max_retries": 1}, batch=batch)
    player.server.set_faults(
        ["cut-after:call=create,times=1", "list-empty:times=9", "blocked:match=:1$,times=1"]
    )
    assert player.play() == "failed"
    assert player.library.ledger("SELECT status, state FROM batch") == [("abandoned", "UNKNOWN")]
    # This run looks once, in vain, before it plans, and then before its wave.
    player.server.set_faults(["list-empty:times=1"])
    assert player.play() == "failed"
    assert inferences(player) == {FIRST: 1}
    assert player.library.ledger("SELECT key, error_type FROM failure") == [(FIRST, "Blocked")]
    assert undone(player.library) == (set(), {FIRST, SECOND})
    assert player.library.ledger("SELECT outcome FROM wave_page") == [("dead",)]


def test_a_forced_rebuild_in_flight_is_not_sent_again(player: Player) -> None:
    # Both are in flight for as long as it takes: else the older one is taken in by the next run.
    player.server.set_faults(["batch-hold:seconds=3,times=2"])
    assert player.play(crash_at="name-stored") == "crashed"
    assert player.play(Command(force_all=True), crash_at="name-stored") == "crashed"
    assert player.play() == "ok"
    assert inferences(player) == {FIRST: 2, SECOND: 1}


def test_a_page_written_just_before_a_crash_is_on_record(player: Player) -> None:
    assert player.play(crash_at="page-written") == "crashed"
    assert player.library.page_file(FIRST).exists()
    assert not player.library.ledger("SELECT key FROM page")
    assert player.play() == "ok"
    assert player.library.ledger("SELECT key FROM page ORDER BY key") == [(FIRST,), (SECOND,)]
    assert all(page["provenance"] for page in player.library.book(BOOK)["pages"])


def test_a_file_with_the_old_answer_is_not_taken_for_one_with_the_new(player: Player) -> None:
    """A rebuild that crashed before it wrote its pages is not over because there are files."""
    player.library.add_page(OTHER, 1)
    assert player.play() == "ok"
    elm, oak = (Command({f"results/books/{book}/book.json"}, force_all=True) for book in BOOKS)
    assert player.play(elm, crash_at="wave-closed") == "crashed"
    assert "Reading" not in player.library.text(FIRST)
    assert player.play(oak) == "ok"  # a run that is about other pages
    assert "Reading" not in player.library.text(FIRST)
    assert player.play() == "ok"
    assert problems_of_pages(player.library, readings=inferences(player)) == []
    assert inferences(player) == {FIRST: 2, SECOND: 2, "Ohio:Oak:1850:1": 2}
    assert problems_of_accounts(player.library, player.server.log(), player.forced) == []


def test_a_file_that_is_gone_is_written_from_the_newest_answer(player: Player) -> None:
    for command in (Command(), Command(force_all=True)):
        assert player.play(command) == "ok"
    for key in (FIRST, SECOND):
        player.library.page_file(key).unlink()
    assert player.play() == "ok"
    assert problems_of_pages(player.library, readings=inferences(player)) == []
    assert inferences(player) == {FIRST: 2, SECOND: 2}


def test_a_page_that_says_the_same_again_leaves_no_half_written_file(player: Player) -> None:
    player.library.add_page(OTHER, 1)
    assert player.play() == "ok"
    elm, oak = (Command({f"results/books/{book}/book.json"}, force_all=True) for book in BOOKS)
    assert player.play(elm, crash_at="file-half-written:3") == "crashed"
    (partial,) = player.library.root.rglob("*.partial")
    assert partial.is_relative_to(player.library.root / "results/pages")
    assert player.play(oak) == "ok"
    assert not list(player.library.root.rglob("*.partial"))


def test_uploads_whose_answer_got_lost_are_deleted(player: Player) -> None:
    player.library.configure(files={"images": "uploaded"})
    player.server.set_faults(["garbage-200:call=upload,skip=1,times=3"])
    assert player.play() == "ok"
    assert len(player.server.log("upload")) > 4
    assert player.server.stats()["files"] == 2


def test_uploads_that_can_not_be_deleted_now_are_deleted_later(player: Player) -> None:
    player.library.configure(files={"upload_retry_attempts": 1, "images": "uploaded"})
    player.server.set_faults(["http-error:call=delete"])
    assert player.play(Command(targets={"results/pages/Ohio/Elm/1850/1.json"})) == "ok"
    assert player.server.stats()["files"] == 3
    player.server.set_faults([])
    assert player.play() == "ok"
    assert player.server.stats()["files"] == 2


def test_a_clock_that_was_set_back_makes_nothing_be_read_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, player: Player
) -> None:
    assert player.play() == "ok"
    start_run = Runs.start

    def start_in_the_future(*arguments: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("time.time", lambda: 4e9)
            start_run(*arguments)

    monkeypatch.setattr(Runs, "start", start_in_the_future)
    assert player.play(Command(force_all=True)) == "ok"
    assert inferences(player) == {FIRST: 2, SECOND: 2}


def test_what_is_in_flight_after_two_crashes_is_known_without_the_ledger(tmp_path: Path) -> None:
    """The requests of a batch are what a lost ledger can be rebuilt from, until it is collected."""
    hold = ("--fault", "batch-hold:seconds=600")
    with in_one_process(), EmbeddedProcess(tmp_path / "state/embedded", *hold) as server:
        library = Library(tmp_path, {BOOK: 2}, **QUICK)
        player = Player(library, server)
        assert player.play(crash_at="name-stored") == "crashed"
        assert player.play(crash_at="run-begun") == "crashed"
        server.stop()
        for file in library.state.glob("ledger.sqlite*"):
            file.unlink()
        report = said(library, "rebuild_ledger.py")
        assert report["unclear"] == []
        [name] = report["in_flight"]
        server.restart("--file-seconds", "0")
        # Cancelled, it delivers what it had read, which is all.
        wait_for(lambda: inferences(player) == {FIRST: 1})
        server.request("POST", f"/v1beta/{name}:cancel").raise_for_status()
        assert player.play() == "ok"
        assert inferences(player) == {FIRST: 1, SECOND: 1}


# A service that is away


def held(reading: Reading) -> str:
    """The service's name for a batch that a stopped run left in flight, for as long as need be."""
    reading.server.set_faults([f"batch-hold:match={reading.state},seconds=600"])
    reading.run_until(reading.creates)
    reading.session.stop.clear()
    reading.server.set_faults([])
    [created] = reading.creates()
    return str(created["batch"])


def test_a_run_that_is_over_does_not_wait_for_a_service_that_is_away(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    held(reading)
    files = quiet_server.stats()["files"]
    quiet_server.set_faults(["http-error:call=get"])
    clear_up(reading.session)
    assert "the service is not there, batches are left for the next run" in caplog.text
    assert reading.batches() == [("submitted", "RUNNING")]
    assert quiet_server.stats()["files"] == files
    quiet_server.set_faults([])
    reading.release()
    reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}


def test_a_batch_that_can_not_be_collected_at_the_start_is_left_to_its_wave(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    name = held(reading)
    reading.release()
    quiet_server.set_faults(["http-error:call=download,code=400,times=1"])
    reading.run()
    assert f"{name}: can't be collected now (Gemini refused downloading" in caplog.text
    reading.check()
    assert len(reading.creates()) == 1


# Batches that were given up on


def given_up(reading: Reading, display_name: str, name: str | None, state: str) -> Batch:
    """A batch of one record that the ledger holds for lost, or of which it knows no name."""
    ledger = reading.session.ledger
    ledger.runs.start("r1", "embedded", "m", [], [])
    ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "text")
    record = Record(reading.keys[0], "f1", 1, None, "{}", "1.jpg", "a")
    batch = ledger.batches.add_intent(display_name, "embedded", "m", "p", "r1", 1, 1, [record])
    ledger.batches.mark_creating(batch.id, "files/in")
    if name:
        ledger.batches.mark_submitted(batch.id, name)
        ledger.answers.give_up(batch.id, state, None, [], [])
    else:
        ledger.batches.mark_abandoned(batch.id, "it did not turn up", state)
    return ledger.batches.get(batch.id)


def test_what_was_given_up_on_is_looked_for_now_and_then(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not told by the server's log, which has each page of a list.
    looked: list[float] = []
    list_batches = Gemini.list_batches

    def noted(gemini: Gemini) -> list[RemoteBatch]:
        looked.append(time.time())
        return list_batches(gemini)

    monkeypatch.setattr(Gemini, "list_batches", noted)
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, batch={"reconcile_seconds": 3600})
    given_up(reading, f"{tmp_path.name}-nobody-made-it", None, UNKNOWN)
    looked.clear()
    for looked_seconds_ago, looks in [(None, 1), (0, 1), (3590, 1), (3610, 2)]:
        if looked_seconds_ago is not None:
            reading.session.looked_at = time.monotonic() - looked_seconds_ago
        find_doubtful(reading.session)
        assert len(looked) == looks


def test_a_batch_whose_name_is_known_is_not_taken_for_its_twin(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    display_name = f"{tmp_path.name}-made-twice"
    request = {"contents": [{"role": "user", "parts": [{"text": "Read this page."}]}]}
    records = [{"key": reading.keys[0], "request": request}]
    earlier, later = (run_batch(client_of(quiet_server), records, display_name).name for _ in "12")
    batch = given_up(reading, display_name, later, LOST)
    find_doubtful(reading.session)
    assert earlier != later
    [known] = reading.session.ledger.batches.all()
    assert (known.id, known.name, known.status) == (batch.id, later, "collected")


@pytest.mark.parametrize(
    ("meanwhile", "status"), [("nothing", "submitted"), ("sent again", "abandoned")]
)
def test_a_batch_that_turns_up_goes_on_only_where_no_other_took_its_place(
    tmp_path: Path, quiet_server: EmbeddedProcess, meanwhile: str, status: str
) -> None:
    """Else both are paid for."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    name = f"{tmp_path.name}-late"
    quiet_server.set_faults([f"batch-hold:match={name},seconds=600"])
    request = {"contents": [{"role": "user", "parts": [{"text": "Read this page."}]}]}
    records = [{"key": reading.keys[0], "request": request}]
    late = run_batch(client_of(quiet_server), records, name, wait=False).name
    batch, ledger = given_up(reading, name, None, UNKNOWN), reading.session.ledger
    if meanwhile == "sent again":
        again = ledger.batches.records(batch.id)
        ledger.batches.add_intent(f"{name}-2", "embedded", "m", "p", "r1", 1, 1, again)
    find_doubtful(reading.session)
    found = ledger.batches.get(batch.id)
    assert (found.name, found.status) == (late, status)
    cancelled = [event for event in quiet_server.log("cancel") if event["batch"] == late]
    assert bool(cancelled) == (status == "abandoned")
    quiet_server.request(
        "POST", f"/v1beta/{late}:cancel"
    ).raise_for_status()  # others go on with it


@pytest.mark.parametrize("state", ["going on", "ended"])
def test_a_batch_that_was_taken_for_its_own_twin_is_itself_again(
    tmp_path: Path, quiet_server: EmbeddedProcess, state: str
) -> None:
    """So it was left by a list that showed it twice: no later start came past it."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2})
    holds = ["batch-hold:times=1,seconds=2"] if state == "going on" else []
    quiet_server.set_faults(["cut-after:call=create,times=1", *holds])
    with reading.crash_in("pagewave.waves.submit._find"):
        reading.run()
    (created,) = reading.creates()
    reading.session.ledger.batches.add_twin(1, created["batch"])
    assert reading.batches() == [("creating", None), ("abandoned", "TWIN")]
    reading.run()
    reading.check()
    assert reading.batches() == [("collected", "SUCCEEDED")] * 2
    assert reading.query("SELECT name FROM batch WHERE id = 1") == [(created["batch"],)]


def test_of_twins_the_later_may_be_listed_alone(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """The one create call made both; which of them is ours was not settled when the run ended."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    quiet_server.set_faults(["cut-after:call=create,times=1"])
    with reading.crash_in("pagewave.waves.submit._find"):
        reading.run()
    (later,) = reading.creates()
    reading.session.ledger.batches.add_twin(1, later["batch"])
    reading.session.ledger.batches.add_twin(1, "batches/earlier-and-not-listed")
    reading.run()
    reading.check()
    names = reading.query("SELECT name, status FROM batch ORDER BY id")
    assert names == [
        (later["batch"], "collected"),
        ("batches/earlier-and-not-listed", "abandoned"),
    ]


def test_a_manifest_is_there_before_its_wave_is_closed(player: Player) -> None:
    """Else a crash between both leaves a wave that is never looked at again, and no manifest."""
    for place, closed in (("manifest-written", 0), ("wave-closed", 1)):
        assert player.play(Command(forced={"page"}), crash_at=place) == "crashed"
        run_id = player.library.ledger("SELECT id FROM run ORDER BY started_at")[-1][0]
        assert len(list((player.library.root / "logs/waves" / run_id).rglob("*.json"))) == 1
        sql = f"SELECT COUNT(*) FROM wave WHERE run_id = '{run_id}'"
        assert player.library.ledger(sql) == [(closed,)]
