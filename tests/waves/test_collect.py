"""What a batch brings: stored before it is understood, joined by key, and taken in once."""

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.reading import Reading
from helpers.result_lines import PAGE_JSON, make_line, page, response
from pagewave.answers.guards import Evidence
from pagewave.answers.result_line import Answer
from pagewave.embedded.server.faults import GARBAGE
from pagewave.errors import ServiceError
from pagewave.gemini.client import Gemini, RemoteBatch
from pagewave.gemini.retries import Stopped
from pagewave.gemini.session import Session
from pagewave.ledger import NO_RESULTS, STUCK, Batch, Record
from pagewave.waves import collect as taking_in
from pagewave.waves import results
from pagewave.waves.collect import collect, collect_late
from pagewave.waves.next_look import FEWEST_BATCHES
from pagewave.waves.results import Ended, parse_results
from pagewave.waves.status import Watch

BOOKS = {"Elm/1850": 1, "Oak/1850": 1}
GONE = "Iowa:Ash:1850:1"
"""A page whose label is no longer there."""

DAY = 24 * 3600

WORDS = " ".join(f"word{number}" for number in range(60))


@pytest.fixture
def reading(tmp_path: Path, quiet_server: EmbeddedProcess) -> Reading:
    """Two books of a page each, of which nothing is read yet."""
    return Reading(tmp_path, quiet_server, BOOKS)


def intended(reading: Reading, *records: Record) -> Batch:
    """A batch that the ledger intends to send."""
    ledger = reading.session.ledger
    ledger.runs.start("r1", "embedded", "m", [], [])
    ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "text")
    return ledger.batches.add_intent("b1", "embedded", "m", "p", "r1", 1, 1, records)


def record(key: str, context: str | None = None, image: Path | str = "1.jpg") -> Record:
    """A page in a batch."""
    return Record(key, "f1", 1, context, "{}", str(image), "a")


def line_of(key: str, text: str) -> bytes:
    """The line of a good answer that says this."""
    return make_line(response(json.dumps(page(text))), key=key)


# Before anything is understood


def test_lines_are_stored_before_they_are_understood(reading: Reading) -> None:
    with reading.crash_in("pagewave.waves.collect.parse_results"):
        reading.run()
    assert [status for status, _ in reading.batches()] == ["submitted"]  # not taken in yet
    assert {row[0] for row in reading.query("SELECT key FROM response")} == set(reading.keys)
    # Should the service forget them, after 48 hours, nothing is lost.
    [created] = reading.creates()
    reading.server.request("DELETE", f"/v1beta/{created['batch']}").raise_for_status()
    reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}


