"""Budgets: what is counted, and what a run does where there is no room."""

from pathlib import Path
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.config.settings import load_settings
from pagewave.errors import BudgetReached, ConfigError, OnItsWay
from pagewave.ledger import Attempt, Ledger, Record
from pagewave.plan.budget import NoRoom, budgets, check_prices, reserve, reserve_call
from pagewave.waves.admission import within_budget

MODEL = "gemini-2.5-flash"
ROOM_FOR_ONE = {"max_cost_usd_total": 0.006}
SHORT_ANSWERS = {"generation_config": {"max_output_tokens": 1000}}


def record(key: str, max_usd: float = 0.5) -> Record:
    """A page in a batch, with what is held ready for it."""
    return Record(key, key, 1, None, "{}", "1.jpg", "a", 10, 10, 0.01, max_usd)


def metered(reading: Reading, model: str, *usd: float | None) -> Ledger:
    """The ledger after a batch of engine gemini: 1,000,000 tokens in and out a page, which cost
    so much when they were read."""
    ledger = reading.session.ledger
    ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "text")
    ledger.runs.start("r1", "gemini", model, [], [])
    records = [record(f"k{number}") for number in range(len(usd))]
    batch = ledger.batches.add_intent("b1", "gemini", model, "p", "r1", 1, 1, records)
    attempts = [
        Attempt(r.key, 1, r.key, "{}", "STOP", 1_000_000, 900_000, 100_000, 0, cost)
        for r, cost in zip(records, usd, strict=True)
    ]
    ledger.answers.commit(batch.id, "SUCCEEDED", None, attempts, [])
    return ledger


@pytest.fixture
def reading(tmp_path: Path, quiet_server: EmbeddedProcess) -> Reading:
    """Two books of a page each, and a limit for all runs."""
    return Reading(
        tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1}, execution={"max_cost_usd_total": 1}
    )


def as_gemini(reading: Reading, **pricing: Any) -> None:
    """From now on the engine is Google's."""
    reading.library.config["engine"] = "gemini"
    reading.library.configure(pricing=pricing)
    reading.session.settings = load_settings(reading.library.config, reading.root)


def test_what_was_billed_counts_at_the_price_of_its_day(reading: Reading) -> None:
    price = {"input": 1, "output": 10}
    ledger = metered(reading, MODEL, 0.25, 0.5, None)
    as_gemini(reading, batch_usd_per_million_tokens={MODEL: price})
    [budget] = budgets(ledger, reading.session.settings, None)
    # Where no price was known then, today's counts: 1 for the input, 10 for output and thoughts.
    assert budget.spent == pytest.approx(0.25 + 0.5 + 11)
    assert (budget.held, budget.left) == (0.0, 0.0)


def test_at_gemini_s_prices_cached_tokens_count_as_such_with_the_embedded_engine_too(
    reading: Reading,
) -> None:
    ledger = metered(reading, MODEL)
    batch = ledger.batches.add_intent("b2", "embedded", MODEL, "p", "r1", 1, 1, [record("k")])
    attempt = Attempt("k", 1, "k", "{}", "STOP", 1_000_000, 0, 0, 400_000, 0.0)
    ledger.answers.commit(batch.id, "SUCCEEDED", None, [attempt], [])
    price = {"input": 1, "output": 10, "cached_input": 0.1}
    reading.library.configure(pricing={"batch_usd_per_million_tokens": {MODEL: price}})
    settings = load_settings(reading.library.config, reading.root)
    [budget] = budgets(ledger, settings, None)
    assert budget.spent == pytest.approx(0.6 + 0.04)


def test_what_a_restored_ledger_does_not_know_is_held_as_dear_as_can_be(reading: Reading) -> None:
    ledger = metered(reading, MODEL)
    records = [Record(key, key, 1, None, "{}", "1.jpg", "a") for key in ("k1", "k2")]
    ledger.batches.add_intent("b2", "gemini", MODEL, "p", "r1", 1, 1, records)
    as_gemini(reading, batch_usd_per_million_tokens={MODEL: {"input": 1, "output": 10}})
    [budget] = budgets(ledger, reading.session.settings, None)
    assert budget.spent == 0
    assert budget.held == pytest.approx(2 * (32_768 * 1 + 65_536 * 10) / 1e6)


