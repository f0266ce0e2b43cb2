"""Which wave carries which page, from a real ledger file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pagewave.ledger import Ledger, MemberOutcome, PlannedPage
from pagewave.plan.schedule import Schedule, plan

RUN = "20261124T000000Z"
A, B, C = ["a1", "a2", "a3"], ["b1", "b2"], ["c1"]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def schedule_of(ledger: Ledger, lane_size: int, *chains: list[str]) -> Schedule:
    """The schedule of a run that has just started."""
    pages = plan(chains, lane_size)
    ledger.runs.start(RUN, "embedded", "gemini-2.5-flash", pages, [])
    return Schedule(ledger, RUN, pages)


def end_wave(ledger: Ledger, lane: int, number: int, **outcomes: str) -> None:
    """Writes down how a wave ended."""
    rows = [MemberOutcome(key, outcome, False, None) for key, outcome in outcomes.items()]
    ledger.runs.close_wave(RUN, lane, number, 0.0, rows)


# The plan


def test_the_longest_chains_share_a_lane() -> None:
    pages = plan([C, A, B], 2)
    assert [(p.key, p.lane, p.chain, p.place) for p in pages] == [
        ("a1", 1, 1, 0),
        ("a2", 1, 1, 1),
        ("a3", 1, 1, 2),
        ("b1", 1, 2, 0),
        ("b2", 1, 2, 1),
        ("c1", 2, 3, 0),
    ]


def test_chains_of_one_length_keep_their_order() -> None:
    assert [page.key for page in plan([["x"], ["y"], ["z"]], 2)] == ["x", "y", "z"]


def test_nothing_to_read_is_no_lane(ledger: Ledger) -> None:
    assert plan([], 3) == plan([[], []], 3) == []
    schedule = Schedule(ledger, RUN, [])
    assert schedule.lanes == [] and schedule.chains == [] and schedule.waves() == {}
    assert "a1" not in schedule


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 5))
def test_every_plan_carries_each_page_once_and_wastes_no_lane(
    lengths: list[int], lane_size: int
) -> None:
    chains = [[f"{book}:{n}" for n in range(length)] for book, length in enumerate(lengths)]
    pages = plan(chains, lane_size)
    assert sorted(page.key for page in pages) == sorted(key for chain in chains for key in chain)
    lanes: dict[int, dict[int, list[PlannedPage]]] = {}
    for page in pages:
        lanes.setdefault(page.lane, {}).setdefault(page.chain, []).append(page)
    filled = sum(length > 0 for length in lengths)
    assert sorted(lanes) == [*range(1, -(-filled // lane_size) + 1)]
    assert all(len(lane) == lane_size for number, lane in lanes.items() if number < len(lanes))
    for number in range(1, len(lanes)):
        shortest = min(len(chain) for chain in lanes[number].values())
        assert shortest >= max(len(chain) for chain in lanes[number + 1].values())
    for lane in lanes.values():
        for chain in lane.values():
            assert [page.place for page in chain] == [*range(len(chain))]
            assert [page.key for page in chain] in chains


# Before the first wave


def test_all_waves_are_known_before_the_first(ledger: Ledger) -> None:
    schedule = schedule_of(ledger, 2, A, B, C)
    assert schedule.lanes == [1, 2]
    assert schedule.chains == [A, B, C]
    assert [schedule.members(1, wave) for wave in (1, 2, 3, 4)] == [
        ["a1", "b1"],
        ["a2", "b2"],
        ["a3"],
        [],
    ]
    assert schedule.members(2, 1) == C
    assert [schedule.wave_of(key) for key in A] == [1, 2, 3]
    assert schedule.waves() == {1: 3, 2: 1}
    assert [schedule.waves_left(1, wave) for wave in (1, 2, 3, 4, 5)] == [3, 2, 1, 0, 0]
    assert [schedule.steps_before(1, wave) for wave in (1, 2)] == [0, 1]
    assert schedule.lane_of("b2") == 1 and schedule.lane_of("c1") == 2


# While waves end


def test_an_ended_wave_keeps_its_pages_and_the_others_keep_theirs(ledger: Ledger) -> None:
    schedule = schedule_of(ledger, 2, A, B)
    end_wave(ledger, 1, 1, a1="read", b1="read")
    assert [schedule.wave_of(key) for key in A + B] == [1, 2, 3, 1, 2]
    assert schedule.steps_before(1, 2) == 0
    assert schedule.members(1, 1) == []
    assert schedule.members(1, 2) == ["a2", "b2"]
    assert schedule.waves() == {1: 2}


def test_a_failed_page_rides_again_and_its_chain_follows(ledger: Ledger) -> None:
    schedule = schedule_of(ledger, 2, A, B)
    end_wave(ledger, 1, 1, a1="failed", b1="read")
    assert [schedule.wave_of(key) for key in A] == [2, 3, 4]
    assert [schedule.wave_of(key) for key in B] == [1, 2]
    assert schedule.members(1, 2) == ["a1", "b2"]
    end_wave(ledger, 1, 2, a1="failed", b2="read")
    end_wave(ledger, 1, 3, a1="read")
    assert [schedule.wave_of(key) for key in A] == [3, 4, 5]
    assert schedule.members(1, 4) == ["a2"]
    assert schedule.waves() == {1: 2}


def test_a_dead_letter_ends_its_chain_in_its_wave(ledger: Ledger) -> None:
    schedule = schedule_of(ledger, 2, A, B)
    end_wave(ledger, 1, 1, a1="read", b1="read")
    end_wave(ledger, 1, 2, a2="dead", b2="failed")
    assert [schedule.wave_of(key) for key in A] == [1, 2, 2]
    assert schedule.members(1, 3) == ["b2"]
    assert schedule.waves() == {1: 1}
    end_wave(ledger, 1, 3, b2="read")
    assert schedule.waves() == {1: 0}
    assert schedule.members(1, 4) == []
    assert [schedule.wave_of(key) for key in A + B] == [1, 2, 2, 1, 3]


def test_a_dead_letter_that_does_not_block_is_passed(ledger: Ledger) -> None:
    pages = plan([A, B], 2)
    ledger.runs.start(RUN, "embedded", "gemini-2.5-flash", pages, [])
    schedule = Schedule(ledger, RUN, pages, continues_past_dead_letters=True)
    end_wave(ledger, 1, 1, a1="read", b1="failed")
    end_wave(ledger, 1, 2, a2="dead", b1="dead")
    assert [schedule.wave_of(key) for key in A + B] == [1, 2, 3, 2, 3]
    assert schedule.members(1, 3) == ["a3", "b2"]
    assert schedule.waves() == {1: 1}
    assert [schedule.last_of_chain(key) for key in ("a1", "a3", "b1")] == ["a3", "a3", "b2"]
    end_wave(ledger, 1, 3, a3="dead", b2="read")
    assert schedule.waves() == {1: 0}
    assert [schedule.wave_of(key) for key in A + B] == [1, 2, 3, 2, 3]
    later = Schedule(ledger, RUN, ledger.runs.pages(RUN), continues_past_dead_letters=True)
    assert [later.wave_of(key) for key in A + B] == [1, 2, 3, 2, 3]


def test_lanes_advance_on_their_own(ledger: Ledger) -> None:
    schedule = schedule_of(ledger, 1, A, B)
    end_wave(ledger, 2, 1, b1="failed")
    end_wave(ledger, 1, 1, a1="read")
    end_wave(ledger, 2, 2, b1="read")
    assert schedule.steps_before(1, 3) == 1 and schedule.steps_before(2, 4) == 1
    assert [schedule.wave_of(key) for key in B] == [2, 3]
    assert schedule.waves() == {1: 2, 2: 1}


def test_another_run_is_none_of_its_business(ledger: Ledger) -> None:
    ledger.runs.start("earlier", "embedded", "gemini-2.5-flash", plan([A], 1), [])
    ledger.runs.close_wave("earlier", 1, 1, 0.0, [MemberOutcome("a1", "read", False, None)])
    schedule = schedule_of(ledger, 1, A)
    assert schedule.steps_before(1, 2) == 1
    assert schedule.wave_of("a1") == 1
    assert schedule.waves() == {1: 3}


def test_a_schedule_built_later_says_the_same(ledger: Ledger) -> None:
    schedule = schedule_of(ledger, 2, A, B)
    end_wave(ledger, 1, 1, a1="failed", b1="read")
    end_wave(ledger, 1, 2, a1="read", b2="dead")
    later = Schedule(ledger, RUN, ledger.runs.pages(RUN))
    assert list(later.pages) == list(schedule.pages)
    for key in A + B:
        assert later.wave_of(key) == schedule.wave_of(key)
    assert later.waves() == schedule.waves() == {1: 2}


def test_jobs_and_head_see_one_schedule(ledger: Ledger, tmp_path: Path) -> None:
    schedule = schedule_of(ledger, 2, A, B)
    other = Ledger.open(tmp_path / "ledger.sqlite")
    try:
        end_wave(other, 1, 1, a1="read", b1="failed")
    finally:
        other.close()
    assert [schedule.wave_of(key) for key in A + B] == [1, 2, 3, 2, 3]


@pytest.mark.slow
@given(st.data())
def test_the_forecast_holds_as_long_as_nothing_fails(data: st.DataObject) -> None:
    ledger = Ledger.peek(Path("no such folder/ledger.sqlite"))
    try:
        lengths = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
        chains = [[f"{book}:{n}" for n in range(length)] for book, length in enumerate(lengths)]
        lane_size = data.draw(st.integers(1, 3))
        schedule = schedule_of(ledger, lane_size, *chains)
        if goes_on := data.draw(st.booleans()):
            schedule = Schedule(ledger, RUN, schedule.pages, goes_on)
        forecast = {key: schedule.wave_of(key) for chain in chains for key in chain}
        carried: dict[str, list[int]] = {key: [] for key in forecast}
        fails = data.draw(st.booleans())
        for lane in data.draw(st.permutations(schedule.lanes)):
            wave = 0
            while keys := schedule.members(lane, wave := wave + 1):
                kinds = ["read", "failed", "dead"] if fails and wave < 12 else ["read"]
                outcomes = {key: data.draw(st.sampled_from(kinds)) for key in keys}
                end_wave(ledger, lane, wave, **outcomes)
                for key, outcome in outcomes.items():
                    carried[key].append(wave)
                    if outcome != "failed":
                        assert schedule.wave_of(key) == wave
        for chain in chains:
            rides = [wave for key in chain for wave in carried[key]]
            assert rides == [*range(1, len(rides) + 1)]
            if goes_on:
                assert all(carried[key] for key in chain)
        if not fails:
            assert carried == {key: [wave] for key, wave in forecast.items()}
        assert set(schedule.waves().values()) == {0}
    finally:
        ledger.close()


def test_a_wave_that_ends_during_a_look_counts_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = schedule_of(ledger, 1, A, B)
    latest_wave = ledger.runs.latest_wave

    def latest_wave_of_then() -> int:
        latest = latest_wave()
        if latest == 1:  # another lane's thread is quick
            end_wave(ledger, 2, 1, b1="read")
        return latest

    monkeypatch.setattr(ledger.runs, "latest_wave", latest_wave_of_then)
    end_wave(ledger, 1, 1, a1="read")
    for _ in range(3):
        assert schedule.members(2, 2) == ["b2"]
        assert schedule.wave_of("b2") == 2
