"""What happened, asked for by run, lane and wave: each answer holds what is its own alone."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from pagewave.ledger import (
    UNKNOWN,
    Attempt,
    FailureRow,
    Ledger,
    MemberOutcome,
    OutboxCounts,
    Outcome,
    PlannedPage,
    Record,
    RunOutcome,
)

KEYS = [f"Ohio:Elm School:1850:{number}" for number in range(1, 7)]
PROMPT = "p" * 64


class Story:
    """A ledger in which things happen one after another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = Ledger.open(path)
        self.ledger.files.add_prompt(PROMPT, "page_ocr", "v1.jinja", "text")

    def start(self, run_id: str, model: str = "m", engine: str = "gemini") -> None:
        """A run of all pages begins."""
        pages = [PlannedPage(key, 1, 1, place) for place, key in enumerate(KEYS)]
        self.ledger.runs.start(run_id, engine, model, pages, [])

    def batch(
        self,
        run_id: str,
        attempts: Sequence[Attempt] = (),
        failures: Sequence[FailureRow] = (),
        lane: int = 1,
        wave: int = 1,
        expected: tuple[int, int, float] | None = None,
    ) -> int:
        """A batch of all that it brings is sent and collected."""
        keys = dict.fromkeys([a.key for a in attempts] + [f.key for f in failures])
        name = f"b{len(self.ledger.batches.all())}"
        guess = expected or (None, None, None)
        records = [Record(key, key, 1, None, "{}", "1.jpg", "a" * 64, *guess) for key in keys]
        batch = self.ledger.batches.add_intent(
            name, "gemini", "m", PROMPT, run_id, lane, wave, records
        )
        self.ledger.batches.mark_creating(batch.id, "files/in")
        self.ledger.batches.mark_submitted(batch.id, f"batches/{name}")
        self.ledger.answers.commit(batch.id, "SUCCEEDED", None, attempts, failures)
        return batch.id

    def wave(self, run_id: str, lane: int, number: int, *outcomes: MemberOutcome) -> None:
        """A wave ends."""
        self.ledger.runs.close_wave(run_id, lane, number, time.time(), outcomes)

    def write(self, sql: str, *values: object) -> None:
        """Another program's change, such as the time at which something happened."""
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute(sql, values)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """An empty ledger."""
    return Story(tmp_path / "ledger.sqlite")


def read(number: int, tokens: tuple[int, int, int, int] = (100, 10, 0, 0)) -> Attempt:
    """A good attempt at a page; tokens in, out, of thoughts, cached."""
    key = KEYS[number]
    return Attempt(key, 1, key, f'{{"page": {number}}}', "STOP", *tokens, 0.5)


def failed(number: int, counted: bool = True) -> FailureRow:
    """A failure of a page."""
    return FailureRow(KEYS[number], 1, counted, "Truncated", f"cut off {number}")


def outcome(number: int, what: Outcome, free: bool = False) -> MemberOutcome:
    """What became of a page in a wave."""
    return MemberOutcome(KEYS[number], what, free, None)


# Waves


def test_the_pages_of_a_wave_are_counted_by_what_became_of_them(story: Story) -> None:
    story.start("r1")
    many = (Outcome.READ, Outcome.FAILED, Outcome.FAILED, Outcome.DEAD, Outcome.DEAD)
    members = [outcome(number, what) for number, what in enumerate(many)]
    story.wave("r1", 1, 1, *members, outcome(5, Outcome.READ, free=True))
    [wave] = story.ledger.history.waves("r1")
    assert (wave.read, wave.free, wave.failed, wave.dead) == (1, 1, 2, 2)
    assert wave.pages == len(KEYS)
    free = [outcome(number, Outcome.READ, free=number % 2 == 0) for number in range(6)]
    story.wave("r1", 1, 2, *free)
    [_, wave] = story.ledger.history.waves("r1")
    assert (wave.read, wave.free, wave.failed, wave.dead) == (3, 3, 0, 0)


