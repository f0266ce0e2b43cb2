"""What reading will cost: tokens at their prices, and how far off that may be."""

import io
import re
import shutil
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import pytest
from rich.console import Console

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.config.pricing import Pricing
from pagewave.config.settings import load_settings
from pagewave.errors import DataError
from pagewave.ledger import Measured
from pagewave.plan.estimates import FEWEST_PAGES, Estimator, estimator
from pagewave.plan.forecast import Forecast, Price, forecast_of
from pagewave.plan.schedule import Schedule, plan
from pagewave.plan.table import view
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


def test_what_pages_took_counts_from_as_many_on_as_the_configuration_says(reading: Reading) -> None:
    told = str(Pricing.model_fields["output_tokens_per_page"].description)
    (number,) = re.findall(r"Once (\d+) were read, what they took counts", told)
    measured = [
        Estimator(reading.session, Measured(pages, 2000.0, 700.0, 1.0)).is_measured
        for pages in (int(number) - 1, int(number))
    ]
    assert measured == [False, True]


def test_until_there_is_enough_to_go_by_pictures_are_looked_at_once(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = reading.session
    first, newest = estimator(session), session.ledger.answers.newest()
    assert estimator(session) is first
    for attempts, is_same in ((FEWEST_PAGES - 1, True), (FEWEST_PAGES, False)):
        monkeypatch.setattr(session.ledger.answers, "newest", lambda n=attempts: newest + n)
        assert (estimator(session) is first) == is_same
    with_missing = Estimator(session, Measured(0, 0.0, 0.0, 0.0))
    monkeypatch.setattr(session.images, "path", Mock(side_effect=DataError("not made yet")))
    assert with_missing.stands_for == 0


def test_what_was_measured_is_as_certain_as_it_is_often_and_alike(reading: Reading) -> None:
    expected = Estimator(reading.session, Measured(100, 2000.0, 500.0, 250.0))
    # Twice the standard error of both means: 2 * 0.5 * sqrt(1 / 100 + 1 / 100).
    assert expected.error(100) == pytest.approx(0.1414, abs=0.0001)
    assert expected.error(1) == pytest.approx(1.005, abs=0.001)
    assert expected.error(10**9) == pytest.approx(0.1)
    alike = Estimator(reading.session, Measured(100, 2000.0, 500.0, 0.0))
    assert alike.error(100) == 0.03


def test_of_pages_that_are_read_again_only_changed_pictures_are_looked_at(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading.run()
    session = reading.session
    measured = Measured(100, 2000.0, 500.0, 250.0)
    images, looked = session.images, list[Path]()

    def look(image: Path) -> float:
        looked.append(image)
        return 0.0

    monkeypatch.setattr(images, "share_of_print", look)
    assert Estimator(session, measured).of_page(100, 64, 96) == Estimate(2000, 500)
    assert looked == []
    changed = next(session.dataset.pages).scan
    changed.write_bytes(changed.read_bytes() + b" ")
    assert Estimator(session, measured).of_page(100, 64, 96) != Estimate(2000, 500)
    assert looked == [changed]


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
    # Where other settings would replace it: what they would ask is what was asked.
    reading.library.configure(execution={"in_flight": "replace"}, prompt={"context": "none"})
    reading.session = reading._new_session()
    assert forecast(reading).whole().on_their_way == 2
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


# Prices and models that change while a run goes on


def midnight(text: str) -> float:
    """The beginning of a day (UTC) in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def with_batches_of(reading: Reading, seconds: float, model: str, engine: str = "embedded") -> None:
    """A model's newest batch took so long."""
    ledger = reading.session.ledger
    ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "text")
    ledger.runs.start("r1", engine, model, [], [])
    batch = ledger.batches.add_intent("b1", engine, model, "p", "r1", 1, 1, [])
    ledger.answers.commit(batch.id, "SUCCEEDED", None, [], [])
    with ledger.transaction() as db:
        db.execute("UPDATE batch SET submitted_at = 1000, collected_at = ?", (1000 + seconds,))


def test_a_forecast_prices_each_page_by_when_it_will_be_answered(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = "gemini-3.8-flash"
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 4}, model={"name": model})
    with_batches_of(reading, 10 * 3600, model)
    at = midnight("2027-01-01") - 25 * 3600  # two batches end before, the third after
    monkeypatch.setattr("time.time", lambda: at)
    look = forecast(reading)
    waves = [look.wave(1, number) for number in range(1, 5)]
    tokens = [(wave.input_tokens, wave.output_tokens) for wave in waves]
    old, new = (0.375, 1.875), (0.75, 3.75)
    usd = [
        (tokens[place][0] * price[0] + tokens[place][1] * price[1]) / 1e6
        for place, price in enumerate([old, old, new, new])
    ]
    assert [look.wave(1, number).usd for number in range(1, 5)] == pytest.approx(usd)
    assert look.whole().by_rule.usd == pytest.approx(sum(usd))