def test_two_lanes_that_want_one_batch_take_it_in_one_after_the_other(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both at once would each take the other's download away, and store every answer twice."""
    with reading.crash_in("pagewave.waves.batch_road.collect"):
        reading.run()
    [batch] = reading.session.ledger.batches.open(reading.session.engine)
    looks: list[RemoteBatch] = []
    both = threading.Event()

    def look_at_results(
        session: Session, batch: Batch, remote: RemoteBatch, records: Sequence[Record]
    ) -> list[bytes] | None:
        looks.append(remote)
        if len(looks) > 1:
            both.set()
        both.wait(0.2)  # long enough for the other one to get here, if nothing keeps it
        return results_of(session, batch, remote, records)

    results_of = taking_in._results
    monkeypatch.setattr(taking_in, "_results", look_at_results)
    with ThreadPoolExecutor(2) as lanes:
        taken = list(lanes.map(lambda _: collect(reading.session, batch.id), range(2)))
    assert taken == [True, True]
    assert len(looks) == 1
    assert reading.query("SELECT count(*) FROM attempt") == [(len(reading.keys),)]


def test_of_several_downloads_the_fullest_counts(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(
        ["short-download:times=1", "http-error:call=download,code=404,skip=1,times=2"]
    )
    reading.run()
    reading.check()
    assert reading.error_types() == {"MissingResponse": 1}
    assert reading.totals()[0]["records_answered"] == 1


def test_a_result_file_that_is_short_is_fetched_again_before_it_is_believed(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["short-download:times=2"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.creates()) == 1


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize(
    ("ends", "reads", "errors"),
    [
        ("job-partial:share=0", 2, {"ServiceTrouble": 2}),
        ("job-expired:share=1", 1, {}),
        ("job-partial:share=1", 1, {}),
    ],
)
def test_a_download_of_nonsense_holds_no_results(
    reading: Reading,
    quiet_server: EmbeddedProcess,
    ends: str,
    reads: int,
    errors: dict[str, int],
    body: str,
) -> None:
    """Nobody was read or left unread by what something on the way says."""
    quiet_server.set_faults([f"{ends},times=1", f"garbage-200:call=download,body={body},times=4"])
    reading.run()
    reading.check()
    assert reading.error_types() == errors
    assert len(reading.creates()) == reads
    assert set(reading.inferences().values()) == {1}


def test_results_that_hold_nothing_at_all_are_believed_in_the_end(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["missing-key:times=1"])
    reading.run()
    reading.check()
    assert reading.error_types() == {"MissingResponse": 2}
    assert set(reading.inferences().values()) == {2}


@pytest.mark.parametrize(
    ("state", "file", "done", "lines", "owes"),
    [
        ("SUCCEEDED", None, None, None, True),
        ("SUCCEEDED", "files/1", None, [], True),
        ("SUCCEEDED", "files/1", 2, [b"{}"], False),
        ("EXPIRED", None, None, None, False),
        ("EXPIRED", "files/1", None, None, True),
        ("EXPIRED", "files/1", None, [], False),
        ("EXPIRED", "files/1", 0, [], False),
        ("EXPIRED", "files/1", 1, [], True),
    ],
)
def test_a_batch_owes_results_if_it_says_that_there_are_any(
    state: str, file: str | None, done: int | None, lines: list[bytes] | None, owes: bool
) -> None:
    remote = RemoteBatch("batches/1", "b1", "m", state, file, None, 1.0, 2.0, done)
    assert taking_in._owes(remote, lines) == owes


def test_results_of_an_expired_batch_are_waited_for_like_any_other(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    """What it had read is paid for; its file may be there a little later."""
    quiet_server.set_faults(
        ["job-expired:share=1,times=1", "http-error:call=download,code=404,times=3"]
    )
    reading.run()
    reading.check()
    assert reading.batches() == [("collected", "EXPIRED")]
    assert set(reading.inferences().values()) == {1}
    assert not reading.failures()


@pytest.mark.parametrize(
    ("creating_ago", "ended"),
    [(None, ServiceError), (DAY + 1, ServiceError), (0.0, Stopped)],
)
def test_a_batch_that_nobody_goes_on_sending_is_not_waited_for(
    reading: Reading, creating_ago: float | None, ended: type[Exception]
) -> None:
    """It was intended more than a day ago; a wait for quota may have renewed its create call."""
    batch = intended(reading, record(reading.keys[0]))
    now = time.time()
    creating_at = None if creating_ago is None else now - creating_ago
    with reading.session.ledger.transaction() as db:
        db.execute(
            "UPDATE batch SET status = 'creating', intent_at = ?, creating_at = ?",
            (now - DAY - 1, creating_at),
        )
    reading.session.stop.set()  # ends the first pause
    with pytest.raises(ended) as raised:
        collect(reading.session, batch.id)
    assert ended is Stopped or "b1 was never created" in str(raised.value)


# Lines and records


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["one", "two"], "one"),
        ([None, "two"], "two"),
        (["one", None], "one"),
        ([None, "two", None, "three"], "two"),
    ],
)
def test_of_several_answers_the_first_valid_one_counts(
    reading: Reading, lines: list[str | None], said: str
) -> None:
    asked = record(reading.keys[0])
    batch = intended(reading, asked)
    raw = [
        line_of(asked.key, text) if text else make_line(response("no JSON"), key=asked.key)
        for text in lines
    ]
    attempts, failures = parse_results(
        reading.session, batch, Ended("SUCCEEDED", None, raw), [asked]
    )
    assert failures == []
    [attempt] = attempts
    assert attempt.page is not None
    assert json.loads(attempt.page)["raw_ocr"]["text_blocks"][0]["text"] == said


@pytest.mark.parametrize(
    ("state", "error_type", "counted", "paid"),
    [
        ("SUCCEEDED", "MissingResponse", True, True),
        ("PARTIALLY_SUCCEEDED", "MissingResponse", True, True),
        ("EXPIRED", "BatchExpired", False, False),
        ("CANCELLED", "BatchCancelled", False, False),
        ("FAILED", "BatchFailed", False, False),
        (NO_RESULTS, "BatchFailed", False, True),
    ],
)
def test_what_a_record_without_a_line_is_taken_for_depends_on_how_its_batch_ended(
    reading: Reading, state: str, error_type: str, counted: bool, paid: bool
) -> None:
    asked = record(reading.keys[0])
    batch = intended(reading, asked)
    attempts, [failure] = parse_results(reading.session, batch, Ended(state, None), [asked])
    assert (failure.error_type, failure.counted) == (error_type, counted)
    assert [attempt.page for attempt in attempts] == [None] * paid


@pytest.mark.parametrize("is_first", [True, False])
def test_of_several_failures_one_that_was_paid_for_counts(reading: Reading, is_first: bool) -> None:
    asked = record(reading.keys[0])
    batch = intended(reading, asked)
    raw = [
        make_line(response("no JSON"), key=asked.key),
        make_line(error={"code": 13, "message": "An internal error."}, key=asked.key),
    ]
    ended = Ended("SUCCEEDED", None, raw if is_first else raw[::-1])
    [attempt], [failure] = parse_results(reading.session, batch, ended, [asked])
    assert failure.error_type == "JSONDecodeError"
    assert attempt.prompt_tokens


def test_an_answer_is_judged_though_its_label_is_gone(reading: Reading) -> None:
    """Neither the page before nor the pages around it can be asked for then."""
    paper = reading.root / "paper.jpg"
    Image.new("RGB", (1100, 1720), (235, 225, 200)).save(paper)
    echo, invented = record(GONE, context=WORDS), record(GONE, image=paper)
    batch = intended(reading, echo)
    ended = Ended("SUCCEEDED", None, [line_of(GONE, WORDS)])
    _, [failure] = parse_results(reading.session, batch, ended, [echo])
    assert failure.error_type == "Echo"
    [attempt], failures = parse_results(reading.session, batch, ended, [invented])
    assert failures == []
    assert [flag.what for flag in attempt.flags] == ["text_on_blank"]


def test_a_page_is_compared_with_the_eight_on_either_side(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 20})
    seen: list[Evidence] = []

    def judge(answer: Answer, evidence: Evidence, _: object) -> Answer:
        seen.append(evidence)
        return answer

    monkeypatch.setattr(results, "judge", judge)
    asked = record(reading.key("Elm/1850", 10))
    batch = intended(reading, asked)
    ended = Ended("SUCCEEDED", None, [line_of(asked.key, "text")])
    parse_results(reading.session, batch, ended, [asked])
    [evidence] = seen
    around = [int(image.stem) for image in evidence.neighbours()]
    assert around == [*range(2, 10), *range(11, 19)]
    assert evidence.pages_read() == []
    for number in (1, 3, 10, 12):
        key = reading.key("Elm/1850", number)
        file = reading.session.page_file(reading.session.dataset.page(key))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(page(f"page {number}")))
    read = [(one.file.stem, one.image.stem, one.text()) for one in evidence.pages_read()]
    assert read == [("3", "3", "page 3"), ("12", "12", "page 12")]