def test_waves_and_outcomes_are_those_of_a_run_from_its_first_wave_on(story: Story) -> None:
    story.start("r1")
    story.start("r2")
    story.wave("r1", 1, 1, outcome(0, Outcome.FAILED))
    story.wave("r2", 1, 1, outcome(1, Outcome.READ))
    story.wave("r1", 1, 2, outcome(0, Outcome.READ), outcome(2, Outcome.FAILED))
    history = story.ledger.history
    first, second = history.waves("r1")
    assert [(wave.lane, wave.number) for wave in (first, second)] == [(1, 1), (1, 2)]
    # A page has the outcome of its last wave.
    assert {k: o.outcome for k, o in history.outcomes("r1").items()} == {
        KEYS[0]: Outcome.READ,
        KEYS[2]: Outcome.FAILED,
    }
    assert history.waves("r1", first.id) == [second]
    assert history.outcomes("r1", second.id) == {}
    # The very first wave of a ledger has the number 1.
    assert first.id == 1


def test_how_long_waves_took_is_told_by_the_newest_of_the_same_model_that_sent_something(
    story: Story,
) -> None:
    for run_id, model in (("old", "m"), ("other", "another model"), ("now", "m")):
        story.start(run_id, model)
    story.start("local", "m", engine="embedded")
    # Of the second one's 75 seconds 55 were a pause, and 5 of the others' before they began.
    took = [("old", 5, 15), ("old", 70, 90), ("other", 5, 505), ("local", 5, 605), ("now", 5, 35)]
    story.write("UPDATE run SET started_at = 0")
    for number, (run_id, began, ended) in enumerate(took, 1):
        story.wave(run_id, 1, number, outcome(0, Outcome.READ))
        times = (began, ended, number)
        story.write("UPDATE wave SET started_at = ?, ended_at = ? WHERE id = ?", *times)
    story.wave("now", 1, 9, outcome(0, Outcome.READ, free=True))  # it sent nothing
    seconds = story.ledger.history.wave_seconds("now", 9)
    assert [(each.own, each.with_pauses) for each in seconds] == [(30, 35), (20, 75), (10, 15)]
    assert story.ledger.history.wave_seconds("now", 2) == seconds[:2]


def test_the_answer_of_a_page_in_a_run_is_what_its_wave_found(story: Story) -> None:
    story.start("r1")
    story.batch("r1", [read(0), read(1)])
    attempt_id = story.ledger.answers.stored(KEYS[1])
    story.wave("r1", 1, 1, MemberOutcome(KEYS[1], Outcome.READ, False, attempt_id))
    assert attempt_id == story.ledger.runs.answer("r1", KEYS[1])
    assert story.ledger.runs.answer("r1", KEYS[0]) is None
    assert story.ledger.runs.totals("r1") == (1, 0)
    story.start("r2")
    story.wave("r2", 1, 1, outcome(2, Outcome.READ), outcome(3, Outcome.READ))
    assert story.ledger.runs.progress("r1") == (1, len(KEYS))
    assert story.ledger.runs.progress("r2") == (2, len(KEYS))
    assert story.ledger.runs.latest_answer(KEYS[1]) == attempt_id
    assert story.ledger.runs.latest_answer(KEYS[0]) is None


def test_the_answer_that_a_file_lacks_is_the_pages_latest(story: Story) -> None:
    for number, run_id in enumerate(("r1", "r2"), 1):
        story.start(run_id)
        story.batch(run_id, [read(0)])
        story.wave(run_id, 1, 1, MemberOutcome(KEYS[0], Outcome.READ, False, number))
    story.ledger.files.mark_written(KEYS[0], 1)
    assert story.ledger.runs.unwritten_answers() == {KEYS[0]: 2}
    story.ledger.files.mark_written(KEYS[0], 2)
    assert story.ledger.runs.unwritten_answers() == {}


# Failures


def test_failures_are_told_of_one_lane_or_of_one_of_its_waves(story: Story) -> None:
    story.start("r1")
    story.start("r2")
    story.batch("r1", failures=[failed(0), failed(1)], wave=1)
    story.batch("r1", failures=[failed(0)], wave=2)
    story.batch("r1", failures=[failed(2)], lane=2)
    story.batch("r2", failures=[failed(3)])
    failures = story.ledger.failures
    both, first = failures.of_lane("r1", 1), failures.of_lane("r1", 1, 1)
    assert both.keys() == first.keys() == {KEYS[0], KEYS[1]}
    assert both[KEYS[0]]["id"] > first[KEYS[0]]["id"]
    assert failures.of_lane("r1", 1, 2).keys() == {KEYS[0]}
    assert failures.of_lane("r1", 2).keys() == {KEYS[2]}
    assert failures.of_lane("r2", 2) == {}


