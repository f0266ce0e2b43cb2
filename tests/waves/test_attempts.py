"""What a batch brought, as the ledger keeps it: above all what each attempt cost."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.config.settings import load_settings
from pagewave.embedded.server.faults import LOOSE
from pagewave.errors import ServiceError
from pagewave.ledger import LogRow
from pagewave.plan.budget import Budget, budgets
from pagewave.tracking.rows import braintrust_row

BOOK = {"Elm/1850": 1}
COUNTS = "token-counts:prompt=1000,output=100,thoughts=900,cached=500"
MODEL = "gemini-2.5-flash"
ROWS = "SELECT ok, prompt_tokens, output_tokens, thoughts_tokens, cached_tokens, usd FROM attempt"


def read(
    folder: Path,
    server: EmbeddedProcess,
    *faults: str,
    engine: str = "gemini",
    books: Mapping[str, int] = BOOK,
    **price: float,
) -> Reading:
    """A page, read under these faults at this price (USD a million tokens)."""
    pricing: dict[str, Any] = {"batch_usd_per_million_tokens": {MODEL: price}}
    reading = Reading(folder, server, books, pricing=pricing if price else {})
    reading.library.config["engine"] = engine
    reading.library.configure()
    server.set_faults(list(faults))
    reading.run()
    return reading


@pytest.mark.parametrize(
    ("engine", "price", "usd"),
    [
        # Thoughts cost what output costs; cached tokens have a price of their own, or a fifth.
        ("gemini", {"input": 2.0, "output": 10.0, "cached_input": 0.4}, 0.0010 + 0.0002 + 0.0100),
        ("gemini", {"input": 2.0, "output": 10.0, "cached_input": 0.0}, 0.0010 + 0.0100),
        ("gemini", {"input": 2.0, "output": 10.0}, 0.0010 + 0.0002 + 0.0100),
        ("embedded", {"input": 2.0, "output": 10.0}, 0.0),
    ],
)
def test_an_attempt_costs_what_the_service_counted(
    tmp_path: Path,
    quiet_server: EmbeddedProcess,
    engine: str,
    price: dict[str, float],
    usd: float,
) -> None:
    reading = read(tmp_path, quiet_server, COUNTS, engine=engine, **price)
    assert reading.query(ROWS) == [(1, 1000, 100, 900, 500, pytest.approx(usd, rel=1e-12))]


def test_a_failed_attempt_costs_as_much_and_an_error_line_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    twice = ["invalid-schema:times=1", "record-error:skip=1,times=1"]
    price = {"input": 2.0, "output": 10.0, "cached_input": 0.4}
    reading = read(tmp_path, quiet_server, COUNTS, *twice, **price)
    assert reading.error_types() == {"ValidationError": 1, "APIError": 1}
    counted = (1000, 100, 900, 500, pytest.approx(0.0112, rel=1e-12))
    assert reading.query(ROWS) == [(0, *counted), (1, *counted)]


def test_a_model_without_a_price_costs_nobody_knows_what(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOK, model={"name": "gemini-99-imaginary"})
    reading.library.config["engine"] = "gemini"
    reading.library.configure()
    quiet_server.set_faults([COUNTS])
    reading.run()
    assert reading.query(ROWS) == [(1, 1000, 100, 900, 500, None)]


SMALL = {"input": 2.0, "output": 10.0}


def test_output_that_was_not_counted_is_what_the_total_leaves(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """Some answers come without `candidatesTokenCount`; the total holds what they cost."""
    counts = "token-counts:prompt=1000,output=0,total=7000"
    reading = read(tmp_path, quiet_server, counts, books={"Elm/1850": 3}, **SMALL)
    cost = pytest.approx(0.0020 + 0.0600, rel=1e-12)
    assert reading.query(ROWS) == [(1, 1000, 6000, 0, 0, cost)] * 3
    budget = spent(reading)
    assert (budget.spent, budget.held) == (pytest.approx(0.186, rel=1e-12), 0.0)
    # It is told once a run.
    told = [text for text in caplog.messages if "counts of tokens are odd" in text]
    assert len(told) == 1 and "totalTokenCount is 7000, its parts make 1000" in told[0]
    [row] = {json.dumps(_metrics_of(row)) for row in reading.session.ledger.outbox.waiting(9)}
    assert json.loads(row) == {"completion_tokens": 6000, "tokens": 7000, "usd": cost}


@pytest.mark.parametrize(
    "fault",
    [
        "no-counts",
        "token-counts:prompt=0",
        "token-counts:prompt=1000,output=0",
        "token-counts:prompt=1000,output=-5",
        "token-counts:prompt=1000,output=99999999999999999999999",
        "token-counts:prompt=9223372036854775808",
        "token-counts:prompt=1000,total=18446744073709551616",
        "missing-key:times=1",
    ],
)
def test_what_nobody_counted_costs_the_most_that_it_can(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    quiet_server.set_faults([fault])
    reading = read(tmp_path, quiet_server, fault, **SMALL)
    [(most,)] = reading.query("SELECT max_usd FROM record LIMIT 1")
    assert most > 0.08
    first = reading.query(ROWS)[0]
    assert first[1:] == (0, 0, 0, 0, most)
    assert spent(reading).held == most
    reading.run()  # nothing of it stops the next start
    reading.check()
    assert reading.session.ledger.spending.of_run(f"{tmp_path.name}-run1") >= most


def test_a_limited_account_ends_the_run_and_is_held_against_no_page(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(
        tmp_path,
        quiet_server,
        {"Elm/1850": 2, "Oak/1850": 2},
        execution={"batch_size_limit": 1, "max_batch_failures": 1, "max_retries": 1},
    )
    limited = f"finish-reason:match={tmp_path.name}:Elm:1850:1$,finish=PUP_LIMITED_DISABLED,times=1"
    quiet_server.set_faults([limited])
    with pytest.raises(ServiceError, match=r"PUP_LIMITED_DISABLED.*run the same command again"):
        reading.run()
    assert len(reading.creates()) == 1
    assert reading.error_types() == {"AccountLimited": 1}
    assert reading.dead() == set()
    assert not reading.query("SELECT 1 FROM wave")  # it is not over: its page was not read
    # When that is settled, the same command reads all.
    reading.run()
    reading.check()
    assert sorted(reading.inferences().values()) == [1, 1, 1, 2]


@pytest.mark.parametrize("how", sorted(LOOSE))
def test_an_answer_that_is_nearly_right_is_paid_once(
    tmp_path: Path, quiet_server: EmbeddedProcess, how: str
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2})
    quiet_server.set_faults([f"loose-json:how={how}"])
    reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}
    flags = reading.query("SELECT key, what FROM flag ORDER BY key")
    name = "null_word" if how == "words" else "repaired"
    assert flags == [(key, name) for key in reading.keys]
    contexts = reading.query("SELECT previous_context FROM record WHERE key LIKE '%:2'")
    assert len(contexts) == 1 and "N/A" not in contexts[0][0]
    # The ledger keeps the line as it came.
    lines = b"".join(row[0] for row in reading.query("SELECT unpacked(line) FROM response"))
    assert (b"N/A" in lines) == (how == "words")


def _metrics_of(row: LogRow) -> dict[str, float]:
    metrics = braintrust_row(row)["metrics"]
    return {name: metrics[name] for name in ("completion_tokens", "tokens", "usd")}


def spent(reading: Reading) -> Budget:
    """What a limit for all runs has seen so far."""
    reading.library.configure(execution={"max_cost_usd_total": 100})
    settings = load_settings(reading.library.config, reading.root)
    [budget] = budgets(reading.session.ledger, settings, None)
    return budget


def test_an_attempt_keeps_the_services_finish_reason_and_a_failure_our_error_type(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    faults = ["max-tokens:times=1", "invalid-schema:skip=1,times=1", "recitation:skip=2,times=1"]
    reading = Reading(tmp_path, quiet_server, BOOK, execution={"max_retries": 5})
    quiet_server.set_faults(faults)
    reading.run()
    rows = reading.query(
        "SELECT a.finish_reason, f.error_type FROM attempt a LEFT JOIN failure f"
        " ON f.batch_id = a.batch_id AND f.key = a.key ORDER BY a.id"
    )
    assert rows == [
        ("MAX_TOKENS", "Truncated"),
        ("STOP", "ValidationError"),
        ("RECITATION", "Recitation"),
        ("STOP", None),
    ]
    told = [row["metadata"] for row in map(braintrust_row, logged(reading))]
    assert [(each["finish_reason"], each["error_type"]) for each in told] == rows
    # An older ledger has our error type in its place.
    with closing(sqlite3.connect(tmp_path / "state/ledger.sqlite")) as db, db:
        db.execute("UPDATE attempt SET finish_reason = 'Truncated' WHERE number = 1")
    assert braintrust_row(logged(reading)[0])["metadata"]["finish_reason"] == "MAX_TOKENS"


def logged(reading: Reading) -> list[LogRow]:
    """All that is known of each attempt at the one page."""
    return reading.session.ledger.outbox.attempts_of(reading.key("Elm/1850", 1))


@pytest.mark.parametrize(
    ("price", "most"),
    [({"input": 0.0, "output": 10.0}, 0.0100), ({"input": 2.0, "output": 0.0}, None)],
)
def test_as_much_is_held_for_a_page_as_its_longest_answer_costs(
    tmp_path: Path, quiet_server: EmbeddedProcess, price: dict[str, float], most: float | None
) -> None:
    model = {"generation_config": {"max_output_tokens": 1000}}
    pricing = {"batch_usd_per_million_tokens": {MODEL: price}, "output_tokens_per_page": 100}
    reading = Reading(tmp_path, quiet_server, BOOK, model=model, pricing=pricing)
    reading.run()
    [(held, expected, tokens)] = reading.query(
        "SELECT max_usd, expected_usd, expected_input_tokens FROM record"
    )
    if most:
        assert (held, expected) == (pytest.approx(most), pytest.approx(0.001))
    else:
        # A token a byte of prompt and schema, and the dearest image: more than four times as many.
        assert expected == pytest.approx(tokens * 2 / 1e6)
        assert held > 2 * expected


def test_what_a_model_makes_up_for_a_blank_leaf_is_flagged_and_what_it_reads_is_not(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1})
    blank, printed = reading.keys
    leaf = Image.new("L", (400, 600), 240)
    leaf.save(reading.library.image(blank), "JPEG")
    for line in range(60, 540, 12):
        for letter in range(60, 340, 6):
            leaf.paste(20, (letter, line, letter + 3, line + 6))
    leaf.save(reading.library.image(printed), "JPEG")
    reading.run()
    flags = reading.query("SELECT key, what FROM flag")
    assert flags == [(blank, "text_on_blank")]
