"""What reading will cost: tokens at their prices, and how far off that may be."""

from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.ledger import Measured
from pagewave.plan.estimates import Estimator, estimator
from pagewave.plan.forecast import Price, forecast_of
from pagewave.prompts.costs import Estimate

PRICING = {
    "batch_usd_per_million_tokens": {"gemini-2.5-flash": {"input": 1, "output": 10}},
    "output_tokens_per_page": 500,
}


@pytest.fixture
def reading(tmp_path: Path, quiet_server: EmbeddedProcess) -> Reading:
    """Two books; each answer is thought to take 500 tokens."""
    return Reading(tmp_path, quiet_server, {"Elm/1850": 2, "Oak/1850": 1}, pricing=PRICING)


def test_a_price_is_a_range_that_does_not_reach_below_nothing() -> None:
    price = Price(1, 1, 2.0, 0.3)
    assert (price.lowest, price.highest) == (pytest.approx(1.4), pytest.approx(2.6))
    wild = Price(1, 1, 2.0, 1.5)
    assert (wild.lowest, wild.highest) == (0.0, pytest.approx(5.0))
    unknown = Price(1, 1, None, 0.3)
    assert (unknown.lowest, unknown.highest) == (None, None)


def test_a_wave_costs_its_tokens_in_and_out_each_at_its_price(reading: Reading) -> None:
    pages = list(reading.session.dataset.pages)
    guesses = [Estimate(600_000, 10_000), Estimate(400_000, 20_000)]
    wave = forecast_of(reading.session.settings, pages, guesses, free=1)
    assert (wave.input_tokens, wave.output_tokens) == (1_000_000, 30_000)
    assert wave.usd == pytest.approx(1 + 0.3)
    said = "3 pages of 2 books, 1 free (stored answers), about 1,000,000 tokens in, 30,000 out, "
    assert str(wave) == said + "free here (about 1.3000 USD at Gemini)"


def test_before_anything_was_read_a_page_takes_its_prompt_its_image_and_the_usual_answer(
    reading: Reading,
) -> None:
    expected = estimator(reading.session)
    assert not expected.is_measured
    assert expected.of_page(4001, 960, 540) == Estimate(1001 + 6 * 258, 500)
    assert expected.error(1) == expected.error(1000) == 0.3


def test_what_was_measured_is_as_certain_as_it_is_often_and_alike(reading: Reading) -> None:
    expected = Estimator(reading.session, Measured(100, 2000.0, 500.0, 250.0))
    # Twice the standard error of both means: 2 * 0.5 * sqrt(1 / 100 + 1 / 100).
    assert expected.error(100) == pytest.approx(0.1414, abs=0.0001)
    assert expected.error(1) == pytest.approx(1.005, abs=0.001)
    assert expected.error(10**9) == pytest.approx(0.1)
    alike = Estimator(reading.session, Measured(100, 2000.0, 500.0, 0.0))
    assert alike.error(100) == 0.03