def test_the_failures_of_a_run_are_told_newest_first(story: Story) -> None:
    for run_id, numbers in (("r1", (0, 1, 2)), ("r2", (3,))):
        story.start(run_id)
        for number in numbers:
            story.batch(run_id, failures=[failed(number)])
        story.ledger.failures.add("gemini", [failed(5)])  # its image was gone
        story.ledger.runs.end(run_id, RunOutcome.FAILED)
    for found in ([5, 2, 1, 0], [5, 2]):
        rows = story.ledger.failures.of_run("r1", len(found))
        assert [row["key"] for row in rows] == [KEYS[number] for number in found]
    assert [row["key"] for row in story.ledger.failures.of_run("r2", 9)] == [KEYS[5], KEYS[3]]
    # From the run's first moment on.
    story.write(
        "UPDATE run SET started_at = (SELECT created_at FROM failure WHERE id = 2) WHERE id = 'r1'"
    )
    rows = story.ledger.failures.of_run("r1", 9)
    assert [row["key"] for row in rows] == [KEYS[number] for number in (5, 2, 1)]


def test_what_was_forgiven_is_on_record_and_counts_no_more(story: Story) -> None:
    story.start("r1")
    story.batch("r1", failures=[failed(0), failed(1, counted=False), failed(2)])
    story.ledger.failures.clear([KEYS[0]])
    [cleared_at] = [f.cleared_at for f in story.ledger.failures.all() if f.key == KEYS[0]]
    assert cleared_at
    left = story.ledger.failures.uncleared()
    assert left == {KEYS[1]: (0, 1, 0), KEYS[2]: (1, 0, 0)}
    assert story.ledger.failures.counts("gemini") == left
    assert story.ledger.failures.count(KEYS[2], "gemini") == (1, 0, 0)
    assert story.ledger.failures.count(KEYS[2], "embedded") == (0, 0, 0)
    assert story.ledger.failures.totals() == (3, 2)
    # Forgiven once: a second pardon does not make it look younger.
    story.ledger.failures.clear([KEYS[0]])
    assert cleared_at in [f.cleared_at for f in story.ledger.failures.all()]
    assert story.ledger.failures.keys() == KEYS[:3]
    assert story.ledger.failures.keys(cleared=False) == KEYS[1:3]
    whole = story.ledger.failures.in_full(1)
    assert (whole["record_key"], whole["engine"], whole["counted"]) == (KEYS[0], "gemini", 1)
    story.write("UPDATE record SET previous_context = key")
    contexts = [story.ledger.failures.in_full(n)["previous_context"] for n in (1, 2, 3)]
    assert contexts == KEYS[:3]


def test_each_page_on_file_came_about_in_one_way_and_its_prompt_has_its_first_name(
    story: Story,
) -> None:
    story.start("r1")
    story.batch("r1", [read(0), read(1)])
    story.batch("r1", [read(0)])
    story.write("UPDATE record SET image = batch_id || key")
    for number, attempt_id in ((0, 3), (1, 2)):
        story.ledger.files.mark_written(KEYS[number], attempt_id)
    story.ledger.files.add_prompt(PROMPT, "page_ocr", "copied.jinja", "text")
    rows = story.ledger.files.provenance()
    assert sorted((row["key"], row["image"], row["prompt_template"]) for row in rows) == [
        (KEYS[0], f"2{KEYS[0]}", "v1.jinja"),
        (KEYS[1], f"1{KEYS[1]}", "v1.jinja"),
    ]


def test_failures_of_a_comparison_count_for_nothing_and_all_others_do(story: Story) -> None:
    story.ledger.runs.start("r1-compare", "gemini", "m", [], [], purpose="comparison")
    story.start("r2")
    story.batch("r1-compare", failures=[failed(0)])
    story.batch("r2", failures=[failed(1)])
    story.ledger.failures.add("gemini", [failed(2)])
    assert story.ledger.failures.counts("gemini").keys() == {KEYS[1], KEYS[2]}
    assert story.ledger.failures.dead_letters("gemini", 1, 9) == {KEYS[1], KEYS[2]}


# Money


def test_what_a_run_cost_is_its_own_attempts_or_unknown(story: Story) -> None:
    for run_id in ("r1", "r2"):
        story.start(run_id)
    story.batch("r1", [read(0), read(1)])
    story.batch("r2", [read(2)])
    assert story.ledger.spending.of_run("r1") == pytest.approx(1.0)
    assert story.ledger.spending.of_run("r2") == pytest.approx(0.5)
    story.write("UPDATE attempt SET usd = NULL WHERE key = ?", KEYS[1])
    assert story.ledger.spending.of_run("r1") is None


