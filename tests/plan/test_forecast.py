"""What reading will cost: tokens at their prices, and how far off that may be."""

import shutil
from collections.abc import Collection
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.ledger import Measured
from pagewave.plan.estimates import Estimator, estimator
from pagewave.plan.forecast import Forecast, Price, forecast_of
from pagewave.plan.schedule import Schedule, plan
from pagewave.plan.targets import Command, wanted_pages
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
    wave = forecast_of(reading.session.settings, pages[:1], guesses)
    assert (wave.free, wave.on_their_way) == (0, 0)
    assert str(wave).startswith("1 page of 1 book, about 1,000,000 tokens in")


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


# A whole command


def forecast(reading: Reading, forced: Collection[str] = ()) -> Forecast:
    """What a command would bring that reads all that is not settled."""
    session = reading.session
    chains = wanted_pages(session, Command(), session.dead_letters()).chains
    pages = plan(chains, session.settings.execution.batch_size_limit)
    return Forecast(session, Schedule(session.ledger, "a look", pages), forced)


def test_before_a_reading_every_page_is_to_be_sent(reading: Reading) -> None:
    whole = forecast(reading).whole()
    assert (whole.pages, whole.books, whole.to_send) == (3, 2, 3)
    assert (whole.free, whole.on_their_way) == (0, 0)
    assert (whole.lanes, whole.waves, whole.batches) == (1, 2, 2)
    assert (whole.longest_chain, whole.steps) == (2, 2)
    assert whole.by_rule.output_tokens == 3 * 500
    assert whole.by_rule.usd == pytest.approx((whole.by_rule.input_tokens + 10 * 1500) / 1e6)
    assert whole.best == whole.by_rule and whole.measured is None
    longest = reading.session.settings.model.generation_config.max_output_tokens
    assert whole.most_usd and longest
    assert whole.most_usd > (whole.by_rule.input_tokens + 10 * 3 * longest) / 1e6
    assert whole.seconds is None


def test_answers_that_are_stored_are_free_as_far_as_each_chain_goes_unless_they_are_forced(
    reading: Reading,
) -> None:
    reading.run()
    assert forecast(reading).whole().pages == 0
    shutil.rmtree(reading.root / "results")
    whole = forecast(reading).whole()
    assert (whole.pages, whole.free, whole.on_their_way, whole.to_send) == (3, 3, 0, 0)
    assert (whole.waves, whole.batches, whole.steps, whole.by_rule.usd) == (2, 0, 0, 0.0)
    assert forecast(reading).wave(1, 1).free == 2
    first = reading.key("Elm/1850", 1)
    # What the second page is told may be another thing then.
    whole = forecast(reading, forced=[first]).whole()
    assert (whole.free, whole.to_send) == (1, 2)


def test_what_was_sent_before_is_on_its_way_and_not_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(
        tmp_path, quiet_server, {"Elm/1850": 2, "Oak/1850": 1}, execution={"wait": False}
    )
    quiet_server.set_faults([f"batch-hold:match={tmp_path.name},seconds=600"])
    reading.run()
    whole = forecast(reading).whole()
    assert (whole.pages, whole.free, whole.on_their_way, whole.to_send) == (3, 0, 2, 1)
    assert (whole.batches, whole.steps) == (1, 2)
    wave = forecast(reading).wave(1, 1)
    assert (wave.pages, wave.on_their_way, wave.output_tokens) == (2, 2, 0)
    assert str(wave).startswith("2 pages of 2 books, 2 sent earlier, about 0 tokens in")
    reading.release()


def test_where_all_is_read_nothing_is_to_come(reading: Reading) -> None:
    reading.run()
    whole = forecast(reading).whole()
    assert (whole.pages, whole.to_send, whole.lanes, whole.waves) == (0, 0, 0, 0)
    assert (whole.longest_chain, whole.steps, whole.best.usd) == (0, 0, 0.0)


def test_a_forecast_goes_by_what_was_measured_as_soon_as_enough_pages_were(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    books = {f"Elm/{year}": 1 for year in range(1850, 1866)}
    reading = Reading(tmp_path, quiet_server, {**books, "Oak/1850": 2}, pricing=PRICING)
    before = forecast(reading)
    assert before.whole().measured is None
    reading.run()
    shutil.rmtree(reading.root / "results")
    after = before.whole()
    assert after.pages_measured == 18
    assert after.measured and after.best == after.measured
    assert after.seconds_a_batch
    assert after.seconds == after.steps * after.seconds_a_batch
