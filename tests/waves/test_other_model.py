"""Answers by another model than was asked for: kept, priced, told, flagged, or the end of a run."""

import logging
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import said
from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.config.settings import load_settings
from pagewave.errors import ServiceError
from pagewave.exports.book import write_book
from pagewave.exports.facts import facts_of
from pagewave.exports.summary.tables import of_run
from pagewave.ledger import Served
from pagewave.plan.budget import budgets
from pagewave.plan.targets import Command
from pagewave.tracking.rows import braintrust_row
from pagewave.waves.status import Watch
from pagewave.workflow.messages import ending

ASKED, LITE, DEARER = "gemini-2.5-flash", "gemini-3.5-flash-lite", "gemini-3.8-flash"


def reading_with(
    root: Path, server: EmbeddedProcess, *faults: str, pages: int = 2, **model: Any
) -> Reading:
    """A book to be read by a model that is about to end."""
    reading = Reading(root, server, {"Elm/1850": pages}, model={"name": ASKED, **model})
    server.set_faults(list(faults))
    return reading


def attempts(reading: Reading) -> dict[str, tuple[str | None, str | None]]:
    """The model and the tier that served each page."""
    rows = reading.session.ledger.query("SELECT key, model_served, service_tier FROM attempt")
    return {row[0].rpartition(":")[2]: (row[1], row[2]) for row in rows}


def flags(reading: Reading) -> list[tuple[str, str]]:
    """What and message of all flags."""
    return [(flag.what, flag.message) for flag in reading.session.ledger.answers.flagged_pages()]