def test_what_each_run_took_are_its_attempts_and_its_calls_that_were_answered(
    story: Story,
) -> None:
    story.start("r1")
    story.batch("r1", [read(0, (100, 10, 5, 40)), read(1, (200, 20, 0, 0))])
    calls, runs = story.ledger.calls, story.ledger.runs
    runs.start("r2", "gemini", "m", [], [], purpose="comparison")
    first, second, _ = (calls.add("r2", key, "m", PROMPT, key, 1.0) for key in KEYS[:3])
    calls.answered(first, ok=True, tokens=(1000, 100, 50, 400), usd=0.25)
    calls.answered(second, ok=False, usd=None)  # never metered
    assert [(run.run_id, *run[5:]) for run in story.ledger.spending.by_run()] == [
        ("r1", 2, 300, 40, 30, 5, pytest.approx(1.0), 0),
        ("r2", 2, 1000, 400, 100, 50, pytest.approx(0.25), 1),
    ]


def test_what_an_answer_took_is_all_since_the_good_one_before_it(story: Story) -> None:
    story.start("r1")
    bad = Attempt(KEYS[0], 1, KEYS[0], None, "MAX_TOKENS", 100, 30, 3, 0, 0.25)
    for attempt in (read(0, (7, 7, 7, 0)), bad, bad, read(0, (100, 10, 1, 0))):
        story.batch("r1", [attempt])
    story.write("UPDATE batch SET submitted_at = 100, collected_at = 110 + id")
    cost = story.ledger.spending.of_answer(4)
    assert cost == ("batch", 3, 300, 77, pytest.approx(1.0), 12 + 13 + 14)


def test_the_costs_of_a_run_are_its_own_and_what_was_never_metered_is_told_apart(
    story: Story,
) -> None:
    for run_id in ("r1", "r2"):
        story.start(run_id)
    story.batch("r1", [read(0, (1000, 100, 20, 300)), read(1, (0, 0, 0, 0))])
    story.batch("r2", [read(2, (7, 7, 7, 7))])
    on_its_way = Record(KEYS[3], KEYS[3], 1, None, "{}", "1.jpg", "a" * 64)
    story.ledger.batches.add_intent("b9", "gemini", "m", PROMPT, "r1", 1, 2, [on_its_way])
    costs = story.ledger.spending.costs("gemini", "r1")
    [metered] = [cost for cost in costs if cost.metered]
    assert (metered.records, metered.input_tokens, metered.output_tokens) == (1, 1000, 120)
    # One that was read without a count, one that is on its way.
    assert sum(cost.records for cost in costs) == 3
    assert sum(cost.records for cost in story.ledger.spending.costs("gemini")) == 4
    assert story.ledger.spending.costs("embedded") == []


def test_a_batch_of_unknown_fate_is_held_for_as_long_as_it_may_turn_up(story: Story) -> None:
    story.start("r1")
    asked = Record(KEYS[0], KEYS[0], 1, None, "{}", "1.jpg", "a" * 64, 1, 1, 0.1, 0.5)
    batch = story.ledger.batches.add_intent("b1", "gemini", "m", PROMPT, "r1", 1, 1, [asked])
    story.ledger.batches.mark_creating(batch.id, "files/in")
    story.ledger.batches.mark_abandoned(batch.id, "the service does not show it", UNKNOWN)
    [cost] = story.ledger.spending.costs("gemini")
    assert (cost.metered, cost.records, cost.max_usd) == (False, 1, 0.5)
    story.write("UPDATE batch SET intent_at = intent_at - 6 * 24 * 3600")
    assert len(story.ledger.spending.costs("gemini")) == 1
    story.write("UPDATE batch SET intent_at = intent_at - 2 * 24 * 3600")
    assert story.ledger.spending.costs("gemini") == []
    # What the service once showed is held for, however long ago.
    story.write("UPDATE batch SET name = 'batches/1'")
    assert [cost.records for cost in story.ledger.spending.costs("gemini")] == [1]


