"""What a service or a model says fits into the ledger, whatever it is."""

import math
from pathlib import Path
from typing import Any

import pytest

from pagewave.ledger import Attempt, Flag, Ledger, Record
from pagewave.ledger.failures import FailureRow

LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (2**63, LARGEST),
        (10**400, LARGEST),
        (-(10**400), -LARGEST),
        (LARGEST, LARGEST),
        (0, 0),
        (True, 1),
        (math.nan, None),
        (math.inf, float(LARGEST)),
        (-math.inf, -float(LARGEST)),
        (0.1, 0.1),
        ("half \ud83d, whole é", "half \\ud83d, whole é"),
        (None, None),
        (b"\xff", b"\xff"),
    ],
)
def test_what_does_not_fit_is_cut_to_what_does(tmp_path: Path, said: Any, kept: Any) -> None:
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    [(one,)] = ledger.query("SELECT ?", said)
    assert one == kept
    with ledger.transaction() as db:
        db.execute("CREATE TABLE said (value)")
        db.executemany("INSERT INTO said VALUES (?)", ([value] for value in (said, said)))
    assert [row[0] for row in ledger.query("SELECT value FROM said")] == [kept, kept]


def test_a_batch_with_absurd_numbers_is_collected_and_the_ledger_opens_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.open(path)
    ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "text")
    ledger.runs.start("r", "gemini", "m", [], [])
    record = Record("k", "f", 1, None, "{}", "1.jpg", "a")
    batch = ledger.batches.add_intent("b", "gemini", "m", "p", "r", 1, 1, [record])
    ledger.batches.mark_state(batch.id, "STATE_\udead")
    flags = [Flag("x", "\ud83d")]
    attempt = Attempt("k", 10**30, "f", "{}", "STOP\ud83d", 10**30, -1, 2**63, 0, math.nan, flags)
    failure = FailureRow("k", 2**70, True, "APIError", "\ud83d", raw_text="\ud83d")
    ledger.answers.commit(batch.id, "SUCCEEDED", "\ud83d", [attempt], [failure])
    ledger.close()
    again = Ledger.open(path)
    again.check()
    stored = again.answers.attempt(1)
    assert (stored.number, stored.prompt_tokens, stored.usd) == (LARGEST, LARGEST, None)
    assert again.batches.get(batch.id).status == "collected"
    assert again.failures.of_page("k")[0]["message"] == "\\ud83d"
