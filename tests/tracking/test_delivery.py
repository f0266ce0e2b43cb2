"""Rows for Braintrust: each attempt once, whatever happens to the service or to us."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.braintrust_server import KEY, PROJECT, BraintrustServer, Row
from helpers.embedded_process import wait_for
from helpers.library import REPO
from helpers.logged_attempts import (
    A_BATCH,
    ATTEMPTS,
    CONTEXT,
    GEMINI_KEY,
    IMAGE,
    NEVER,
    SECRETS,
    add_batch,
    assert_all_there_once,
    delivery,
    fill,
    for_posts,
    key_of,
    pages_in,
    result_line,
)
from pagewave.ledger import FailureRow, Record
from pagewave.ledger.outbox import _WAITING
from pagewave.redaction import remember_key
from pagewave.tracking.background import BackgroundDelivery
from pagewave.tracking.cleaning import cleaned
from pagewave.tracking.delivery import PARK_AFTER_REFUSALS, PROBES, Delivery
from pagewave.tracking.service import Braintrust, KeyRefused, why_off


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BraintrustServer]:
    """A Braintrust that this process is pointed at."""
    with BraintrustServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


# What a row says


def test_every_attempt_is_one_row_with_all_that_is_known(
    tmp_path: Path, server: BraintrustServer
) -> None:
    ledger = fill(tmp_path / "ledger.sqlite")
    delivery(ledger).deliver_all()
    assert_all_there_once(ledger, server, ATTEMPTS)
    assert server.posts == [100] * 10
    rows = {row["input"]["page_id"]: row for row in server.rows.values()}
    batch = ledger.batches.get(1)
    assert batch.submitted_at and batch.collected_at

    good = rows[key_of(7)]
    assert good["project_id"] == f"project-{PROJECT}"
    assert good["_is_merge"] is False
    assert uuid.UUID(good["id"]).hex[:16] == good["span_id"]
    assert re.fullmatch("[0-9a-f]{32}", good["root_span_id"])
    assert not good.get("span_parents")
    assert good["span_attributes"]["name"] == "page_ocr"
    assert good["span_attributes"]["type"] == "llm"
    assert good["input"] == {
        "page_id": key_of(7),
        "prompt": "Read this page.\n" + CONTEXT.translate({60: 0x2039, 62: 0x203A}),
        "previous_context": CONTEXT,
        "generation_config": {"temperature": 0.1},
    }
    assert good["output"] == {"page": 7}
    assert "error" not in good
    metadata = good["metadata"]
    expected = {
        **{"state": "Ohio", "school": "Elm: School 7", "year": 1850, "page": 1},
        **{"batch_id": "batches/batch 0", "batch_display_name": "batch 0"},
        **{"run": "r1", "lane": 1, "wave": 1, "engine": "gemini", "model": "gemini-2.5-flash"},
        **{"prompt_name": "page_ocr", "prompt_template": "v1.1.jinja", "prompt_version": "v1.1"},
        **{"prompt_sha256": "p" * 64, "image": "7.jpg", "image_sha256": f"{7:064}"},
        **{"fingerprint": "f7", "finish_reason": "STOP"},
        "flags": ["blank: text on blank paper"],
        **dict.fromkeys(("model_served", "model_stage", "service_tier")),
        **dict.fromkeys(("error", "error_type", "error_traceback")),
        "raw_response_text": '{"page": 7}',
        "raw_response_json": result_line(7).decode(),
    }
    assert metadata == expected
    assert good["metrics"] == {
        **{"start": batch.submitted_at, "end": batch.collected_at},
        "latency": pytest.approx(batch.collected_at - batch.submitted_at),
        **{"success": 1, "attempt": 1, "usd": 0.0008},
        **{"prompt_tokens": 1000, "prompt_cached_tokens": 100, "completion_tokens": 520},
        **{"completion_reasoning_tokens": 20, "tokens": 1520},
    }

    failed = rows[key_of(10)]
    assert failed.get("output") is None
    assert failed["error"].startswith("JSONDecodeError: no JSON")
    assert failed["metadata"]["error_type"] == "JSONDecodeError"
    assert failed["metadata"]["error"].startswith("no JSON")
    assert failed["metadata"]["error_traceback"].startswith("Traceback")
    assert failed["metadata"]["raw_response_text"].startswith("text 10 ")
    assert failed["metadata"]["raw_response_json"] == '{"raw": 10}'
    assert failed["metrics"]["success"] == 0

    everything = json.dumps(server.rows)
    assert GEMINI_KEY not in everything
    assert KEY not in everything
    assert IMAGE not in everything
    assert str(REPO) not in everything


def test_ids_follow_from_batch_and_page_alone(tmp_path: Path, server: BraintrustServer) -> None:
    delivery(fill(tmp_path / "one.sqlite", 20)).deliver_all()
    ids = set(server.rows)
    delivery(fill(tmp_path / "other.sqlite", 20)).deliver_all()
    assert set(server.rows) == ids
    assert len({row["span_id"] for row in server.rows.values()}) == 20
    assert len({row["root_span_id"] for row in server.rows.values()}) == 20


def test_attempts_of_records_not_failures_of_batches_are_told(tmp_path: Path) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 1)
    record = Record(key_of(5), "f", 1, None, "{}", "5.jpg", "a")
    for number, counted in enumerate((True, False)):
        batch = ledger.batches.add_intent(
            f"failing {number}", "gemini", "m", "p" * 64, "r1", 1, 9, [record]
        )
        failure = FailureRow(key_of(5), 1, counted, "APIError", "no")
        ledger.answers.commit(batch.id, "FAILED", "no", [], [failure])
    assert [row.display_name for row in ledger.outbox.waiting(9)] == ["batch 0", "failing 0"]


def test_a_row_is_part_of_its_attempts_transaction(tmp_path: Path) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 1)
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        add_batch(ledger, range(A_BATCH, A_BATCH + 3))
        assert ledger.outbox.counts().waiting == 4
        raise ZeroDivisionError
    assert ledger.outbox.counts().waiting == 1


def test_an_attempt_that_is_known_better_later_is_told_again(
    tmp_path: Path, server: BraintrustServer
) -> None:
    from pagewave.ledger.outbox import add_log_rows

    ledger = fill(tmp_path / "ledger.sqlite", 2)
    in_delivery = [row.id for row in ledger.outbox.waiting(9)]
    with ledger.transaction() as db:
        add_log_rows(db, 1, [key_of(1)])
    ledger.outbox.mark_delivered(in_delivery)
    assert [row.key for row in ledger.outbox.waiting(9)] == [key_of(1)]


def test_no_row_is_looked_for_by_reading_a_whole_table(tmp_path: Path) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 1)
    for sql, values in (
        (_WAITING, (100,)),
        ("SELECT line FROM response WHERE batch_id = ? AND key = ?", (1, "k")),
    ):
        plan = [row["detail"] for row in ledger.query(f"EXPLAIN QUERY PLAN {sql}", *values)]
        # What was picked by its index may be walked through.
        assert plan
        assert not [step for step in plan if step.startswith("SCAN") and step != "SCAN o"], plan


# Trouble


@pytest.mark.parametrize(
    ("answers", "logged"),
    [
        (["500"], "answered 500"),
        (["cut"], "gave no answer"),
        ([None, "store-cut"], "gave no answer"),
        ([None, "hang"], "gave no answer"),
    ],
    ids=str,
)
def test_after_trouble_every_row_is_there_once(
    tmp_path: Path,
    server: BraintrustServer,
    caplog: pytest.LogCaptureFixture,
    answers: list[str | None],
    logged: str,
) -> None:
    ledger = fill(tmp_path / "ledger.sqlite")
    server.trouble = for_posts(list(answers))
    failing = delivery(ledger, timeout_seconds=0.5 if "hang" in answers else 10.0)
    failing.deliver_all()
    good = 100 * (answers.index(None) + 1 if None in answers else 0)
    assert ledger.outbox.counts() == (ATTEMPTS - good, good, 0)
    outage = ledger.outbox.outage()
    assert outage and outage.failures == 1 and logged in outage.error
    assert caplog.messages == [f"rows for Braintrust stay in the ledger for now: {outage.error}"]
    while ledger.outbox.counts().waiting:
        failing.deliver_all()
    assert_all_there_once(ledger, server, ATTEMPTS)
    assert ledger.outbox.outage() is None
    assert server.logins == 1


def test_refused_connections(tmp_path: Path, server: BraintrustServer) -> None:
    ledger = fill(tmp_path / "ledger.sqlite")
    server.stop()
    failing = delivery(ledger)
    for failures in (1, 2):
        failing.deliver_all()
        outage = ledger.outbox.outage()
        assert outage and outage.failures == failures
        assert outage.error == f"{server.url} gave no answer (Connection refused)"
    server.start()
    failing.deliver_all()
    assert_all_there_once(ledger, server, ATTEMPTS)
    # In the middle of it, too.
    add_batch(ledger, range(ATTEMPTS, ATTEMPTS + 5))
    server.stop()
    failing.deliver_all()
    assert ledger.outbox.counts().waiting == 5
    server.start()
    failing.deliver_all()
    assert_all_there_once(ledger, server, ATTEMPTS + 5)


def test_pauses_grow_and_outlive_the_process(tmp_path: Path, server: BraintrustServer) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 3)
    server.stop()

    def fresh() -> Delivery:
        return Delivery(ledger, Braintrust(SECRETS, 5.0), 100.0)

    for least in (0.0, 70.0, 150.0, 300.0):
        assert least <= fresh().pause_seconds <= 2.2 * least
        fresh().deliver_chunk()
    assert fresh().pause_seconds <= 1.2 * 600


def test_a_wrong_key_is_said_once_and_asked_once(
    tmp_path: Path, server: BraintrustServer, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 3)
    server.key = "another"
    with pytest.raises(KeyRefused, match="answered 401"):
        delivery(ledger).deliver_all()
    background = BackgroundDelivery(ledger, delivery(ledger), 0.05)
    background._thread.join(10)
    background.finish(10, NEVER)
    assert server.logins == 2
    assert len([line for line in caplog.messages if "BRAINTRUST_API_KEY" in line]) == 1
    assert ledger.outbox.counts().waiting == 3
    server.key = KEY
    delivery(ledger).deliver_all()
    assert_all_there_once(ledger, server, 3)


def test_a_key_that_is_withdrawn_meanwhile(tmp_path: Path, server: BraintrustServer) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 200)
    delivering = delivery(ledger)
    delivering.deliver_chunk()
    server.key = "another"
    with pytest.raises(KeyRefused, match="answered 401"):
        delivering.deliver_all()
    assert ledger.outbox.counts() == (100, 100, 0)


@pytest.mark.parametrize("status", ["413", "500"])
@pytest.mark.parametrize("poisoned", [[537], [500, 599], [7, 8, 9]])
def test_poisoned_rows_are_found_and_parked(
    tmp_path: Path, server: BraintrustServer, status: str, poisoned: list[int]
) -> None:
    ledger = fill(tmp_path / "ledger.sqlite")
    bad = {key_of(number) for number in poisoned}
    requests = 0

    def trouble(rows: list[Row]) -> str | None:
        nonlocal requests
        requests += 1
        return status if bad & {row["input"]["page_id"] for row in rows} else None

    server.trouble = trouble
    delivering = delivery(ledger)
    while ledger.outbox.counts().delivered < ATTEMPTS - len(bad):
        delivering.deliver_all()
    assert requests < 100
    assert pages_in(server.rows) == sorted({key_of(n) for n in range(ATTEMPTS)} - bad)
    # Rows of later waves are not held up, and at last the bad ones are left alone.
    for later in range(ATTEMPTS, ATTEMPTS + 30 * A_BATCH, A_BATCH):
        if ledger.outbox.counts().waiting == 0:
            break
        add_batch(ledger, range(later, later + 1))
        while key_of(later) not in pages_in(server.rows):
            delivering.deliver_all()
    assert {row["key"] for row in ledger.outbox.parked()} == bad
    for row in ledger.outbox.parked():
        assert row["refusals"] == PARK_AFTER_REFUSALS
        assert f"answered {status}" in row["last_error"]

    server.trouble = lambda rows: None
    assert ledger.outbox.retry_parked() == len(bad)
    delivering.deliver_all()
    assert ledger.outbox.counts()[::2] == (0, 0)
    assert bad <= set(pages_in(server.rows))


@pytest.mark.parametrize("status", ["400", "500"])
def test_a_service_that_refuses_everything_parks_nothing(
    tmp_path: Path, server: BraintrustServer, status: str
) -> None:
    ledger = fill(tmp_path / "ledger.sqlite")
    requests = 0

    def trouble(rows: list[Row]) -> str:
        nonlocal requests
        requests += 1
        return status

    server.trouble = trouble
    delivering = delivery(ledger)
    for _ in range(5):
        delivering.deliver_all()
    assert requests <= 5 * (PROBES + 2)
    assert ledger.outbox.counts() == (ATTEMPTS, 0, 0)
    server.trouble = lambda rows: None
    delivering.deliver_all()
    assert_all_there_once(ledger, server, ATTEMPTS)


def test_a_row_that_cannot_be_made_holds_up_no_other(
    tmp_path: Path, server: BraintrustServer
) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 5)
    with ledger.transaction() as db:
        db.execute("UPDATE record SET generation_config = 'no JSON' WHERE key = ?", (key_of(2),))
    delivery(ledger).deliver_all()
    assert ledger.outbox.counts() == (0, 4, 1)
    assert "JSONDecodeError" in ledger.outbox.parked()[0]["last_error"]


# In the background


def test_a_thread_delivers_and_what_hangs_is_left_behind(
    tmp_path: Path, server: BraintrustServer
) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 300)
    server.trouble = for_posts([None, "hang"])
    background = BackgroundDelivery(ledger, delivery(ledger), 0.05)
    wait_for(lambda: server.held)
    background.finish(0.1, NEVER)
    assert background._thread.is_alive()
    assert background.summary()[0] == "Braintrust: 100 rows logged."
    assert "200 rows not sent yet" in background.summary()[1]
    server.release()
    background.finish(30, NEVER)
    assert_all_there_once(ledger, server, 300)


def test_a_delivery_that_breaks_fails_nobody(
    tmp_path: Path, server: BraintrustServer, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = fill(tmp_path / "ledger.sqlite", 3)
    delivering = delivery(ledger)
    ledger.close()
    BackgroundDelivery(ledger, delivering, 0.05).finish(10, NEVER)
    assert "delivery to Braintrust ended" in caplog.text


# Configuration and cleaning


def test_why_logging_is_off() -> None:
    assert why_off(SECRETS) is None
    one = SECRETS.model_copy(update={"braintrust_project_name": None})
    assert why_off(one) == "logging to Braintrust is off (BRAINTRUST_PROJECT_NAME is not set)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"key {GEMINI_KEY}.", "key [key hidden]."),
        ({"a": [f"x{KEY}y", 1, None, True]}, {"a": ["x[key hidden]y", 1, None, True]}),
        ("AIza" + "B" * 35, "[key hidden]"),
        ("https://x/y?a=1&key=abc%20def&b=2", "https://x/y?a=1&key=[key hidden]&b=2"),
        ("Authorization: Bearer abcdefghij0123456789", "Authorization: Bearer [key hidden]"),
        ("The Bearer of this note", "The Bearer of this note"),
        (f"a {IMAGE} b", f"a [{len(IMAGE)} characters of data] b"),
        (f"a {IMAGE[:400]} b", "a [400 characters of data] b"),
        (f"a {IMAGE[:399]} b", f"a {IMAGE[:399]} b"),
        ("a" * 5000, "a" * 5000),
        ("." * 5000, "." * 5000),
        ("ab" * 32, "ab" * 32),
        (b"\xff\xd8", "[bytes of 2 bytes]"),
        ((1, "two"), [1, "two"]),
    ],
)
def test_keys_and_data_are_taken_out(value: Any, expected: Any) -> None:
    remember_key(KEY)
    assert cleaned(value) == expected