def test_an_estimate_is_held_against_what_the_same_records_of_the_same_run_used(
    story: Story,
) -> None:
    for run_id in ("r1", "r2"):
        story.start(run_id)
    metered = [read(0, (1000, 100, 20, 300)), read(1, (3000, 200, 80, 400))]
    story.batch("r1", [*metered, read(2, (0, 0, 0, 0))], expected=(900, 90, 0.25))
    story.batch("r1", [read(3, (7000, 7000, 7000, 7000))])  # nothing was expected of it
    story.batch("r2", [read(4, (5000, 500, 50, 5))], expected=(1, 1, 1.0))
    both = story.ledger.spending.estimate_and_actual("r1")
    # Two of them were metered; what thoughts took is output, and all that was cached adds up.
    assert both == (2, 1800, 180, pytest.approx(0.5), 4000, 400, 700)


def test_how_long_batches_took_is_told_by_the_newest(story: Story) -> None:
    story.start("r1")
    for number in range(3):
        story.batch("r1", [read(number)])
        story.write(
            "UPDATE batch SET submitted_at = 100, collected_at = ? WHERE id = ?",
            110 + number,
            number + 1,
        )
    assert story.ledger.history.seconds("gemini", "m", "batch", 2) == [12.0, 11.0]
    assert story.ledger.history.seconds("embedded", "m", "batch", 2) == []


def test_how_long_calls_took_is_told_by_their_own_road(story: Story) -> None:
    story.start("r1")
    for number, seconds in enumerate((5, 7, 60)):
        story.batch("r1", [read(number)])
        story.write(
            "UPDATE batch SET transport = 'flex', creating_at = 100, submitted_at = ? WHERE id = ?",
            100 + seconds,
            number + 1,
        )
    history = story.ledger.history
    assert history.seconds("gemini", "m", "flex", 20) == [60.0, 7.0, 5.0]
    assert history.seconds("gemini", "m", "flex", 20, before=108) == [7.0, 5.0]
    assert history.seconds("gemini", "m", "batch", 20) == []
    assert history.roads("gemini", "m") == {"flex": (3, 7.0)}
    assert history.calls_since("gemini", "m", 99) == 3
    assert history.calls_since("gemini", "m", 101) == 0


def test_a_days_calls_are_those_of_waves_trials_and_probes_and_a_page_in_halves_is_two(
    story: Story,
) -> None:
    story.start("r1")
    story.batch("r1", [read(0)])
    story.batch("r1", [read(1)])
    story.write("UPDATE batch SET transport = 'flex', creating_at = 100")
    story.write("UPDATE record SET generation_config = '{\"halves\":true}' WHERE batch_id = 2")
    for run, purpose in (("r2", "trial"), ("r3", "probe")):
        story.ledger.runs.start(run, "gemini", "m", [], [], purpose=purpose)
        story.ledger.calls.add(run, "k", "m", "p", "f", None)
        story.ledger.calls.add(run, "k", "other", "p", "f", None)
    story.write("UPDATE call SET asked_at = 100")
    history = story.ledger.history
    assert history.calls_since("gemini", "m", 99) == 1 + 2 + 2
    assert history.calls_since("gemini", "other", 99) == 2
    assert history.calls_since("embedded", "m", 99) == 0
    assert history.calls_since("gemini", "m", 101) == 0


# Runs


def test_the_latest_run_is_the_one_that_began_last_and_of_two_at_once_the_later_name(
    story: Story,
) -> None:
    assert story.ledger.runs.latest() is None
    for run_id in ("20260102-1", "20260101-1", "20260102-2"):
        story.start(run_id)
    story.ledger.runs.start("20260103-compare", "gemini", "m", [], [], purpose="comparison")
    story.write("UPDATE run SET started_at = CAST(substr(id, 1, 8) AS INTEGER)")
    latest = story.ledger.runs.latest()
    assert latest and (latest.id, latest.outcome, latest.ended_at) == ("20260102-2", None, None)
    story.ledger.runs.end("20260102-2", RunOutcome.OK)
    latest = story.ledger.runs.latest()
    assert latest and latest.outcome is RunOutcome.OK and latest.ended_at


def test_a_run_that_the_ledger_knows_is_not_overwritten_by_what_is_found_of_it(
    story: Story,
) -> None:
    story.start("r1")
    story.ledger.runs.end("r1", RunOutcome.OK)
    story.ledger.runs.add_past("r1", "embedded", "another", 1.0)
    story.ledger.runs.add_past("r0", "gemini", "m", 5.0)
    latest = story.ledger.runs.latest()
    assert latest and (latest.id, latest.model, latest.outcome) == ("r1", "m", RunOutcome.OK)
    assert [run.outcome for run in story.ledger.spending.by_run()] == [
        RunOutcome.REBUILT,
        RunOutcome.OK,
    ]


