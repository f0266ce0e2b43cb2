"""Waves whose road is chosen when they begin: by flex, by batch while it refuses, and back."""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from helpers.accounts import problems_of_pages
from helpers.embedded_process import EmbeddedProcess
from helpers.known_pace import know_pace
from helpers.library import Library
from helpers.playing import Player, in_one_process
from helpers.reading import Reading
from pagewave.ledger import Refused
from pagewave.waves.batch_road import BatchRoad
from pagewave.waves.chooser import Chooser
from pagewave.waves.road import Shut, Trip

BOOKS = {"Elm/1850": 4, "Oak/1851": 2}
PAGES = sum(BOOKS.values())
QUICK_CALLS = {"retry_pause_seconds": 0.01}
REFUSES = "tier-full:tier=flex"


def reading_of(
    root: Path,
    server: EmbeddedProcess,
    books: Mapping[str, int] = BOOKS,
    batch: float = 0.6,
    flex: float = 0.02,
    **sections: dict[str, Any],
) -> Reading:
    """A reading by `auto`; so many seconds a step took an earlier run."""
    execution = {"transport": "auto"} | sections.pop("execution", {})
    calls = QUICK_CALLS | sections.pop("calls", {})
    know_pace(root / "state/ledger.sqlite", batch=batch, flex=flex)
    return Reading(root, server, books, execution=execution, calls=calls, **sections)


def roads(reading: Reading) -> Counter[str]:
    """By which roads its pages were read."""
    return Counter(
        row[0]
        for row in reading.query(
            "SELECT transport FROM batch b JOIN attempt a ON a.batch_id = b.id ORDER BY a.id"
        )
    )


