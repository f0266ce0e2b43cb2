"""The ledger: what is written stays true, and what is only looked at stays untouched."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pagewave.errors import LedgerError
from pagewave.ledger import (
    LOST,
    NO_RESULTS,
    UNKNOWN,
    Attempt,
    FailureRow,
    Ledger,
    Measured,
    MemberOutcome,
    PlannedPage,
    Record,
)
from pagewave.ledger.migrations import migrate, newest_version
from pagewave.redaction import HIDDEN, remember_key

KEY = "Ohio:Elm School:1850:1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger of a test lies."""
    return tmp_path / "state" / "ledger.sqlite"


def record(key: str = KEY, fingerprint: str = "f1") -> Record:
    """A record with made-up contents."""
    return Record(key, fingerprint, 1, None, "{}", "1.jpg", "a" * 64)


def ledger_with_batch(path: Path) -> tuple[Ledger, int]:
    """A ledger with one run and one intended batch of one record."""
    ledger = Ledger.open(path)
    ledger.runs.start("r1", "embedded", "m", [PlannedPage(KEY, 1, 1, 0)], [])
    ledger.files.add_prompt("p" * 64, "page_ocr", "v1.jinja", "text")
    batch = ledger.batches.add_intent("b1", "embedded", "m", "p" * 64, "r1", 1, 1, [record()])
    return ledger, batch.id


def attempt(page: str | None, key: str = KEY, tokens: tuple[int, int, int] = (10, 5, 0)) -> Attempt:
    """An attempt, good if it has a page; tokens of the prompt, the answer and its thoughts."""
    return Attempt(key, 1, "f1", page, "STOP", *tokens, 0, 0.0)


def failure(counted: bool = True) -> FailureRow:
    """A failure of the one record."""
    return FailureRow(KEY, 1, counted, "Truncated", "cut off")


def test_a_look_creates_nothing(path: Path) -> None:
    ledger = Ledger.peek(path)
    assert ledger.failures.counts("embedded") == {}
    assert not path.parent.exists()


def test_a_look_cannot_write(path: Path) -> None:
    Ledger.open(path).close()
    with pytest.raises(LedgerError, match="readonly"):
        Ledger.peek(path).files.add_prompt("s", "n", "f", "t")


def test_looking_turns_into_writing(path: Path) -> None:
    ledger = Ledger.peek(path)
    ledger.start_writing()
    ledger.runs.start("r1", "embedded", "m", [], [])
    assert path.exists()


def test_a_run_that_another_one_overtook_is_refused(path: Path) -> None:
    Ledger.open(path).close()
    looking = Ledger.peek(path)
    other, _ = ledger_with_batch(path)
    seen = looking.runs.latest_wave()
    other.runs.close_wave("r1", 1, 1, 0.0, [])
    looking._connection.close()
    looking._connection = sqlite3.connect(":memory:")
    migrate(looking._connection)
    assert looking.runs.latest_wave() == seen
    with pytest.raises(LedgerError, match="Another run ended"):
        looking.start_writing()


def test_an_open_batch_is_found_by_fingerprint_until_it_is_collected(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    assert ledger.batches.carrying("f1", "embedded") == batch_id
    assert ledger.batches.carrying("f1", "gemini") is None
    ledger.batches.mark_creating(batch_id, "files/in")
    ledger.batches.mark_submitted(batch_id, "batches/1")
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt('{"page": 1}')], [])
    assert ledger.batches.carrying("f1", "embedded") is None
    stored = ledger.answers.stored("f1")
    assert stored is not None
    assert ledger.answers.page(stored) == '{"page": 1}'
    assert ledger.answers.stored("f1", after_batch=batch_id) is None


def test_collecting_twice_changes_nothing(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    for _ in range(2):
        ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt(None)], [failure()])
    assert ledger.failures.counts("embedded")[KEY].counted == 1
    assert ledger.query("SELECT COUNT(*) FROM attempt")[0][0] == 1


