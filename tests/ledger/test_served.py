"""Who answered, beside who was asked; and what old answers say of it in their raw lines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pagewave.ledger import Attempt, Flag, Ledger, Record, Served
from pagewave.ledger.served import Filled, ServedCount

KEYS = [f"Ohio:Elm School:1850:{number}" for number in range(1, 6)]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of two runs."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    for run_id in ("r1", "r2"):
        ledger.runs.start(run_id, "gemini", "m", [], [])
    ledger.files.add_prompt("p" * 64, "page_ocr", "v1.jinja", "text")
    yield ledger
    ledger.close()


def batch(ledger: Ledger, run_id: str, at: float, served: dict[str, Served]) -> None:
    """A batch that was answered at a time, with a raw line of each page."""
    records = [Record(key, key, 1, None, "{}", "1.jpg", "a" * 64) for key in served]
    name = f"b{len(ledger.batches.all())}"
    sent = ledger.batches.add_intent(name, "gemini", "m", "p" * 64, run_id, 1, 1, records)
    ledger.answers.store_lines(sent.id, [(key, f"{key} raw".encode()) for key in served])
    attempts = [
        Attempt(key, 1, key, "{}", "STOP", 10, 4, 1, 2, 0.5, served=who)
        for key, who in served.items()
    ]
    ledger.answers.commit(sent.id, "SUCCEEDED", None, attempts, [], at=at)


def test_the_newest_answer_that_says_so_tells_who_answers(ledger: Ledger) -> None:
    assert ledger.served.newest("gemini", "m") is None
    batch(ledger, "r1", 100.0, {KEYS[0]: Served("m-001", retires_at=900.0)})
    batch(ledger, "r2", 200.0, {KEYS[1]: Served("m-002"), KEYS[2]: Served("m-002")})
    batch(ledger, "r2", 300.0, {KEYS[3]: Served()})
    assert ledger.served.newest("gemini", "m") == ("m-002", 200.0)
    assert ledger.served.newest("gemini", "other") is None
    assert ledger.served.newest("embedded", "m") is None
    assert ledger.served.retires_at("gemini", "m") == 900.0
    assert ledger.served.in_run("r1") == [ServedCount("m", "m-001", 1)]
    assert ledger.served.in_run("r2") == [ServedCount("m", "m-002", 2)]


def test_who_answered_long_ago_is_filled_in_from_raw_lines_however_many_there_are(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pagewave.ledger.served.AT_ONCE", 2)
    batch(ledger, "r1", 100.0, {KEYS[0]: Served("m-001")})
    batch(ledger, "r1", 200.0, dict.fromkeys(KEYS[1:], Served()))
    unfilled = [*ledger.served.unfilled()]
    assert [(each.key, each.lines) for each in unfilled] == [
        (key, (f"{key} raw".encode(),)) for key in KEYS[1:]
    ]
    assert {(each.answered_at, each.output_tokens) for each in unfilled} == {(200.0, 5)}
    doubt = Flag("served", "another model answered")
    found = [Filled(each, Served("m-009"), None, None) for each in unfilled[1:]]
    ledger.served.fill([Filled(unfilled[0], Served("m-009"), 0.25, doubt), *found])
    assert [*ledger.served.unfilled()] == []
    rows = ledger.query("SELECT key, model_served, usd FROM attempt ORDER BY id")
    prices = dict(zip(KEYS, (0.5, 0.25, 0.5, 0.5, 0.5), strict=True))
    models = dict(zip(KEYS, ("m-001", *["m-009"] * 4), strict=True))
    assert [tuple(row) for row in rows] == [(key, models[key], prices[key]) for key in KEYS]
    flags = ledger.query("SELECT key, what, message FROM flag")
    assert [tuple(row) for row in flags] == [(KEYS[1], *doubt)]