def manifests(reading: Reading) -> list[dict[str, Any]]:
    """The manifests of its waves, in their order."""
    found = [json.loads(file.read_text()) for file in (reading.root / "logs").rglob("*.json")]
    return sorted(found, key=lambda wave: wave["ended_at"])


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of roads that were chosen."""
    # Not `record.message`: that is there once a record was written, and a run may go on beside.
    return [text for record in caplog.records if (text := record.getMessage()).startswith("lane")]


@pytest.fixture(autouse=True)
def informed(caplog: pytest.LogCaptureFixture) -> None:
    """Lines for the terminal are kept."""
    caplog.set_level(logging.INFO)


# Flex first


def test_while_flex_answers_all_go_by_it_and_the_reason_is_told_once(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reading = reading_of(tmp_path, quiet_server, calls={"wave_seconds": 0}, batch=60)
    reading.run()
    reading.check()
    assert roads(reading) == {"flex": PAGES}
    waves = manifests(reading)
    assert len(waves) == 4
    assert {wave["transport"] for wave in waves} == {"flex"}
    assert {wave["why"] for wave in waves} == {"a page takes about 0 s, and 1 min 30 s by batch"}
    assert [line for line in told(caplog) if " by flex: " in line] == [
        "lane 1 by flex: a page takes about 0 s, and 1 min 30 s by batch"
    ]


def test_while_flex_refuses_pages_go_by_batch_and_by_flex_again_once_it_answers(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    quiet_server.set_faults([REFUSES])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 12, "Oak/1851": 4})
    reading.run(before_wave=lambda wave: wave == 3 and quiet_server.set_faults([]))
    reading.check()
    assert roads(reading)["batch"] >= 4
    waves = manifests(reading)
    assert [wave["transport"] for wave in waves[:2]] == ["batch", "batch"]
    assert waves[-1]["transport"] == "flex"
    assert "flex has been refused for " in waves[0]["why"]
    for page in range(2, 13):
        before = f"Read after: {reading.key('Elm/1850', page - 1)}"
        assert before in reading.library.text(reading.key("Elm/1850", page))
    assert reading.failures() == {}
    changes = [line.split(":")[0] for line in told(caplog) if " by " in line or " wait " in line]
    assert changes[0] == "lane 1 by flex" and "lane 1 by batch" in changes
    assert caplog.messages.count("flex answers again") == 1
    assert reading.session.ledger.closures.refused("embedded", "gemini-2.5-flash") is None


def test_a_wave_in_the_middle_of_which_flex_begins_to_refuse_keeps_what_it_carried(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults([f"{REFUSES},skip=3"])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 6})
    reading.run()
    reading.check()
    assert roads(reading) == {"flex": 3, "batch": 3}
    assert [len(wave["pages"]) for wave in manifests(reading)] == [3, 1, 1, 1]


def test_a_page_that_failed_before_flex_began_to_refuse_was_not_free(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["blocked:match=:1$,times=1", f"{REFUSES},skip=1"])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 1})
    reading.run()
    reading.check()
    assert roads(reading) == {"flex": 1, "batch": 1}
    assert reading.query("SELECT outcome, free FROM wave_page") == [("failed", 0), ("read", 0)]


def test_where_calls_are_slower_than_batches_all_go_by_batch(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_of(tmp_path, quiet_server, batch=0.1, flex=50.0)
    reading.run()
    reading.check()
    assert roads(reading) == {"batch": PAGES}


def test_what_is_in_flight_by_batch_is_collected_and_not_asked_again_by_calls(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_of(tmp_path, quiet_server, execution={"transport": "batch"})
    with reading.crash_in("pagewave.waves.batch_road.collect"):
        reading.run()
    reading.library.configure(execution={"transport": "auto"})
    reading.run()
    reading.check()
    assert roads(reading) == {"batch": 2, "flex": PAGES - 2}


# The calls of a day


def test_pages_go_by_batch_once_the_service_takes_no_more_calls_of_a_day(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["day-limit:skip=2"])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 5})
    reading.run()
    reading.check()
    assert roads(reading) == {"flex": 2, "batch": 3}
    assert "the calls of a day are used up for " in manifests(reading)[-1]["why"]
    reading.library.add_page(f"{reading.state}/Oak/1851", 1)
    quiet_server.set_faults([])
    reading.run()  # the next run knows
    assert roads(reading) == {"flex": 2, "batch": 4}


def test_a_limit_of_a_day_of_ones_own_sends_the_rest_by_batch(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    calls = {"requests_per_day": 2}
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 4}, calls=calls)
    reading.run()
    reading.check()
    assert roads(reading)["flex"] <= 2
    assert roads(reading)["batch"] >= 2


# Waiting


def test_flex_that_refuses_is_waited_for_and_a_stop_ends_that(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    quiet_server.set_faults([REFUSES])
    reading = reading_of(tmp_path, quiet_server, batch=3600.0)
    reading.run_until(
        lambda: any(" wait for flex: flex has been " in line for line in told(caplog))
    )
    assert reading.inferences() == {}, (told(caplog), roads(reading))
    assert {
        row[0] for row in reading.query("SELECT status FROM batch WHERE run_id != 'earlier'")
    } == {"abandoned"}
    quiet_server.set_faults([])
    reading.run()  # asks again in half a second
    reading.check()
    assert roads(reading) == {"flex": PAGES}


def test_runs_that_do_not_wait_know_how_long_flex_has_refused_and_then_go_by_batch(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults([REFUSES])
    reading = reading_of(
        tmp_path, quiet_server, {"Elm/1850": 1}, batch=600.0, execution={"wait": False}
    )
    reading.run()
    assert reading.creates() == []
    refused = reading.session.ledger.closures.refused("embedded", "gemini-2.5-flash")
    assert refused is not None
    long_ago = Refused(time.time() - 1000, refused.ask_again_at)
    reading.session.ledger.closures.note_refused("embedded", "gemini-2.5-flash", long_ago)
    reading.run()
    assert len(reading.creates()) == 1
    while not all(reading.library.page_file(key).exists() for key in reading.keys):
        reading.run()
    reading.check()
    assert len(reading.creates()) == 1


# A deadline


def test_a_deadline_buys_standard_calls_for_the_longest_lane_while_the_budget_holds_that(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    # Two pages by flex take 1000 s, and so do four.
    execution = {"batch_size_limit": 1, "deadline": 1800 / 3600, "max_cost_usd": 5}
    reading = reading_of(tmp_path, quiet_server, flex=500, batch=9000.0, execution=execution)
    reading.run()
    reading.check()
    assert roads(reading) == {"standard": 4, "flex": 2}
    why = {wave["transport"]: wave["why"] for wave in manifests(reading)}
    assert why["standard"].startswith("the deadline is in ")


@pytest.mark.parametrize("case", ["poor", "passed"])
def test_a_deadline_buys_nothing_without_money_or_once_it_has_passed(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    deadline = {"poor": 0.0001, "passed": "2026-01-01"}[case]
    spent = {"poor": "token-counts:prompt=1000,output=100", "passed": REFUSES.replace("flex", "no")}
    quiet_server.set_faults([spent[case]])
    money = {"poor": 0.1, "passed": 99}[case]
    execution = {"deadline": deadline, "max_cost_usd_total": money, "batch_size_limit": 1}
    reading = reading_of(tmp_path, quiet_server, flex=500, batch=9000.0, execution=execution)
    if case == "poor":
        reading.library.configure(pricing={"output_tokens_per_page": 9000})
    reading.run()
    reading.check()
    assert roads(reading) == {"flex": PAGES}
    note = {"poor": "with all that the budget holds", "passed": "the deadline has passed"}[case]
    assert sum(note in message for message in caplog.messages) == 1


# Batches in flight


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedProcess]:
    """A server where a player's library looks for one."""
    with EmbeddedProcess(tmp_path / "state/embedded") as server, in_one_process():
        server.show_images(tmp_path / "images")
        yield server