def test_failures_of_a_batch_do_not_use_up_attempts(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    ledger.answers.commit(batch_id, "FAILED", "oops", [], [failure(counted=False)])
    assert ledger.failures.counts("embedded")[KEY] == (0, 1, False)


def test_a_good_answer_and_a_forced_rebuild_clear_failures(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt(None)], [failure()])
    assert ledger.failures.counts("embedded")[KEY].counted == 1
    batch = ledger.batches.add_intent("b2", "embedded", "m", "p" * 64, "r1", 1, 1, [record()])
    ledger.answers.commit(batch.id, "SUCCEEDED", None, [attempt("{}")], [])
    assert KEY not in ledger.failures.counts("embedded")
    ledger.failures.add("embedded", [failure()])
    assert ledger.failures.counts("embedded")[KEY].counted == 1
    ledger.runs.start("r2", "embedded", "m", [], [KEY])
    assert KEY not in ledger.failures.counts("embedded")
    assert ledger.runs.rebuilds().keys() == {KEY}


def test_a_failure_that_comes_later_than_the_answer_is_cleared_and_on_record(path: Path) -> None:
    ledger, late = ledger_with_batch(path)
    batch = ledger.batches.add_intent("b2", "embedded", "m", "p" * 64, "r1", 1, 1, [record()])
    ledger.answers.commit(batch.id, "SUCCEEDED", None, [attempt("{}")], [])
    ledger.answers.commit(late, "EXPIRED", None, [], [failure()])
    assert KEY not in ledger.failures.counts("embedded")
    assert [row.key for row in ledger.failures.all()] == [KEY]


def test_a_written_page_ends_its_rebuild(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt("{}")], [])
    ledger.runs.start("r2", "embedded", "m", [], [KEY])
    older = ledger.answers.stored("f1")
    assert older
    ledger.files.mark_written(KEY, older)
    assert set(ledger.runs.rebuilds()) == {KEY}

    batch = ledger.batches.add_intent("b2", "embedded", "m", "p" * 64, "r2", 1, 1, [record()])
    ledger.answers.commit(batch.id, "SUCCEEDED", None, [attempt("{}")], [])
    newer = ledger.answers.stored("f1")
    assert newer and newer != older
    ledger.files.mark_written(KEY, newer)
    assert ledger.runs.rebuilds() == {}
    assert ledger.files.origins()[KEY].engine == "embedded"


def test_files_are_released_once_no_open_batch_needs_them(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    files = {"files/wanted": "a" * 64, "files/other": "b" * 64}
    for name, sha256 in files.items():
        ledger.files.add("embedded", name, 4e9, image_sha256=sha256)
        ledger.files.confirm("embedded", name, f"uri of {name}", 4e9)
    ledger.files.add("embedded", "files/requests", 4e9, batch_id=batch_id)
    assert ledger.files.uploaded_image("embedded", "b" * 64, 0) == (
        "files/other",
        "uri of files/other",
    )
    assert ledger.files.release("embedded") == ["files/other"]
    assert ledger.files.uploaded_image("embedded", "b" * 64, 0) is None
    assert ledger.files.uploaded_image("embedded", "a" * 64, 0)
    ledger.batches.mark_abandoned(batch_id, "for the test")
    assert ledger.files.release("embedded") == ["files/other", "files/requests", "files/wanted"]


def test_a_transaction_that_fails_leaves_nothing(path: Path) -> None:
    ledger, _ = ledger_with_batch(path)
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        ledger.runs.close_wave("r1", 1, 1, 0.0, [MemberOutcome(KEY, "failed", False, None)])
        raise ZeroDivisionError
    assert ledger.runs.latest_wave() == 0


def test_the_views_of_the_prefect_application(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    assert [tuple(r)[:2] for r in ledger.query("SELECT * FROM batch_record_keys")] == [("b1", KEY)]
    assert ledger.query("SELECT record_key FROM inflight_records")[0][0] == KEY
    assert ledger.query("SELECT status FROM active_batches")[0][0] == "active"
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt(None)], [failure()])
    assert tuple(ledger.query("SELECT record_key, count FROM failure_counts")[0]) == (KEY, 1)
    row = ledger.query("SELECT * FROM failure_logs")[0]
    assert (row["error_type"], row["prompt_template"], row["model_name"]) == (
        "Truncated",
        "v1.jinja",
        "m",
    )
    assert ledger.query("SELECT status FROM active_batches")[0][0] == "completed"
    assert ledger.query("SELECT * FROM inflight_records") == []