def test_a_page_that_several_runs_read_is_found_once(story: Story) -> None:
    for run_id in ("r1", "r2"):
        story.start(run_id)
    assert story.ledger.runs.find_keys("ELM", 99) == KEYS
    assert story.ledger.runs.find_keys(":3", 99) == [KEYS[2]]
    assert story.ledger.runs.find_keys("elm", 2) == KEYS[:2]


def test_no_answer_from_before_a_rebuild_was_asked_for_counts_for_it(story: Story) -> None:
    story.start("r1")
    story.batch("r1", [read(0)])
    last = story.batch("r1", [read(0), read(1)])
    story.ledger.runs.start("r2", "gemini", "m", [], [KEYS[0]])
    assert story.ledger.runs.rebuilds() == {KEYS[0]: last}
    assert story.ledger.answers.stored(KEYS[0], last) is None
    assert story.ledger.answers.stored(KEYS[1])
    # Asked for once more, what came meanwhile does not count either.
    later = story.batch("r2", [read(1)])
    story.ledger.runs.start("r3", "gemini", "m", [], [KEYS[0]])
    assert story.ledger.runs.rebuilds() == {KEYS[0]: later}


def asked(story: Story, transport: str, lines: Sequence[bytes], fingerprint: str = "f") -> int:
    """A call (or batch) for the first page that brought these lines; returns its number."""
    name = f"c{len(story.ledger.batches.all())}"
    record = Record(KEYS[0], fingerprint, 1, None, "{}", "1.jpg", "a" * 64)
    batch = story.ledger.batches.add_intent(
        *(name, "gemini", "m", PROMPT, "r1", 1, 1, [record]), transport=transport
    )
    story.ledger.answers.store_lines(batch.id, [(KEYS[0], line) for line in lines])
    return batch.id


def test_a_half_is_taken_over_from_the_call_before_it_and_from_nothing_else(story: Story) -> None:
    story.start("r1")
    half_before = story.ledger.answers.half_before
    assert half_before(asked(story, "flex", [b"upper"]), KEYS[0]) is None
    assert half_before(asked(story, "flex", []), KEYS[0]) == b"upper"
    assert half_before(asked(story, "flex", [b"upper", b"lower"]), KEYS[0]) is None  # not the last
    assert half_before(asked(story, "batch", [b"upper"]), KEYS[0]) is None  # both were there
    assert half_before(asked(story, "flex", [b"other"], "other"), KEYS[0]) is None  # by batch
    assert half_before(asked(story, "flex", [b"again"]), KEYS[0]) is None  # asked otherwise
    story.ledger.runs.start("r2", "gemini", "m", [], [KEYS[0]])
    assert half_before(asked(story, "flex", [b"anew"]), KEYS[0]) is None  # the page is forced
    assert half_before(asked(story, "flex", []), KEYS[0]) == b"anew"


# Answers and rows for the log


def test_an_answer_is_found_by_page_and_words_together(story: Story) -> None:
    story.start("r1")
    story.batch("r1", [read(0), read(1)])
    answers = story.ledger.answers
    first, second = (answers.stored(KEYS[number]) for number in (0, 1))
    assert first and answers.attempt(first).page == '{"page": 0}'
    assert answers.attempt_with(KEYS[0], '{"page": 0}') == first
    assert answers.attempt_with(KEYS[1], '{"page": 1}') == second
    assert answers.attempt_with(KEYS[0], '{"page": 1}') is None
    assert answers.attempt_with(KEYS[0], '{"page": 9}') is None
    story.batch("r1", [read(0)])  # forced, and answered in the same words
    newest = answers.stored(KEYS[0], 1)
    assert newest and newest > first
    assert answers.attempt_with(KEYS[0], '{"page": 0}') == newest


def test_each_attempt_waits_to_be_logged_and_none_is_counted_where_there_is_none(
    story: Story,
) -> None:
    story.start("r1")
    assert story.ledger.outbox.counts() == OutboxCounts(0, 0, 0)
    story.batch("r1", [read(0), read(1)])
    assert story.ledger.outbox.counts() == OutboxCounts(2, 0, 0)