def at_once(server: EmbeddedProcess) -> list[int]:
    """How many batches were at the service at the same time, whenever one came."""
    going, found = 0, []
    for event in server.log():
        going += {"create": 1, "finish": -1}.get(event["event"], 0)
        found += [going] if event["event"] == "create" else []
    return found


def test_lanes_that_go_by_batch_keep_to_the_batches_that_may_be_in_flight(
    tmp_path: Path, server: EmbeddedProcess
) -> None:
    # Of ten, so that none of them is the last one and alone.
    server.set_faults(["day-limit", "batch-hold:times=8,seconds=600"])
    know_pace(tmp_path / "state/ledger.sqlite", batch=0.6, flex=0.02)
    books = {f"Ohio/Elm/185{number}": 1 + number for number in range(4)}
    execution = {"transport": "auto", "batch_size_limit": 1, "max_concurrent_batches": 2}
    library = Library(tmp_path, books, execution=execution, calls=QUICK_CALLS)
    with server.goes_on_when(lambda: server.stats()["active_batches"] == 2):
        assert Player(library, server, at_once=4).play() == "ok"
    assert max(at_once(server)) == 2
    assert at_once(server).count(2) > 3  # and they make use of it
    assert set(library.inferences().values()) == {1}
    assert library.inferences().total() == 10


def test_a_lane_sends_nothing_while_one_with_a_longer_way_waits_for_room(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 1})
    session = reading.session
    session.ledger.runs.start("r1", session.engine, session.settings.model.name, [], [])
    trip = Trip(session, "r1", 1, 1, [reading.keys], lambda answers: (), time.time())
    with pytest.raises(Shut, match="another lane has a longer way to go"):
        BatchRoad(is_chosen=True, may_send=False).carry(trip)
    assert reading.creates() == []
    carried = BatchRoad(is_chosen=True, may_send=True).carry(trip)
    assert [outcome.key for outcome in carried.outcomes] == reading.keys