def test_a_damaged_file_is_a_clear_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite"):
        Ledger.open(path)
    with pytest.raises(LedgerError, match=r"ledger\.sqlite"):
        Ledger.peek(path)


def test_a_ledger_of_a_newer_version_is_refused(path: Path) -> None:
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {newest_version() + 1}")
    connection.close()
    with pytest.raises(LedgerError, match="newer pagewave"):
        Ledger.open(path)


# Safe against a power cut and other processes


def test_what_is_about_to_cost_money_survives_a_power_cut(path: Path) -> None:
    ledger = Ledger.open(path)
    assert ledger.query("PRAGMA journal_mode")[0][0] == "wal"
    assert ledger.query("PRAGMA synchronous")[0][0] == 2  # FULL
    assert ledger.query("PRAGMA foreign_keys")[0][0] == 1
    looking = Ledger.peek(path)
    looking.start_writing()
    assert looking.query("PRAGMA synchronous")[0][0] == 2


def test_a_transaction_holds_off_other_writers_from_its_first_look(path: Path) -> None:
    """Else two that first look and then write would end with `database is locked`."""
    ledger, batch_id = ledger_with_batch(path)
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        with ledger.transaction():
            assert ledger.batches.get(batch_id).status == "intent"
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")


# Batches


@pytest.mark.parametrize("twin_is", ["listed", "waited for", "collected"])
def test_a_name_at_the_service_is_one_batch(path: Path, twin_is: str) -> None:
    """What was written down as a twin turns out to be all that the create call made."""
    ledger, batch_id = ledger_with_batch(path)
    ledger.batches.mark_creating(batch_id, "files/in")
    ledger.batches.add_twin(batch_id, "batches/1")
    _, twin = ledger.batches.all()
    if twin_is != "listed":
        ledger.batches.mark_submitted(twin.id, "batches/1")
    if twin_is == "collected":
        ledger.answers.commit(twin.id, "SUCCEEDED", None, [attempt("{}")], [])
    ledger.batches.mark_submitted(batch_id, "batches/1")
    found = [(batch.id, batch.name, batch.status) for batch in ledger.batches.all()]
    if twin_is == "listed":
        assert found == [(batch_id, "batches/1", "submitted")]
    else:
        status = "submitted" if twin_is == "waited for" else "collected"
        assert found == [(batch_id, None, "abandoned"), (twin.id, "batches/1", status)]
        assert not ledger.batches.mark_seen(batch_id, "batches/1")
    assert not ledger.query("PRAGMA foreign_key_check")


def test_a_twin_is_written_down_once_however_often_it_is_listed(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    ledger.batches.mark_creating(batch_id, "files/in")
    ledger.batches.mark_submitted(batch_id, "batches/first")
    for _ in range(2):
        ledger.batches.add_twin(batch_id, "batches/second")
    first, twin = ledger.batches.all()
    assert (first.name, first.status) == ("batches/first", "submitted")
    assert (twin.name, twin.status, twin.state) == ("batches/second", "abandoned", "TWIN")
    assert ledger.batches.records(twin.id) == ledger.batches.records(batch_id) == [record()]
    ledger.batches.add_twin(batch_id, "batches/first")  # nor is a batch its own twin
    assert len(ledger.batches.all()) == 2


def test_a_batch_that_was_collected_is_not_given_up(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    ledger.batches.mark_creating(batch_id, "files/in")
    ledger.batches.mark_submitted(batch_id, "batches/1")
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt("{}")], [])
    ledger.answers.give_up(batch_id, LOST, "not there", [attempt(None)], [failure()])
    batch = ledger.batches.get(batch_id)
    assert (batch.status, batch.state, batch.error) == ("collected", "SUCCEEDED", None)
    assert ledger.answers.stored("f1")
    assert ledger.failures.all() == []


def test_only_what_was_given_up_in_doubt_and_not_too_long_ago_is_looked_for(path: Path) -> None:
    ledger, open_id = ledger_with_batch(path)
    ids = {}
    for state in (UNKNOWN, LOST, None):
        name = f"b {state}"
        batch = ledger.batches.add_intent(
            name, "embedded", "m", "p" * 64, "r1", 1, 1, [record(name, name)]
        )
        ledger.batches.mark_abandoned(batch.id, "for the test", state)
        ids[state] = batch.id
    since = ledger.batches.get(ids[UNKNOWN]).intent_at
    found = [batch.id for batch in ledger.batches.doubtful("embedded", since)]
    assert found == [ids[UNKNOWN], ids[LOST]]
    assert ledger.batches.doubtful("gemini", 0.0) == []
    assert ledger.batches.doubtful("embedded", since + 3600) == []
    assert [batch.id for batch in ledger.batches.open("embedded")] == [open_id]