def test_who_served_is_kept_with_each_attempt_good_or_failed(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    told = "model=gemini-2.5-flash-001,stage=DEPRECATED,retires=2026-12-01T00:00:00Z,tier=standard"
    reading = reading_with(
        tmp_path, quiet_server, f"other-model:{told}", "fenced-json", "max-tokens:match=:2$,times=1"
    )
    reading.run()
    reading.check()
    rows = reading.session.ledger.query("SELECT id, ok FROM attempt ORDER BY id")
    assert [row["ok"] for row in rows] == [1, 0, 1]
    message = "This model is going to be retired."
    expected = Served("gemini-2.5-flash-001", "DEPRECATED", 1_796_083_200.0, message, "standard")
    answers = reading.session.ledger.answers
    assert {answers.attempt(row["id"]).served for row in rows} == {expected}
    assert not [
        flag for flag in flags(reading) if flag[0] == "other_model"
    ]  # a version is no other


def test_an_answer_that_names_no_model_raises_no_alarm(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = reading_with(tmp_path, quiet_server, "other-model:model=", on_other_model="stop")
    reading.run()
    reading.check()
    assert attempts(reading) == {"1": (None, None), "2": (None, None)}
    assert "ANOTHER MODEL" not in caplog.text


def test_another_model_at_the_same_price_is_told_once_and_flagged(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    reading = reading_with(tmp_path, quiet_server, f"other-model:model={LITE}", pages=3)
    reading.run()
    reading.check()
    assert attempts(reading) == {str(number): (LITE, None) for number in (1, 2, 3)}
    assert flags(reading) == [("other_model", f"read by {LITE}, asked was {ASKED}")] * 3
    told = [r.getMessage() for r in caplog.records if "ANOTHER MODEL ANSWERS" in r.getMessage()]
    [line] = told
    assert f"{LITE}, asked was {ASKED}" in line


def test_who_served_is_shown_in_book_run_rows_and_pages(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_with(tmp_path, quiet_server, f"other-model:model={LITE},match=:2$")
    reading.run()
    session = reading.session
    [book] = session.dataset.books
    write_book(session, book, facts_of(session, book))
    content = reading.library.book(book.id)
    assert content["read_by"] == {LITE: 1}  # the embedded reader itself is no model
    served = {page["number"]: page["provenance"]["model_served"] for page in content["pages"]}
    assert served == {1: None, 2: LITE}
    told = content["pages"][1]["provenance"]["flags"]
    assert [flag["what"] for flag in told] == ["other_model"]
    # Braintrust
    rows = {row.key: braintrust_row(row) for row in session.ledger.outbox.waiting(10)}
    assert {row["metadata"]["model_served"] for row in rows.values()} == {ASKED, LITE}
    # The run's last lines, and its summary
    status = Watch(session.ledger, 10, False).look()
    assert status is not None
    end = ending(session, status.id, "ok", Command())  # type: ignore[arg-type]
    [line] = [line for line in end.details if "ANOTHER MODEL ANSWERED" in line]
    assert f"{LITE}, asked was {ASKED}: 1 attempt" in line
    [table] = of_run(status, session.ledger.served.in_run(status.id))
    assert (f"ANOTHER MODEL answered ({ASKED} was asked): {LITE}", 1) in table.rows
    # pages.py
    assert [page["key"] for page in said(reading.library, "pages", "--served", LITE)["pages"]] == [
        reading.keys[1]
    ]
    assert said(reading.library, "pages", "--served", "other") == said(
        reading.library, "pages", "--served", LITE
    )


@pytest.mark.parametrize(
    ("wish", "served"),
    [("stop", LITE), ("flag", DEARER), ("flag", "gemini-99-imaginary")],
)
def test_stop_keeps_what_was_read_and_sends_nothing_more(
    tmp_path: Path, quiet_server: EmbeddedProcess, wish: str, served: str
) -> None:
    """So does flag where the other model is dearer or has no price."""
    fault = f"other-model:model={served}"
    reading = reading_with(tmp_path, quiet_server, fault, pages=3, on_other_model=wish)
    with pytest.raises(ServiceError, match="Nothing more is sent") as stopped:
        reading.run()
    assert stopped.value.exit_code == 5
    assert f"set model.name: {served}" in str(stopped.value)
    assert attempts(reading) == {"1": (served, None)}
    assert [row[0] for row in reading.session.ledger.query("SELECT ok FROM attempt")] == [1]
    # The next run knows it, and sends nothing.
    creates = len(reading.creates())
    with pytest.raises(ServiceError, match="Last seen"):
        reading.run()
    assert len(reading.creates()) == creates == 1
    # Until a person says yes; what was read is free.
    reading.library.configure(model={"name": ASKED, "on_other_model": "accept"})
    reading.run()
    reading.check()
    assert len(attempts(reading)) == 3


def test_an_answer_is_priced_by_the_model_that_served(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """In the budget of a run, which the embedded engine keeps at Gemini's prices."""
    price = {LITE: {"input": 1000, "output": 0}, ASKED: {"input": 2000, "output": 0}}
    counts = "token-counts:prompt=1000,output=1,thoughts=0,cached=0"
    reading = reading_with(tmp_path, quiet_server, f"other-model:model={LITE}", counts, pages=1)
    reading.library.configure(
        pricing={"batch_usd_per_million_tokens": price}, execution={"max_cost_usd_total": 1000}
    )
    reading.run()
    settings = load_settings(reading.library.config, reading.root)
    [budget] = budgets(reading.session.ledger, settings, None)
    assert budget.spent == pytest.approx(1.0)


def test_who_served_is_filled_in_from_raw_lines(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_with(tmp_path, quiet_server, f"other-model:model={LITE},match=:2$")
    reading.run()
    before = attempts(reading)
    ledger = reading.session.ledger
    with ledger.transaction() as db:  # as a ledger of before
        db.execute("UPDATE attempt SET model_served = NULL, service_tier = NULL")
        db.execute("DELETE FROM flag")
        db.execute("UPDATE batch SET engine = 'gemini'")
    report = said(reading.library, "models", "--fill-served")
    assert report["looked_at"] == 2
    assert {(row["served"], row["attempts"], row["other"]) for row in report["filled"]} == {
        (ASKED, 1, False),
        (LITE, 1, True),
    }
    assert attempts(reading) == before
    assert flags(reading) == [("other_model", f"read by {LITE}, asked was {ASKED}")]
    usd = {row[0][-1]: row[1] for row in ledger.query("SELECT key, usd FROM attempt")}
    assert usd["1"] == 0.0
    assert usd["2"] > 0.0  # priced by who served
    assert said(reading.library, "models", "--fill-served") == {"looked_at": 0, "filled": []}
