"""Single calls: what becomes of each way in which one may end, and what the ledger says of it."""

import logging
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.reading import Reading
from pagewave.errors import BudgetReached, ServiceError
from pagewave.gemini.gate import Gate
from pagewave.gemini.uploads import image_bytes
from pagewave.prompts.request import Request

FLEX: dict[str, Any] = {"execution": {"transport": "flex"}}
BOOKS = {"Elm/1850": 3, "Oak/1851": 2, "Ash/1852": 1}
PAGES = sum(BOOKS.values())
PAIR = {"Elm/1850": 2}


def reading_of(
    root: Path, server: EmbeddedProcess, books: dict[str, int], **sections: dict[str, Any]
) -> Reading:
    """A reading by flex; `execution` is laid over that."""
    execution = {"transport": "flex"} | sections.pop("execution", {})
    return Reading(root, server, books, execution=execution, **sections)


def at_gemini(reading: Reading) -> Reading:
    """The same as of engine gemini, whose answers have a price; the server is where it was."""
    reading.library.config["engine"] = "gemini"
    reading.library.configure()
    return reading


def calls(reading: Reading) -> list[tuple[str, str | None]]:
    """Status and state of all calls, oldest first."""
    return reading.batches()


# Roads


def test_a_wave_carries_each_chain_to_its_end_the_longest_way_first(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    enter = Gate.enter

    def note(gate: Gate, priority: float, *given: Any) -> bool:
        asked.append(priority)
        return enter(gate, priority, *given)

    monkeypatch.setattr(Gate, "enter", note)  # where nobody waits, as there is room for all
    reading = reading_of(tmp_path, quiet_server, BOOKS)
    reading.run(most_waves=1)
    reading.check()
    assert sorted(asked) == [1, 1, 1, 2, 2, 3]  # pages that each chain had still to go
    assert len(reading.keys) == PAGES
    rows = reading.query("SELECT status, state, transport FROM batch")
    assert rows == [("collected", "SUCCEEDED", "flex")] * PAGES
    for page in (2, 3):
        before = f"Read after: {reading.key('Elm/1850', page - 1)}"
        assert before in reading.library.text(reading.key("Elm/1850", page))
    assert reading.creates() == []
    assert reading.uploads() == []
    assert not list((tmp_path / "state/results").glob("*.lock"))


@pytest.mark.parametrize(("first", "second"), [("flex", "batch"), ("batch", "standard")])
def test_what_one_road_read_is_free_for_the_other(
    tmp_path: Path, quiet_server: EmbeddedProcess, first: str, second: str
) -> None:
    reading = reading_of(tmp_path, quiet_server, BOOKS, execution={"transport": first})
    reading.run()
    shutil.rmtree(tmp_path / "results")
    reading.library.configure(execution={"transport": second})
    reading.run()
    reading.check()
    assert reading.inferences().total() == PAGES
    assert {row[0] for row in reading.query("SELECT transport FROM batch")} == {first}
    free = "SELECT free, COUNT(*) FROM wave_page GROUP BY free"
    assert reading.query(free) == [(0, PAGES), (1, PAGES)]


def test_a_batch_in_flight_is_waited_for_by_a_wave_of_calls(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, PAIR)
    with reading.crash_in("pagewave.waves.batch_road.collect"):
        reading.run()
    reading.library.configure(**FLEX)
    reading.run()
    reading.check()
    rows = reading.query("SELECT key, transport FROM record r JOIN batch b ON b.id = batch_id")
    assert [(key[-1], transport) for key, transport in rows] == [("1", "batch"), ("2", "flex")]


def test_two_chains_that_ask_the_very_same_are_one_call(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1851": 1})
    keys = [reading.key("Elm/1850", 1), reading.key("Oak/1851", 1)]
    shutil.copy(reading.library.image(keys[0]), reading.library.image(keys[1]))
    quiet_server.set_faults(["slow:call=generate,seconds=0.2"])
    reading.run()
    assert reading.inferences().total() == 1
    assert all(reading.library.page_file(key).exists() for key in keys)


def test_a_page_that_fails_is_asked_again_in_its_wave(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["blocked:match=Elm:1850:2$,times=2"])
    reading = reading_of(tmp_path, quiet_server, BOOKS)
    reading.run(most_waves=1)
    reading.check()
    assert reading.inferences()[reading.key("Elm/1850", 2)] == 3
    assert reading.failures() == {("Elm:1850:2", "Blocked"): 2}


def test_behind_a_dead_letter_nothing_is_asked(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["blocked:match=Elm:1850:2$"])
    reading = reading_of(tmp_path, quiet_server, BOOKS, execution={"max_retries": 2})
    reading.run()
    reading.check(dead=[reading.key("Elm/1850", 2)])
    assert reading.inferences()[reading.key("Elm/1850", 3)] == 0


def test_a_chain_may_go_on_behind_a_dead_letter_in_the_same_wave(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["blocked:match=Elm:1850:2$"])
    execution = {"max_retries": 1, "on_dead_letter": "continue"}
    reading = reading_of(tmp_path, quiet_server, BOOKS, execution=execution)
    reading.run(most_waves=1)
    reading.check(dead=[reading.key("Elm/1850", 2)])
    assert "Read after: nothing" in reading.library.text(reading.key("Elm/1850", 3))


# Answers that got lost


def test_a_call_in_doubt_is_named_even_if_the_run_dies_as_it_writes_that_down(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    quiet_server.set_faults(["cut-after:call=generate,times=1"])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 1})
    with reading.crash_in("pagewave.ledger.answers.insert_failures"):
        reading.run()
    [(name,)] = reading.query("SELECT display_name FROM batch")
    assert any(name in message for message in caplog.messages)


@pytest.mark.parametrize(
    "fault", ["cut-after:call=generate,times=1", "garbage-200:call=generate,times=1"]
)
def test_a_lost_answer_is_named_counted_and_asked_for_anew(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    quiet_server.set_faults([fault])
    reading = reading_of(tmp_path, quiet_server, BOOKS)
    reading.run(most_waves=1)
    reading.check()
    assert reading.inferences().total() == PAGES + 1
    [(key, prompt_tokens, ok)] = reading.query(
        "SELECT a.key, prompt_tokens, ok FROM attempt a JOIN batch b ON b.id = a.batch_id"
        " WHERE b.status = 'abandoned' AND b.state = 'UNANSWERED'"
    )
    assert (prompt_tokens, ok) == (0, 0)
    assert reading.error_types() == {"AnswerLost": 1}
    assert reading.query("SELECT counted FROM failure") == [(0,)]
    assert any(key in message for message in caplog.messages)
    [held] = [
        cost for cost in reading.session.ledger.spending.costs("embedded") if not cost.metered
    ]
    assert held.records == 1
    assert held.max_usd


def test_a_call_without_an_answer_is_given_up_when_its_time_is_over(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["hang:call=generate,acted=yes,times=1"])
    reading = reading_of(tmp_path, quiet_server, PAIR, calls={"timeout_seconds": 0.5})
    reading.run()
    reading.check()
    assert reading.error_types() == {"AnswerLost": 1}


def test_a_page_whose_answers_get_lost_too_often_is_a_dead_letter(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["cut-after:call=generate"])
    reading = reading_of(
        tmp_path, quiet_server, PAIR, execution={"max_batch_failures": 2, "max_retries": 1}
    )
    reading.run()
    reading.check(dead=[reading.key("Elm/1850", 1)])
    assert reading.inferences() == {reading.key("Elm/1850", 1): 2}


# The service takes no call now


def test_a_storm_of_503_is_waited_out_and_costs_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["http-error:call=generate,code=503,times=12"])
    reading = reading_of(tmp_path, quiet_server, BOOKS, calls={"retry_pause_seconds": 0.01})
    reading.run(most_waves=1)
    reading.check()
    assert reading.inferences().total() == PAGES
    assert reading.failures() == {}
    assert len(calls(reading)) == PAGES


def test_nothing_is_in_flight_while_a_call_waits_for_a_full_service(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """So that a crash at that moment leaves nothing that may have been paid for."""
    quiet_server.set_faults(["http-error:call=generate,code=503"])
    reading = reading_of(tmp_path, quiet_server, PAIR, calls={"retry_pause_seconds": 30})

    def is_waiting() -> bool:
        return (tmp_path / "state/ledger.sqlite").exists() and calls(reading) == [("intent", None)]

    reading.run_until(is_waiting)
    assert calls(reading) == [("abandoned", None)]
    quiet_server.set_faults([])
    reading.library.configure(calls={"retry_pause_seconds": 0.01})
    reading.run()
    reading.check()
    assert reading.failures() == {}


def test_a_service_that_takes_no_call_for_long_ends_the_run(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["http-error:call=generate,code=503"])
    reading = reading_of(
        tmp_path,
        quiet_server,
        PAIR,
        calls={"retry_pause_seconds": 0.02},
        batch={"outage_seconds": 0.2},
    )
    with pytest.raises(ServiceError, match=r"taken no call .* batch\.outage_seconds"):
        reading.run()
    assert reading.failures() == {}


@pytest.mark.parametrize("waits", [True, False])
def test_the_days_limit_closes_the_wave_with_what_it_carried(
    tmp_path: Path, quiet_server: EmbeddedProcess, waits: bool
) -> None:
    quiet_server.set_faults(["day-limit:skip=2"])
    reading = reading_of(
        tmp_path,
        quiet_server,
        {"Elm/1850": 4},
        execution={"wait": waits},
        calls={"retry_pause_seconds": 0.001},
        batch={"quota_seconds": 0.05},
    )
    if waits:
        with pytest.raises(ServiceError, match="quota"):
            reading.run()
    else:
        reading.run()
    outcomes = reading.query("SELECT key, outcome FROM wave_page ORDER BY key")
    assert outcomes == [(reading.key("Elm/1850", page), "read") for page in (1, 2)]
    assert reading.failures() == {}


def test_a_limit_of_ones_own_holds_for_a_day_over_all_runs(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_of(
        tmp_path,
        quiet_server,
        {"Elm/1850": 4},
        execution={"wait": False},
        calls={"requests_per_day": 2, "wave_seconds": 60},
    )
    reading.run()
    reading.run()
    assert reading.inferences().total() == 2


def test_a_call_that_is_refused_as_the_days_last_is_left_with_that_reason(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["http-error:call=generate,code=503,times=1"])
    reading = reading_of(
        tmp_path,
        quiet_server,
        {"Elm/1850": 1},
        execution={"wait": False},
        calls={"requests_per_day": 1, "retry_pause_seconds": 0.001},
    )
    reading.run()
    assert calls(reading) == [("abandoned", None)]
    assert reading.query("SELECT error FROM batch") == [("OnItsWay: the calls of today are made",)]


def test_a_failure_of_the_service_is_no_attempt(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["http-error:call=generate,code=500,times=2"])
    reading = reading_of(tmp_path, quiet_server, PAIR)
    reading.run()
    reading.check()
    assert reading.error_types() == {"ServiceTrouble": 2}


def test_an_image_that_vanishes_as_its_call_is_made_leaves_the_others_their_room(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = reading_of(tmp_path, quiet_server, PAIR, calls={"in_flight": 2})
    scan = reading.session.dataset.page(reading.keys[0]).scan
    content, tried = scan.read_bytes(), []

    def read_late(request: Request) -> bytes:
        tried.append(request.key)
        if len(tried) == 1:
            scan.unlink()
        try:
            return image_bytes(request)
        finally:
            scan.write_bytes(content)

    monkeypatch.setattr("pagewave.waves.calls.image_bytes", read_late)
    reading.run()
    reading.check()
    assert reading.failures() == {("Elm:1850:1", "FileNotFound"): 1}
    gate = reading.session.gate
    assert [gate.enter(1, 0, until=time.monotonic()) for _ in range(3)] == [True, True, False]


# The service refuses


def test_a_model_that_is_not_there_is_refused_before_any_call_is_begun(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["http-error:code=404,call=model"])
    reading = reading_of(tmp_path, quiet_server, PAIR, model={"name": "gemini-2.5-flush"})
    with pytest.raises(ServiceError, match=r"gemini-2\.5-flush.*Did you mean gemini-2\.5-flash"):
        reading.run()
    assert calls(reading) == []


def test_a_key_that_is_revoked_in_the_middle_closes_the_wave_with_what_it_carried(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["refused:call=generate,reason=key,skip=3"])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 5})
    with pytest.raises(ServiceError, match="GEMINI_API_KEY"):
        reading.run()
    outcomes = reading.query("SELECT key, outcome FROM wave_page")
    assert sorted(outcomes) == [(reading.key("Elm/1850", page), "read") for page in (1, 2, 3)]
    assert reading.failures() == {}
    quiet_server.set_faults([])
    reading.run()
    reading.check()


def test_a_request_that_is_not_accepted_is_its_pages_own_matter(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["refused:call=generate,reason=content,times=1"])
    reading = reading_of(tmp_path, quiet_server, BOOKS)
    reading.run(most_waves=1)
    reading.check()
    assert reading.error_types() == {"BadRequest": 1}


def test_an_account_that_is_limited_is_asked_no_more(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["finish-reason:finish=PUP_LIMITED_DISABLED,match=Elm:1850:2$"])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 3})
    with pytest.raises(ServiceError, match="account"):
        reading.run()
    assert reading.inferences().total() == 2


