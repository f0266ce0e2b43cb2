"""How a run stands: what is read, what is at the service, what it cost, when it may be over.

Everything comes from the ledger, read-only, so it can be asked from another process while the run
goes on, and after a crash. A `Watch` keeps what it learned, so that asking again costs little.
"""

import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

from ..budget import Budget, budgets
from ..ledger import EstimateAndActual, Ledger
from ..schedule import Schedule
from ..settings import Settings

RECENT_WAVES = 20
"""How many of the last waves say how long a wave takes."""


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """A batch that is not collected yet; `age_seconds` counts from its intent."""

    name: str | None
    display_name: str
    lane: int
    wave: int
    status: str
    state: str | None
    age_seconds: float
    records: int


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

    `over_budget` says why it sends nothing more, where that is its budget.
    """

    id: str
    engine: str
    model: str
    started_at: float
    ended_at: float | None
    outcome: str | None
    pages: int
    pages_read: int
    pages_free: int
    pages_blocked: int
    pages_left: int
    dead_letters: list[str]
    records: RecordCounts
    lanes: list[LaneStatus]
    batches: list[BatchStatus]
    spent: Spend
    spent_in_all: Spend
    estimate: EstimateAndActual
    budgets: list[Budget]
    over_budget: str | None
    seconds_a_wave: float | None
    eta_seconds: float | None


class Watch:
    """Looks at the newest run of a ledger, again and again.

    `slots` is how many batches may be in flight at once, which the time left depends on; `goes_on`
    says that dead letters do not block; `settings` are needed to tell of budgets.
    """

    def __init__(
        self,
        ledger: Ledger,
        slots: int,
        goes_on: bool = False,
        settings: Settings | None = None,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._slots = slots
        self._goes_on = goes_on
        self._schedule: Schedule | None = None
        self._run_id = ""

    def look(self) -> RunStatus | None:
        """The newest run as it stands now; None where there was none yet."""
        runs = self._ledger.query(
            "SELECT * FROM run WHERE purpose = 'workflow' ORDER BY started_at DESC, id DESC LIMIT 1"
        )
        if not runs:
            return None
        run = runs[0]
        schedule = self._schedule_of(run["id"])
        outcomes = self._outcomes(run["id"])
        dead = sorted(key for key, outcome in outcomes.items() if outcome == "dead")
        lanes = self._lanes(schedule, run["id"], outcomes)
        seconds = self._seconds_a_wave(run["id"])
        return RunStatus(
            id=run["id"],
            engine=run["engine"],
            model=run["model"],
            started_at=run["started_at"],
            ended_at=run["ended_at"],
            outcome=run["outcome"],
            pages=len(schedule.pages),
            pages_read=sum(outcome == "read" for outcome in outcomes.values()),
            pages_free=sum(outcome == "free" for outcome in outcomes.values()),
            pages_blocked=self._blocked(schedule, outcomes),
            pages_left=sum(lane.pages_left for lane in lanes),
            dead_letters=dead,
            records=self._records(run["id"]),
            lanes=lanes,
            batches=self._batches(run["engine"]),
            spent=self._spend("WHERE b.run_id = ?", run["id"]),
            spent_in_all=self._spend(),
            estimate=self._ledger.estimate_and_actual(run["id"]),
            budgets=budgets(self._ledger, self._settings, run["id"]) if self._settings else [],
            over_budget=run["over_budget"],
            seconds_a_wave=seconds,
            eta_seconds=None if run["ended_at"] else self._eta(lanes, seconds),
        )

    def _schedule_of(self, run_id: str) -> Schedule:
        if self._schedule is None or self._run_id != run_id:
            pages = self._ledger.run_pages(run_id)
            self._schedule = Schedule(self._ledger, run_id, pages, self._goes_on)
            self._run_id = run_id
        return self._schedule

    def _outcomes(self, run_id: str) -> dict[str, str]:
        """What became of each page so far: read, free (from a stored answer), failed or dead."""
        rows = self._ledger.query(
            "SELECT p.key, CASE WHEN p.free AND p.outcome = 'read' THEN 'free' ELSE p.outcome END"
            " FROM wave_page p JOIN wave w ON w.id = p.wave_id WHERE w.run_id = ? ORDER BY w.id",
            run_id,
        )
        return {row[0]: row[1] for row in rows}

    def _lanes(self, schedule: Schedule, run_id: str, outcomes: dict[str, str]) -> list[LaneStatus]:
        ended = Counter(
            dict(
                map(
                    tuple,
                    self._ledger.query(
                        "SELECT lane, COUNT(*) FROM wave WHERE run_id = ? GROUP BY lane", run_id
                    ),
                )
            )
        )
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

    def _blocked(self, schedule: Schedule, outcomes: dict[str, str]) -> int:
        return sum(len(self._waiting(chain, outcomes)) for chain in schedule.chains)

    def _waiting(self, chain: list[str], outcomes: dict[str, str]) -> list[str]:
        """The pages of a chain that wait for a dead letter, and so for a person."""
        for place, key in enumerate(chain):
            if outcomes.get(key) == "dead" and not self._goes_on:
                return [after for after in chain[place + 1 :] if after not in outcomes]
        return []

    def _pages_left(self, chain: list[str], outcomes: dict[str, str]) -> int:
        done = sum(outcomes.get(key) in ("read", "free", "dead") for key in chain)
        return len(chain) - done - len(self._waiting(chain, outcomes))

    def _records(self, run_id: str) -> RecordCounts:
        sent = self._ledger.query(
            "SELECT COUNT(*) FROM record r JOIN batch b ON b.id = r.batch_id"
            " WHERE b.run_id = ? AND b.status IN ('submitted', 'collected')",
            run_id,
        )
        # Not attempts: an error line is an answer too, though the model never ran for it.
        answered = self._ledger.query(
            "SELECT COUNT(*), COALESCE(SUM(a.ok), 0)"
            " FROM record r JOIN batch b ON b.id = r.batch_id"
            " LEFT JOIN attempt a ON a.batch_id = r.batch_id AND a.key = r.key"
            " WHERE b.run_id = ? AND EXISTS"
            " (SELECT 1 FROM response s WHERE s.batch_id = r.batch_id AND s.key = r.key)",
            run_id,
        )
        lines, valid = answered[0]
        return RecordCounts(sent[0][0], lines, valid, lines - valid)

    def _batches(self, engine: str) -> list[BatchStatus]:
        now = time.time()
        rows = self._ledger.query(
            "SELECT b.*, (SELECT COUNT(*) FROM record r WHERE r.batch_id = b.id) AS records"
            " FROM batch b WHERE b.engine = ? AND b.status IN ('intent', 'creating', 'submitted')"
            " ORDER BY b.lane, b.wave, b.id",
            engine,
        )
        return [
            BatchStatus(
                name=row["name"],
                display_name=row["display_name"],
                lane=row["lane"],
                wave=row["wave"],
                status=row["status"],
                state=row["state"],
                age_seconds=now - row["intent_at"],
                records=row["records"],
            )
            for row in rows
        ]

    def _spend(self, where: str = "", *values: str) -> Spend:
        row = self._ledger.query(
            "SELECT SUM(a.usd), COUNT(*) - COUNT(a.usd), COALESCE(SUM(a.prompt_tokens), 0),"
            " COALESCE(SUM(a.output_tokens + a.thoughts_tokens), 0)"
            f" FROM attempt a JOIN batch b ON b.id = a.batch_id {where}",
            *values,
        )[0]
        usd, without_price, input_tokens, output_tokens = row
        return Spend(None if without_price else usd or 0.0, input_tokens, output_tokens)

    def _seconds_a_wave(self, run_id: str) -> float | None:
        """Median time of the last waves that sent something; stored answers take no time."""
        rows = self._ledger.query(
            "SELECT w.ended_at - w.started_at FROM wave w WHERE w.run_id = ? AND EXISTS"
            " (SELECT 1 FROM wave_page p WHERE p.wave_id = w.id AND NOT p.free)"
            " ORDER BY w.id DESC LIMIT ?",
            run_id,
            RECENT_WAVES,
        )
        return statistics.median(row[0] for row in rows) if rows else None

    def _eta(self, lanes: list[LaneStatus], seconds: float | None) -> float | None:
        """The longest lane's way, or all lanes' ways through the slots, whichever is longer."""
        if seconds is None:
            return None
        left = [lane.waves_left for lane in lanes]
        return seconds * max(max(left, default=0), sum(left) / self._slots)