def test_batches_of_an_earlier_run_are_collected_though_a_longer_lane_waits_for_their_room(
    tmp_path: Path, server: EmbeddedProcess
) -> None:
    server.set_faults(["day-limit", "batch-hold:seconds=1.5"])
    know_pace(tmp_path / "state/ledger.sqlite", batch=0.6, flex=0.02)
    execution = {"transport": "auto", "batch_size_limit": 1, "max_concurrent_batches": 1}
    library = Library(tmp_path, {"Ohio/Oak/1851": 1}, execution=execution, calls=QUICK_CALLS)
    player = Player(library, server, at_once=2)
    assert player.play(crash_at="name-stored") == "crashed"
    for page in (1, 2):
        library.add_page("Ohio/Elm/1850", page)
    assert player.play() == "ok"
    assert max(at_once(server)) == 1
    assert library.inferences().total() == 3


@pytest.mark.parametrize("point", ["name-stored", "page-written", "call-answered", "wave-closed"])
def test_after_a_crash_the_same_command_goes_on(
    tmp_path: Path, server: EmbeddedProcess, point: str
) -> None:
    skip = 2 if point in ("page-written", "call-answered") else 0
    server.set_faults([f"{REFUSES},skip={skip}"])
    know_pace(tmp_path / "state/ledger.sqlite", batch=0.6, flex=0.02)
    execution = {"transport": "auto"}
    library = Library(tmp_path, {"Ohio/Elm/1850": 4}, execution=execution, calls=QUICK_CALLS)
    player = Player(library, server)
    assert player.play(crash_at=point) == "crashed"
    assert player.play() == "ok"
    lost = int(point == "call-answered")
    reads = library.inferences().total()
    assert reads == 4 + lost
    assert library.ledger("SELECT COUNT(*) FROM attempt") == [(reads,)]
    for page in (2, 3, 4):
        assert f"Read after: Ohio:Elm:1850:{page - 1}" in library.text(f"Ohio:Elm:1850:{page}")


def test_two_lanes_change_their_roads_each_at_its_own_time(
    tmp_path: Path, server: EmbeddedProcess
) -> None:
    server.set_faults([f"{REFUSES},skip=3,times=40"])
    know_pace(tmp_path / "state/ledger.sqlite", batch=0.6, flex=0.02)
    execution = {"transport": "auto", "batch_size_limit": 1}
    books = {"Ohio/Elm/1850": 9, "Ohio/Oak/1851": 5}
    library = Library(tmp_path, books, execution=execution, calls=QUICK_CALLS)
    assert Player(library, server, at_once=2).play() == "ok"
    assert problems_of_pages(library) == []
    assert set(library.inferences().values()) == {1}
    taken = library.ledger("SELECT DISTINCT lane, transport FROM batch WHERE run_id != 'earlier'")
    assert {lane for lane, _ in taken} == {1, 2}
    assert {transport for _, transport in taken} == {"flex", "batch"}


def test_no_standard_call_is_begun_once_the_deadline_has_passed(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = reading_of(
        tmp_path, quiet_server, flex=500, execution={"deadline": 1.0, "max_cost_usd": 5}
    )
    reading.run()
    chooser = Chooser(reading.session)
    assert not chooser.is_shut("standard")
    chooser._deadline = time.time() - 1
    assert chooser.is_shut("standard")
    assert not chooser.is_shut("flex")


def test_flex_is_shut_up_to_the_last_moment_of_a_day_that_is_used_up(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = reading_of(tmp_path, quiet_server)
    now = time.time()
    reading.session.ledger.closures.note_used_up("embedded", "gemini-2.5-flash", now + 0.5)
    chooser = Chooser(reading.session)
    monkeypatch.setattr(time, "time", lambda: now)
    assert chooser.is_shut("flex")
    monkeypatch.setattr(time, "time", lambda: now + 0.5)
    assert not chooser.is_shut("flex")
