"""What a batch brought, as the ledger keeps it: above all what each attempt cost."""

from pathlib import Path
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading

BOOK = {"Elm/1850": 1}
COUNTS = "token-counts:prompt=1000,output=100,thoughts=900,cached=500"
MODEL = "gemini-2.5-flash"
ROWS = "SELECT ok, prompt_tokens, output_tokens, thoughts_tokens, cached_tokens, usd FROM attempt"


def read(
    folder: Path, server: EmbeddedProcess, *faults: str, engine: str = "gemini", **price: float
) -> Reading:
    """A page, read under these faults at this price (USD a million tokens)."""
    pricing: dict[str, Any] = {"batch_usd_per_million_tokens": {MODEL: price}}
    reading = Reading(folder, server, BOOK, pricing=pricing if price else {})
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