# Money


def test_a_budget_of_a_call_and_a_half_lets_calls_go_one_by_one(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 1})
    reading.run()
    [(most,)] = reading.query("SELECT max_usd FROM record")
    budget = 1.5 * most
    for number in range(12):
        reading.library.add_page(f"{reading.state}/Oak/18{50 + number}", 1)
    reading.library.configure(execution={"max_cost_usd": budget})
    quiet_server.set_faults(["slow:call=generate,seconds=0.05"])
    at_once: list[int] = []

    def look() -> bool:
        at_once.append(sum(status == "creating" for status, _ in calls(reading)))
        return len(reading.query("SELECT 1 FROM wave")) > 1

    reading.run_until(look)
    assert max(at_once) == 1
    assert reading.inferences().total() > 3


def test_a_budgets_end_closes_the_wave_with_what_it_carried(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["token-counts:prompt=1000,output=20000"])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 6})
    reading.library.configure(execution={"max_cost_usd": 0.05})
    with pytest.raises(BudgetReached):
        reading.run()
    read = reading.query("SELECT COUNT(*) FROM wave_page WHERE outcome = 'read'")[0][0]
    assert 0 < read < 6
    assert read == reading.attempts().total() == reading.inferences().total()
    [held, *_] = reading.session.ledger.spending.costs("embedded")
    assert held.metered