def test_what_a_batch_turns_out_not_to_have_read_is_no_attempt(path: Path) -> None:
    """Without results, all in it counted as read. Who was told so is told anew."""
    ledger, batch_id = ledger_with_batch(path)
    ledger.batches.mark_creating(batch_id, "files/in")
    ledger.batches.mark_submitted(batch_id, "batches/1")
    ledger.answers.give_up(batch_id, NO_RESULTS, None, [attempt(None)], [])
    [told] = ledger.outbox.waiting(10)
    assert (told.key, told.prompt_tokens is None) == (KEY, False)
    ledger.outbox.mark_delivered([told.id])
    ledger.answers.commit(batch_id, "EXPIRED", None, [], [failure(counted=False)])
    assert ledger.answers.newest() == 0
    [told] = ledger.outbox.waiting(10)
    assert (told.key, told.prompt_tokens) == (KEY, None)


def test_no_key_is_written(path: Path) -> None:
    """Whoever writes hides keys first; should one forget it, the ledger does not."""
    key = "AIzaSyCanary-of-the-ledger"
    remember_key(key)
    ledger, batch_id = ledger_with_batch(path)
    ledger.failures.add("embedded", [FailureRow(KEY, 1, True, "APIError", f"asked with {key}")])
    ledger.batches.mark_abandoned(batch_id, f"refused {key}")
    assert ledger.failures.all()[0].message == f"asked with {HIDDEN}"
    assert ledger.batches.get(batch_id).error == f"refused {HIDDEN}"
    ledger.close()
    assert key.encode() not in path.read_bytes()


# Answers


def test_the_answer_that_a_page_had_at_a_time(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    for time, page in [(100.0, "first"), (200.0, "second"), (300.0, None)]:
        if time > 100.0:
            batch_id = ledger.batches.add_intent(
                f"b{time}", "embedded", "m", "p" * 64, "r1", 1, 1, [record()]
            ).id
        ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt(page)], [], at=time)
    times = (99.0, 100.0, 199.0, 200.0, 400.0)
    said = [ledger.answers.before(KEY, time) for time in times]
    assert said == [None, "first", "first", "second", "second"]
    assert ledger.answers.before("Ohio:Elm School:1850:2", 400.0) is None


def test_what_a_page_took_counts_failed_attempts_and_thoughts(path: Path) -> None:
    ledger, _ = ledger_with_batch(path)
    keys = [f"Ohio:Elm School:1850:{number}" for number in range(1, 5)]
    batch = ledger.batches.add_intent(
        "b2", "embedded", "m", "p" * 64, "r1", 1, 1, [record(key, key) for key in keys]
    )
    attempts = [
        attempt("{}", keys[0], (1000, 100, 20)),
        attempt("{}", keys[1], (3000, 200, 80)),
        attempt(None, keys[2], (2000, 400, 100)),
        attempt("{}", keys[3], (0, 0, 0)),  # not metered
    ]
    assert ledger.spending.measured("embedded", "m", "p" * 64) == Measured(0, 0.0, 0.0, 0.0)
    ledger.answers.commit(batch.id, "SUCCEEDED", None, attempts, [])
    found = ledger.spending.measured("embedded", "m", "p" * 64)
    # 120, 280 and 500 tokens of output: their mean is 300, their deviation sqrt(72,800 / 3).
    assert found.pages == 2
    assert (found.input_tokens, found.output_tokens) == (3000.0, 450.0)
    assert found.output_spread == pytest.approx(155.778, abs=0.001)


def test_pages_that_took_the_same_are_not_spread(path: Path) -> None:
    ledger, batch_id = ledger_with_batch(path)
    ledger.answers.commit(batch_id, "SUCCEEDED", None, [attempt("{}", tokens=(7, 3, 0))], [])
    assert ledger.spending.measured("embedded", "m", "p" * 64) == Measured(1, 7.0, 3.0, 0.0)