# Batches that were given up on


def test_a_late_batch_that_has_no_results_yet_is_not_taken_in(reading: Reading) -> None:
    """It may say that it SUCCEEDED a little before its results can be had."""
    batch = intended(reading, record(reading.keys[0]))
    ledger = reading.session.ledger
    ledger.batches.mark_abandoned(batch.id, "given up", NO_RESULTS)
    remote = RemoteBatch("batches/1", "b1", "m", "SUCCEEDED", None, None, 1.0, 2.0)
    assert not collect_late(reading.session, batch.id, remote)
    assert reading.batches() == [("abandoned", NO_RESULTS)]
    assert collect_late(reading.session, batch.id, replace(remote, state="FAILED"))
    assert reading.batches() == [("collected", "FAILED")]


def test_a_late_batch_that_expired_is_not_taken_in_without_what_it_had_read(
    reading: Reading,
) -> None:
    batch = intended(reading, record(reading.keys[0]))
    reading.session.ledger.batches.mark_abandoned(batch.id, "given up", STUCK)
    remote = RemoteBatch("batches/1", "b1", "m", "EXPIRED", "files/gone", None, 1.0, 2.0)
    assert not collect_late(reading.session, batch.id, remote)
    assert reading.batches() == [("abandoned", STUCK)]


def test_a_batch_beyond_its_deadline_is_asked_to_end_now_and_then_not_at_every_look(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    patience = {"max_poll_attempts": 1, "cancel_seconds": 0.5, "reconcile_seconds": 60}
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, batch=patience)
    quiet_server.set_faults(["job-pending:times=1", "cancel-ignored"])
    reading.run()
    reading.check()
    assert [state for _, state in reading.batches()] == ["STUCK", "SUCCEEDED"]
    asked = Counter(
        event["subject"]
        for event in quiet_server.log("fault")
        if event["fault"] == "cancel-ignored"
    )
    [stuck] = [batch.name for batch in reading.session.ledger.batches.all() if batch.id == 1]
    assert asked[f"POST /v1beta/{stuck}:cancel"] == 1
    quiet_server.set_faults([])
    quiet_server.request("POST", f"/v1beta/{stuck}:cancel").raise_for_status()