def test_when_a_model_ends_the_service_knows_better_than_the_table(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, model={"name": "my-model"})
    told = "model=my-model,stage=LEGACY,retires=2027-03-01T00:00:00Z"
    quiet_server.set_faults([f"other-model:{told}"])
    reading.run()
    shutil.rmtree(reading.root / "results")
    again = [reading.key("Elm/1850", 1)]
    monkeypatch.setattr("time.time", lambda: midnight("2027-02-27"))
    assert forecast(reading, again).whole().model_ends is None
    monkeypatch.setattr("time.time", lambda: midnight("2027-03-02"))
    assert forecast(reading, again).whole().model_ends == "my-model ended on 2027-03-01"


@pytest.mark.parametrize(
    ("hours_before", "seconds", "told"),
    [
        (3, 3600.0, None),
        (1, 3600.0, "may end before all is read"),
        (1, None, "may end before all is read"),
        (100, None, None),
        (-1, 1.0, "ended on 2026-12-01"),
    ],
)
def test_a_model_that_ends_before_the_run_can_is_told_with_its_successor(
    reading: Reading,
    monkeypatch: pytest.MonkeyPatch,
    hours_before: int,
    seconds: float | None,
    told: str | None,
) -> None:
    """Where no batch was measured, each is taken for a day, as Google aims at."""
    reading.library.config["engine"] = "gemini"
    reading.library.configure(model={"name": "gemini-2.5-flash"})
    reading.session.settings = load_settings(reading.library.config, reading.root)
    if seconds:
        with_batches_of(reading, seconds, "gemini-2.5-flash", "gemini")
    monkeypatch.setattr("time.time", lambda: midnight("2026-12-01") - hours_before * 3600)
    whole = forecast(reading).whole()
    assert whole.steps == 2
    ends = whole.model_ends
    assert (ends is not None and told is not None and told in ends) or ends is told is None
    shown = io.StringIO()
    Console(file=shown, width=200).print(view(whole))
    assert ("gemini-3.5-flash-lite answers then" in shown.getvalue()) == (told is not None)


def test_a_call_that_was_not_measured_is_not_taken_for_a_day(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading.library.config["engine"] = "gemini"
    reading.library.configure(model={"name": "gemini-2.5-flash"}, execution={"transport": "flex"})
    reading.session.settings = load_settings(reading.library.config, reading.root)
    monkeypatch.setattr("time.time", lambda: midnight("2026-12-01") - 3600)
    whole = forecast(reading).whole()
    assert whole.steps == 2
    assert whole.model_ends is None
    roads = {road.road: road for road in whole.roads}
    # However few waves calls take, a batch carries a page of each chain.
    assert roads["batch"].why.startswith("2 steps of ")
    assert roads["flex"].why.startswith("2 pages one after another at 27 s")


@pytest.mark.parametrize("transport", ["batch", "flex", "standard", "auto"])
def test_each_road_has_its_price_whichever_is_configured(
    tmp_path: Path, quiet_server: EmbeddedProcess, transport: str
) -> None:
    execution = {"transport": transport}
    books = {"Elm/1850": 2, "Oak/1850": 1}
    reading = Reading(tmp_path, quiet_server, books, pricing=PRICING, execution=execution)
    whole = forecast(reading).whole()
    assert whole.best.usd
    once = whole.best.usd / (2 if transport == "standard" else 1)
    prices = {road.road: road.usd for road in whole.roads}
    factors = {"batch": 1, "flex": 1, "standard": 2, "auto": 1}
    assert prices == {road: pytest.approx(once * factor) for road, factor in factors.items()}