@pytest.mark.parametrize("tier", ["flex", "standard"])
def test_what_counts_is_the_price_of_the_tier(
    tmp_path: Path, quiet_server: EmbeddedProcess, tier: str
) -> None:
    quiet_server.set_faults(["token-counts:prompt=1000000,output=1"])
    reading = at_gemini(
        reading_of(tmp_path, quiet_server, {"Elm/1850": 1}, execution={"transport": tier})
    )
    reading.run()
    settings = reading.session.settings
    price = settings.pricing.of(settings.model.name, time.time())
    assert price
    times = {"flex": 1, "standard": 2}[tier]
    [(usd, most, expected)] = reading.query(
        "SELECT usd, max_usd, expected_usd FROM attempt JOIN record USING (batch_id, key)"
    )
    assert usd == pytest.approx(times * (price.input + price.output / 1e6))
    tokens = reading.query("SELECT expected_input_tokens, expected_output_tokens FROM record")[0]
    each = (price.input, price.output)
    sums = sum(number * usd for number, usd in zip(tokens, each, strict=True))
    assert expected == pytest.approx(times * sums / 1e6)
    assert most > expected
    asked = {event["tier"] for event in quiet_server.log("call")[-1:]}
    assert asked == {tier}


def test_another_tier_than_asked_for_is_told_and_priced_as_it_was_served(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    quiet_server.set_faults(["other-tier:tier=standard", "token-counts:prompt=1000000,output=1"])
    reading = at_gemini(reading_of(tmp_path, quiet_server, PAIR))
    reading.run()
    settings = reading.session.settings
    price = settings.pricing.of(settings.model.name, time.time())
    assert price
    assert (
        reading.query("SELECT usd FROM attempt")
        == [(pytest.approx(2 * (price.input + price.output / 1e6)),)] * 2
    )
    told = [message for message in caplog.messages if "served by standard" in message]
    assert len(told) == 1


# Stops


def test_calls_in_flight_are_waited_for_when_the_run_is_told_to_stop(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["slow:call=generate,seconds=0.5"])
    reading = reading_of(tmp_path, quiet_server, BOOKS)

    def in_flight() -> bool:
        return (tmp_path / "state/ledger.sqlite").exists() and (
            "creating" in {status for status, _ in calls(reading)}
        )

    reading.run_until(in_flight)
    assert {*calls(reading)} == {("collected", "SUCCEEDED")}
    assert len(reading.query("SELECT 1 FROM wave_page")) == len(calls(reading)) < PAGES
    quiet_server.set_faults([])
    reading.run()
    reading.check()
    assert reading.inferences().total() == PAGES


def test_calls_that_do_not_come_back_in_time_are_named_by_the_next_run(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["slow:call=generate,seconds=600"])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 1}, calls={"stop_seconds": 0.1})

    def in_flight() -> bool:
        return bool(quiet_server.log("call")) and quiet_server.log("call")[-1]["key"] in {
            reading.key("Elm/1850", 1)
        }

    reading.run_until(in_flight)
    assert calls(reading) == [("creating", None)]
    reading.session.ledger.close()  # as the end of its process would
    quiet_server.set_faults([])
    reading.run()
    last = reading.query("SELECT MAX(id) FROM run")[0][0]
    assert reading.session.ledger.history.unanswered(last) == [reading.key("Elm/1850", 1)]
    quiet_server.end_delays()
    wait_for(lambda: reading.inferences().total() == 2)
    reading.check()


# Waves


def test_a_run_that_does_not_wait_makes_one_wave(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_of(
        tmp_path,
        quiet_server,
        {"Elm/1850": 3},
        execution={"wait": False},
        calls={"wave_seconds": 0},
    )
    for carried in (1, 2, 3):
        reading.run()
        assert reading.inferences().total() == carried
    reading.check()


def test_a_pause_that_lasts_longer_than_the_wave_is_left_to_the_next_one(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["http-error:call=generate,code=500,skip=1,times=1"])
    reading = reading_of(
        tmp_path,
        quiet_server,
        {"Elm/1850": 2},
        calls={"wave_seconds": 60},
        batch={"retry_pause_seconds": 3600},
    )
    reading.run_until(lambda: reading.query("SELECT 1 FROM wave"))
    first, second = reading.keys
    assert reading.query("SELECT key, outcome FROM wave_page ORDER BY key") == [
        (first, "read"),
        (second, "failed"),
    ]


def test_each_wave_carries_a_page_of_each_chain_however_short_it_is(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_of(tmp_path, quiet_server, BOOKS, calls={"wave_seconds": 0})
    reading.run(most_waves=3)
    reading.check()
    assert len(reading.query("SELECT 1 FROM wave")) == 3