def test_a_batch_is_looked_at_soon_where_it_is_known_how_long_the_last_ones_took(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[float] = []
    pause = Gemini.pause

    def pause_shortly(gemini: Gemini, seconds: float) -> None:
        paused.append(seconds)
        pause(gemini, min(seconds, 0.02))

    monkeypatch.setattr(Gemini, "pause", pause_shortly)  # or it takes as long as it says
    alone = {"batch_size_limit": 1}
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": [1, 3, 5, 7, 9]}, execution=alone)
    reading.run()
    assert len(reading.creates()) == FEWEST_BATCHES
    with reading.session.ledger.transaction() as db:
        db.execute("UPDATE batch SET collected_at = submitted_at + 100")
    reading.library.add_page(f"{reading.state}/Oak/1850", 1)
    reading.library.configure(batch={"poll_interval_seconds": 600})
    quiet_server.set_faults(["batch-hold:seconds=0.1"])
    paused.clear()
    reading.run()
    reading.check()
    assert max(paused, default=0.0) < 120


def test_a_late_batch_that_was_taken_in_meanwhile_is_left_alone(
    reading: Reading, quiet_server: EmbeddedProcess
) -> None:
    reading.run()
    [batch] = reading.session.ledger.batches.all()
    assert batch.name
    remote = reading.session.client.get(batch.name)
    assert remote
    downloads = len(quiet_server.log("download"))
    assert not collect_late(reading.session, batch.id, remote)
    assert len(quiet_server.log("download")) == downloads
    assert reading.batches() == [("collected", "SUCCEEDED")]


def test_an_attempt_is_priced_by_when_its_batch_ended_and_by_who_served(reading: Reading) -> None:
    """Prices have dates, and the batch may be collected on a later day than it ended."""
    settings = reading.session.settings.model_copy(update={"engine": "gemini"})
    reading.session.settings = settings
    asked = record(reading.keys[0])
    batch = replace(intended(reading, asked), model="gemini-3.8-flash")
    usage = {"promptTokenCount": 1_000_000, "candidatesTokenCount": 1_000_000}
    change = datetime(2027, 1, 1, tzinfo=UTC).timestamp()

    def usd(at: float | None, **said: object) -> float | None:
        answer = {**response(PAGE_JSON), "usageMetadata": usage, **said}
        ended = Ended("SUCCEEDED", None, [make_line(answer, key=asked.key)], at=at)
        [attempt] = parse_results(reading.session, batch, ended, [asked])[0]
        return attempt.usd

    assert usd(change - 1) == pytest.approx(0.375 + 1.875)
    assert usd(change) == pytest.approx(0.75 + 3.75)
    assert usd(change, modelVersion="gemini-3.8-flash-001") == pytest.approx(0.75 + 3.75)
    assert usd(change, modelVersion="gemini-3.5-flash-lite") == pytest.approx(0.15 + 1.25)
    assert usd(change, modelVersion="gemini-99-imaginary") is None


def test_how_far_a_batch_is_stands_in_the_status_while_it_goes_on(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    books = {"Elm/1850": 1, "Oak/1850": 1}
    reading = Reading(tmp_path, quiet_server, books, execution={"wait": False})
    slow = f"record-slow:match={reading.key('Oak/1850', 1)},seconds=600"
    quiet_server.set_faults([slow, "batch-hold:seconds=600"])

    def told() -> list[tuple[int, int | None]]:
        status = Watch(reading.session.ledger, 1).look()
        assert status is not None
        return [(batch.records, batch.done) for batch in status.batches]

    with reading.crash_in("pagewave.waves.batch_road.collect"):
        reading.run()
    assert told() == [(2, None)]
    wait_for(lambda: reading.inferences().total() == 1)
    reading.run()
    assert told() == [(2, 1)]
    quiet_server.set_faults([])
    (batch,) = reading.creates()
    quiet_server.request("POST", f"/v1beta/{batch['batch']}:cancel").raise_for_status()
    reading.library.configure(execution={"wait": True})
    reading.run()
    reading.check()
    assert told() == []
