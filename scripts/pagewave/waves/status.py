"""How a run stands: what is read, what is at the service, what it cost, when it may be over.

Everything comes from the ledger, read-only, so it can be asked from another process while the run
goes on, and after a crash. A `Watch` keeps what it learned, so that asking again costs little.
"""

import math
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from pagewave.config.settings import Settings
from pagewave.ledger import (
    BY_BATCH,
    BatchHistory,
    EstimateAndActual,
    Ledger,
    MemberOutcome,
    Outcome,
    RunOutcome,
    RunRow,
    WaveHistory,
    WaveSeconds,
)
from pagewave.plan.boxes import pages_ahead
from pagewave.plan.budget import Budget, budgets
from pagewave.plan.pace import facts, paces
from pagewave.plan.roads import Lane
from pagewave.plan.schedule import Schedule
from pagewave.plan.side_by_side import RoadForecast, side_by_side
from pagewave.prompts.costs import Estimate

RECENT_WAVES = 200
"""How many of the last waves say how long a wave takes."""


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch that is not collected yet; `age_seconds` counts from its intent.

    `done`: of its records, as the service last said; None where it has not.
    """

    name: str | None
    display_name: str
    lane: int
    wave: int
    status: str
    state: str | None
    age_seconds: float
    records: int
    done: int | None


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """A lane: its chains, how many of them ended at a dead letter, its waves."""

    lane: int
    chains: int
    chains_blocked: int
    waves_ended: int
    waves_left: int
    pages_left: int


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """Records of a run's batches: sent to the service, and what became of them."""

    sent: int
    answered: int
    valid: int
    failed: int