def test_a_call_goes_as_long_as_it_fits_beside_what_was_spent_and_what_is_held(
    reading: Reading,
) -> None:
    ledger = metered(reading, MODEL, 0.25)
    ledger.batches.add_intent("b2", "gemini", MODEL, "p", "r1", 1, 1, [record("k", 0.5)])
    as_gemini(reading)
    settings = reading.session.settings
    reserve_call(ledger, settings, "r1", "a call", 0.25)  # to the last cent
    with pytest.raises(BudgetReached, match=r"a call: not sent\..* might cost up to 0\.2600 more"):
        reserve_call(ledger, settings, "r1", "a call", 0.26)


def test_a_batch_goes_that_takes_all_that_is_left_and_none_that_takes_more(
    reading: Reading,
) -> None:
    ledger = metered(reading, MODEL, 0.25)
    ledger.batches.add_intent("b2", "gemini", MODEL, "p", "r1", 1, 1, [record("k", 0.5)])
    as_gemini(reading)
    settings = reading.session.settings
    reserve(ledger, settings, "r1", "wave 2", [record("l", 0.125), record("m", 0.125)])
    with pytest.raises(NoRoom, match=r"wave 2: not sent\..* might cost up to 0\.2600 more"):
        reserve(ledger, settings, "r1", "wave 2", [record("l", 0.125), record("m", 0.135)])


def test_pages_of_a_model_without_a_price_are_told_before_anything_is_sent(
    reading: Reading,
) -> None:
    metered(reading, "gemini-99-imaginary", None)
    as_gemini(reading)
    with pytest.raises(ConfigError, match=r"gemini-99-imaginary, whose price .*pricing\.batch_usd"):
        check_prices(reading.session.ledger, reading.session.settings)
    as_gemini(
        reading, batch_usd_per_million_tokens={"gemini-99-imaginary": {"input": 1, "output": 1}}
    )
    check_prices(reading.session.ledger, reading.session.settings)


def test_a_run_that_was_once_over_budget_sends_nothing_more_however_cheap(
    reading: Reading,
) -> None:
    ledger = reading.session.ledger
    ledger.runs.start("r1", "embedded", MODEL, [], [])
    reserve(
        reading.session.ledger, reading.session.settings, "r1", "lane 1 wave 1", [record("k", 0.9)]
    )
    ledger.spending.mark_over_budget("r1", "lane 2 wave 1: not sent.")
    with pytest.raises(BudgetReached, match="lane 1 wave 1: not sent, the budget has no room"):
        reserve(
            reading.session.ledger,
            reading.session.settings,
            "r1",
            "lane 1 wave 1",
            [record("k", 0.0001)],
        )
    ledger.runs.start("r2", "embedded", MODEL, [], [])
    reserve(
        reading.session.ledger,
        reading.session.settings,
        "r2",
        "lane 1 wave 1",
        [record("k", 0.0001)],
    )


def test_a_run_that_does_not_wait_leaves_what_finds_no_room_to_the_next(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """What is in flight is held as dear as it can be; collected, it leaves room."""
    execution = {"wait": False, "batch_size_limit": 1, "max_cost_usd_total": 0.0055}
    reading = Reading(
        tmp_path,
        quiet_server,
        {"Elm/1850": 1, "Oak/1850": 1},
        execution=execution,
        model=SHORT_ANSWERS,
    )
    quiet_server.set_faults([f"batch-hold:match={tmp_path.name},seconds=600"])
    reading.run()
    assert len(reading.creates()) == 1
    [(wanted,)] = reading.query("SELECT max_usd FROM record")
    assert wanted < 0.0055 < 2 * wanted
    ledger, left = reading.session.ledger, [record("k", wanted)]
    with pytest.raises(OnItsWay, match=r"w: not sent\. .* What is in flight may leave some\."):
        within_budget(
            reading.session,
            "r",
            lambda: reserve(reading.session.ledger, reading.session.settings, "r", "w", left),
        )
    assert ledger.spending.over_budget(f"{tmp_path.name}-run1") is None
    # The next run finds it ended, and sends the other one.
    quiet_server.set_faults([])
    reading.release()
    for _ in range(3):
        reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}