@dataclass(frozen=True, slots=True)
class Spend:
    """Money and tokens; `usd` is None where a model's price is unknown. Output holds thoughts."""

    usd: float | None
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run; times in Unix seconds, `eta_seconds` from now, None where nothing can be said.

    `calls`: single ones in flight. `over_budget` says why it sends nothing more, where that is its
    budget. `roads`: what is left by each of them, once an answer tells what a page takes.
    """

    id: str
    engine: str
    model: str
    started_at: float
    ended_at: float | None
    outcome: RunOutcome | None
    pages: int
    pages_read: int
    pages_free: int
    pages_blocked: int
    pages_left: int
    dead_letters: list[str]
    records: RecordCounts
    lanes: list[LaneStatus]
    batches: list[BatchStatus]
    calls: int
    spent: Spend
    spent_in_all: Spend
    estimate: EstimateAndActual
    budgets: list[Budget]
    over_budget: str | None
    seconds_a_wave: float | None
    eta_seconds: float | None
    roads: list[RoadForecast]


class Watch:
    """Looks at a run of a ledger, again and again.

    `slots` is how many batches may be in flight at once, which the time left depends on;
    `settings` are needed to tell of budgets. `run_id`: the run that is looked at; None is whichever
    is the newest of the workflow.
    """

    def __init__(
        self,
        ledger: Ledger,
        slots: int,
        continues_past_dead_letters: bool = False,
        settings: Settings | None = None,
        run_id: str | None = None,
    ) -> None:
        self._chosen = run_id
        self._settings = settings
        self._ledger = ledger
        self._slots = slots
        self._continues_past_dead_letters = continues_past_dead_letters
        self._schedule: Schedule | None = None
        self._run_id = ""
        self._waves: list[WaveHistory] = []
        self._outcomes: dict[str, MemberOutcome] = {}
        self._batches: dict[int, BatchHistory] = {}

    def look(self) -> RunStatus | None:
        """The run as it stands now; None where there is none."""
        with self._ledger.snapshot():
            return self._look()

    def waves(self) -> list[WaveHistory]:
        """The waves of that run that had ended at the last look, oldest first."""
        return self._waves

    def batches(self) -> list[BatchHistory]:
        """The batches of that run as they were at the last look, oldest first."""
        return [batch for batch in self._batches.values() if batch.run_id == self._run_id]

    def _look(self) -> RunStatus | None:
        runs = self._ledger.runs
        newest = runs.latest()
        run = runs.get(self._chosen) if self._chosen else newest
        if run is None:
            return None
        is_past = run.ended_at is not None or run != newest
        self._take_in(run.id)
        schedule, outcomes = self._schedule, self._outcomes
        assert schedule is not None
        dead = sorted(key for key, o in outcomes.items() if o.outcome == Outcome.DEAD)
        lanes = self._lanes(schedule, outcomes)
        pace = self._pace(run)
        return RunStatus(
            id=run.id,
            engine=run.engine,
            model=run.model,
            started_at=run.started_at,
            ended_at=run.ended_at,
            outcome=run.outcome,
            pages=len(schedule.pages),
            pages_read=sum(o.outcome == Outcome.READ and not o.free for o in outcomes.values()),
            pages_free=sum(o.free for o in outcomes.values()),
            pages_blocked=self._blocked(schedule, outcomes),
            pages_left=sum(lane.pages_left for lane in lanes),
            dead_letters=dead,
            records=_records(self.batches()),
            lanes=lanes,
            batches=self._open_batches(run),
            calls=sum(b.is_open and b.transport != BY_BATCH for b in self._shown_batches()),
            spent=_spend(self.batches()),
            spent_in_all=_spend(self._batches.values()),
            estimate=self._ledger.spending.estimate_and_actual(run.id),
            budgets=budgets(self._ledger, self._settings, run.id) if self._settings else [],
            over_budget=run.over_budget,
            seconds_a_wave=pace.with_pauses if pace else None,
            eta_seconds=None if is_past else self._eta(lanes, pace),
            roads=[] if is_past else self._roads(run, schedule, outcomes),
        )

    def _roads(
        self, run: RunRow, schedule: Schedule, outcomes: dict[str, MemberOutcome]
    ) -> list[RoadForecast]:
        """What is left by every road, at what pages took so far."""
        settings, used = self._settings, self._ledger.spending.estimate_and_actual(run.id)
        if settings is None or not used.records or not schedule.chains:
            return []
        lefts: dict[int, list[int]] = defaultdict(list)
        for chain in schedule.chains:
            lefts[schedule.lane_of(chain[0])].append(self._pages_left(chain, outcomes))
        lanes = [Lane(lane, max(pages), sum(pages)) for lane, pages in lefts.items()]
        known = paces(self._ledger, run.engine, run.model)
        a_page = Estimate(
            round(used.input_tokens / used.records), round(used.output_tokens / used.records)
        )
        now = facts(self._ledger, settings, known, a_page, began=run.started_at, run_id=run.id)
        price = now.usd_a_page
        steps = max(
            max(lane.longest for lane in lanes),
            math.ceil(sum(lane.longest for lane in lanes) / self._slots),
        )
        return side_by_side(
            now,
            known,
            lanes,
            None if price is None else price * sum(lane.pages for lane in lanes),
            steps,
            settings.execution.transport,
        )

    def _take_in(self, run_id: str) -> None:
        """Learn what the ledger gained since the last look, and no more."""
        if self._schedule is None or self._run_id != run_id:
            pages = self._ledger.runs.pages(run_id)
            began = self._ledger.runs.started_at(run_id)
            self._schedule = Schedule(
                self._ledger,
                run_id,
                pages,
                self._continues_past_dead_letters,
                pages_ahead(self._ledger, self._settings, began) if self._settings else 1,
            )
            self._run_id, self._waves, self._outcomes = run_id, [], {}
        latest = self._waves[-1].id if self._waves else 0
        self._waves += self._ledger.history.waves(run_id, latest)
        self._outcomes |= self._ledger.history.outcomes(run_id, latest)
        marks = self._ledger.history.batch_marks()
        self._batches = {n: batch for n, batch in self._batches.items() if n in marks}
        # The lines of an open batch come before its end.
        changed = [
            number
            for number, mark in marks.items()
            if (known := self._batches.get(number)) is None
            or known.is_open
            or (known.status, known.state, known.name) != mark
        ]
        self._batches |= {batch.id: batch for batch in self._ledger.history.batches(changed)}

    def _lanes(self, schedule: Schedule, outcomes: dict[str, MemberOutcome]) -> list[LaneStatus]:
        ended = Counter(wave.lane for wave in self._waves)
        waves_left = schedule.waves()
        chains: dict[int, list[list[str]]] = defaultdict(list)
        for chain in schedule.chains:
            chains[schedule.lane_of(chain[0])].append(chain)
        return [
            LaneStatus(
                lane=lane,
                chains=len(of_lane),
                chains_blocked=sum(bool(self._waiting(chain, outcomes)) for chain in of_lane),
                waves_ended=ended[lane],
                waves_left=waves_left[lane],
                pages_left=sum(self._pages_left(chain, outcomes) for chain in of_lane),
            )
            for lane, of_lane in chains.items()
        ]

    def _blocked(self, schedule: Schedule, outcomes: dict[str, MemberOutcome]) -> int:
        return sum(len(self._waiting(chain, outcomes)) for chain in schedule.chains)

    def _waiting(self, chain: list[str], outcomes: dict[str, MemberOutcome]) -> list[str]:
        """The pages of a chain that wait for a dead letter, and so for a person."""
        for place, key in enumerate(chain):
            if (
                key in outcomes
                and outcomes[key].outcome == Outcome.DEAD
                and not self._continues_past_dead_letters
            ):
                return [after for after in chain[place + 1 :] if after not in outcomes]
        return []

    def _pages_left(self, chain: list[str], outcomes: dict[str, MemberOutcome]) -> int:
        done = sum(key in outcomes and outcomes[key].outcome != Outcome.FAILED for key in chain)
        return len(chain) - done - len(self._waiting(chain, outcomes))

    def _shown_batches(self) -> Collection[BatchHistory]:
        """Of the newest run also those that earlier ones left; of one that was chosen its own."""
        return self.batches() if self._chosen else self._batches.values()

    def _open_batches(self, run: RunRow) -> list[BatchStatus]:
        now = time.time()
        of_engine = [b for b in self._shown_batches() if b.engine == run.engine and b.is_open]
        batches = [batch for batch in of_engine if batch.transport == BY_BATCH]
        return [
            BatchStatus(
                name=batch.name,
                display_name=batch.display_name,
                lane=batch.lane,
                wave=batch.wave,
                status=batch.status,
                state=batch.state,
                age_seconds=now - batch.intent_at,
                records=batch.records,
                done=batch.done,
            )
            for batch in sorted(batches, key=lambda batch: (batch.lane, batch.wave, batch.id))
        ]

    def _pace(self, run: RunRow) -> WaveSeconds | None:
        """How long a wave that sends something takes, on average; stored answers take no time.

        Waves of earlier runs with the same engine and model count too: a first wave may take hours.
        One that goes on counts once it is longer than that.
        """
        waves = self._ledger.history.wave_seconds(run.id, RECENT_WAVES)
        if not waves:
            return None
        own = statistics.fmean(wave.own for wave in waves)
        mean = statistics.fmean(wave.with_pauses for wave in waves)
        if run.ended_at is None:
            ended = {wave.lane: wave.ended_at for wave in self._waves}
            now, open_lanes = time.time(), {b.lane for b in self.batches() if b.is_open}
            going_on = [now - ended.get(lane, run.started_at) for lane in open_lanes]
            longer = [seconds for seconds in going_on if seconds > mean]
            mean = (mean * len(waves) + sum(longer)) / (len(waves) + len(longer))
        return WaveSeconds(own, mean)

    def _eta(self, lanes: list[LaneStatus], pace: WaveSeconds | None) -> float | None:
        """The longest lane's way, or all lanes' ways through the slots, whichever is longer."""
        if pace is None:
            return None
        left = [lane.waves_left for lane in lanes]
        by_calls = self._settings and self._settings.execution.transport != BY_BATCH
        slots = len(left) or 1 if by_calls else self._slots
        # What waiting for a slot takes is in the one, and follows from the slots in the other.
        return max(pace.with_pauses * max(left, default=0), pace.own * sum(left) / slots)


def _records(batches: Collection[BatchHistory]) -> RecordCounts:
    sent = sum(b.records for b in batches if b.status in ("submitted", "collected"))
    # Not attempts: an error line is an answer too, though the model never ran for it.
    answered = sum(b.answered for b in batches)
    valid = sum(b.valid for b in batches)
    return RecordCounts(sent, answered, valid, answered - valid)


def _spend(batches: Collection[BatchHistory]) -> Spend:
    return Spend(
        usd=None if any(b.unpriced for b in batches) else sum(b.usd for b in batches),
        input_tokens=sum(b.input_tokens for b in batches),
        output_tokens=sum(b.output_tokens for b in batches),
    )
