"""Collections read by batch, by flex and by `auto` on a simulated clock: hours and USD of each.

What chooses is the real function (`plan/roads.py`), which is told what a run would know: how long
calls and batches took so far, what was refused so far. What happens to it is made up here; each
assumption is a constant below, none was measured at Google. Prints a table of all cases, as
docs/transports.md shows it.

    python benchmarks/roads.py                 all cases: five minutes
    python benchmarks/roads.py --seeds 2       fewer draws of each case
    python benchmarks/roads.py --docs docs/transports.md
"""

import argparse
import heapq
import math
import random
import statistics
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

from pagewave.config.models import Limits, limits
from pagewave.plan.pace import (
    AVERAGE_OF_MEDIAN,
    BATCH_SECONDS_SEEN,
    FLEX_SECONDS_SEEN,
    STANDARD_SECONDS_SEEN,
)
from pagewave.plan.roads import Facts, Lane, Refusals, auto, box_seconds

HOUR, DAY = 3600.0, 86_400.0

# The service
TOKENS_IN, TOKENS_OUT = 1_900, 900  # a page: an image of 1,120 tokens, prompt and schema; its text
USD_A_PAGE = (TOKENS_IN * 0.15 + TOKENS_OUT * 1.25) / 1e6  # gemini-3.5-flash-lite by batch or flex
BATCH_SIGMA, STUCK, STUCK_SECONDS = 0.7, 0.01, DAY
FLEX_SIGMA, REFUSED_ON_A_CALM_DAY, REFUSED_AFTER = 0.8, 0.05, 2.0
STANDARD_MEDIAN, STANDARD_SIGMA, STANDARD_REFUSED = 12.0, 0.6, 0.01
BAD_ANSWERS = 0.005  # no page comes of them: asked again
LOST_ANSWERS, TIMEOUT = 0.0005, 900.0  # calls that are paid and never answered
BUSY_SHARE, BUSY_SECONDS, BUSY_SIGMA, CALM_SECONDS = 0.85, 75 * 60, 0.7, 14 * HOUR
CLOSED_SECONDS = 6 * HOUR
WEATHERS = ("calm", "busy", "closed", "gone")
LITE = limits("gemini-3.5-flash-lite")  # tier 1
FLASH = limits("gemini-3.8-flash")

# The run
LANE, SLOTS, CALLS = 100, 10, 64
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0  # after a refusal, doubled
WAVE_SECONDS = 2.0  # between two waves of a lane
WAIT_SECONDS = 150.0
RECENT_CALLS, FEWEST_CALLS, RECENT_BATCHES = 200, 20, 20

Spell = tuple[float, float, float]
"""From when to when (seconds) which share of flex calls is refused."""


@dataclass(frozen=True)
class Case:
    """What is read, and how the service is; medians in seconds."""

    books: tuple[int, ...]
    batch_median: float
    flex_median: float
    weather: str = "calm"
    limits: Limits = LITE
    deadline: float | None = None
    usd: float | None = None


def forty_books() -> tuple[int, ...]:
    """Books of 1 to 300 pages."""
    return tuple(round(1 + 299 * number / 39) for number in range(40))


def two_thousand_books() -> tuple[int, ...]:
    """Books of 20 to 60 pages."""
    draw = random.Random(1)
    return tuple(draw.randint(20, 60) for _ in range(2_000))


def spells(weather: str, seed: int) -> list[Spell]:
    """When flex is refused more than usual."""
    draw = random.Random(1_000 + seed)
    if weather == "calm":
        return []
    if weather == "gone":
        return [(0.0, math.inf, 1.0)]
    if weather == "closed":
        begin = draw.uniform(0, 1) * HOUR
        return [(begin, begin + CLOSED_SECONDS, 1.0)]
    at, found = draw.uniform(0, 5) * HOUR - HOUR, []
    while at < 60 * DAY:
        end = at + draw.lognormvariate(math.log(BUSY_SECONDS), BUSY_SIGMA)
        found.append((at, end, BUSY_SHARE))
        at = end + draw.expovariate(1 / CALM_SECONDS)
    return found


@dataclass
class Wave:
    """A wave of calls that goes on: of which lane, until when it begins calls, chains still in."""

    lane: int
    until: float
    going: int


class Want(NamedTuple):
    """A chain that wants its next page; the longest way first."""

    order: int
    number: int
    chain: int
    wave: Wave
    tries: int


@dataclass
class World:
    """A collection, the service, a run: one reading on a simulated clock.

    `road`: by which all lanes go, or "auto".
    """

    case: Case
    road: str
    seed: int
    now: float = 0.0
    usd: float = 0.0
    batches: int = 0
    calls: int = 0
    refused: int = 0
    longest_done: float = 0.0
    whys: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)
        self.batch_draw = random.Random(f"batches {self.seed}")  # the same ones by every road
        self.left = sorted(self.case.books, reverse=True)
        self.todo = sum(self.left)
        chains = range(len(self.left))
        self.lanes = [list(chains[i : i + LANE]) for i in range(0, len(self.left), LANE)]
        self.spells = spells(self.case.weather, self.seed)
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.numbers = iter(range(10**12))
        self.wants: list[Want] = []
        self.in_flight, self.most = 0, float(CALLS)
        self.halved_at = self.next_call = -math.inf
        self.day = self.calls_today = 0
        self.at_batch = self.enqueued = 0
        self.parked: list[int] = []
        self.refusals = Refusals()
        self.call_seconds: deque[float] = deque(maxlen=RECENT_CALLS)
        self.batch_seconds: deque[float] = deque(maxlen=RECENT_BATCHES)

    def run(self) -> "World":
        """Read all; returns itself."""
        for lane in range(len(self.lanes)):
            self.begin(lane)
        while self.todo:
            self.now, _, what = heapq.heappop(self.events)
            what()
        return self

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Put something on the clock."""
        heapq.heappush(self.events, (self.now + seconds, next(self.numbers), what))

    # The run: what a lane does next

    def begin(self, lane: int) -> None:
        """The next wave of a lane, by the road that is right now."""
        chains = [chain for chain in self.lanes[lane] if self.left[chain]]
        if not chains:
            return
        road = self.road if self.road != "auto" else self.choose(lane)
        if road == "wait":
            self.after(WAIT_SECONDS, partial(self.begin, lane))
        elif road == "batch":
            self.batch(lane, chains)
        else:
            box = box_seconds(self.a_call())
            wave = Wave(lane, self.now + box, len(chains))
            for chain in chains:
                self.want(chain, wave, road)
            self.pump(road)

    def choose(self, lane: int) -> str:
        """What the real function says, of what a run knows."""
        lefts = [[self.left[chain] for chain in chains] for chains in self.lanes]
        lanes = [Lane(n, max(left), sum(left)) for n, left in enumerate(lefts)]
        choice = auto(self.facts(), lanes)[lane]
        self.whys[choice.road] = self.whys.get(choice.road, 0) + 1
        return choice.road

    def facts(self) -> Facts:
        """What was seen so far."""
        self.turn_day(self.now)
        case = self.case
        return Facts(
            call_seconds=self.a_call(),
            standard_seconds=STANDARD_SECONDS_SEEN,
            batch_seconds=self.a_batch(),
            input_tokens=TOKENS_IN,
            calls_at_once=CALLS,
            batch_pages_at_once=self.batch_pages,
            limits=case.limits,
            calls_today=self.calls_today,
            renewal_seconds=DAY * (self.day + 1) - self.now,
            refused_seconds=self.refusals.seconds(self.now),
            deadline_seconds=None if case.deadline is None else case.deadline - self.now,
            usd_left=None if case.usd is None else case.usd - self.usd,
            usd_a_page=USD_A_PAGE,
        )

    @property
    def batch_pages(self) -> int:
        """Pages that batches in flight may hold."""
        tokens = self.case.limits.enqueued_tokens
        return min(SLOTS * LANE, tokens[0] // TOKENS_IN) if tokens else SLOTS * LANE

    def a_call(self) -> float:
        """Seconds of a call, as seen here once there are enough."""
        known = self.call_seconds
        return sum(known) / len(known) if len(known) >= FEWEST_CALLS else FLEX_SECONDS_SEEN

    def a_batch(self) -> float:
        """Seconds of a batch, as seen here once there is one."""
        known = self.batch_seconds
        return AVERAGE_OF_MEDIAN * (statistics.median(known) if known else BATCH_SECONDS_SEEN)

    # By batch

    def batch(self, lane: int, chains: list[int]) -> None:
        """Send a page of each chain, or wait for room."""
        if self.at_batch == SLOTS or self.enqueued + len(chains) > self.batch_pages:
            self.parked.append(lane)
            return
        self.at_batch += 1
        self.enqueued += len(chains)
        self.batches += 1
        is_stuck = self.batch_draw.random() < STUCK
        took = self.case.batch_median * math.exp(self.batch_draw.gauss(0, BATCH_SIGMA))
        took = STUCK_SECONDS if is_stuck else took
        self.after(took, partial(self.collect, lane, chains, took, is_stuck))

    def collect(self, lane: int, chains: list[int], took: float, is_stuck: bool) -> None:
        """A batch ended: with its pages, or expired without any."""
        self.at_batch -= 1
        self.enqueued -= len(chains)
        self.batch_seconds.append(took)
        for chain in chains if not is_stuck else []:
            self.usd += USD_A_PAGE
            self.read(chain)
        again, self.parked = [*self.parked, lane], []
        again.sort(key=lambda lane: -max(self.left[chain] for chain in self.lanes[lane]))
        for each in again:
            self.begin(each)

    # By calls

    def want(self, chain: int, wave: Wave, road: str, tries: int = 0) -> None:
        """A chain's next page is wanted, unless its wave is over."""
        is_closed = self.road == "auto" and road == "flex" and self.closed()
        if not self.left[chain] or self.now >= wave.until or is_closed:
            self.leave(wave)
            return
        want = Want(-self.left[chain], next(self.numbers), chain, wave, tries)
        heapq.heappush(self.wants, want)

    def closed(self) -> bool:
        """Is there no sense in asking now?"""
        rest = self.case.limits.requests_per_day
        self.turn_day(self.now)
        return bool(self.refusals.seconds(self.now)) or (
            rest is not None and self.calls_today >= rest
        )

    def leave(self, wave: Wave) -> None:
        """A chain goes no further in this wave; the last one ends it."""
        wave.going -= 1
        if not wave.going:
            self.after(WAVE_SECONDS, partial(self.begin, wave.lane))

    def pump(self, road: str) -> None:
        """Begin as many calls as the gate lets through."""
        while self.wants and self.in_flight < int(self.most):
            want = heapq.heappop(self.wants)
            is_closed = self.road == "auto" and road == "flex" and self.closed()
            if self.now >= want.wave.until or is_closed:
                self.leave(want.wave)
                continue
            self.in_flight += 1
            self.after(self.turn() - self.now, partial(self.send, want, road))

    def turn(self) -> float:
        """When the next call may leave, by the limits of a minute and of a day."""
        limits = self.case.limits
        gap = max(
            60 / (limits.requests_per_minute or 1), 60 * TOKENS_IN / (limits.tokens_per_minute or 1)
        )
        at = max(self.now, self.next_call)
        self.turn_day(at)
        if limits.requests_per_day is not None and self.calls_today >= limits.requests_per_day:
            self.turn_day(at := (self.day + 1) * DAY)
        self.calls_today += 1
        self.next_call = at + gap
        return at

    def turn_day(self, at: float) -> None:
        """A new day has new calls."""
        if (day := int(at // DAY)) > self.day:
            self.day, self.calls_today = day, 0

    def send(self, want: Want, road: str) -> None:
        """The service takes a call or refuses it."""
        self.calls += 1
        refuses = STANDARD_REFUSED if road == "standard" else REFUSED_ON_A_CALM_DAY
        if road == "flex":
            refuses = next((s for a, b, s in self.spells if a <= self.now < b), refuses)
        if self.draw.random() < refuses:
            self.after(REFUSED_AFTER, partial(self.refuse, want, road))
        elif self.draw.random() < LOST_ANSWERS:
            self.pay(road)
            self.after(TIMEOUT, partial(self.answer, want, road, None))
        else:
            median, sigma = (
                (STANDARD_MEDIAN, STANDARD_SIGMA)
                if road == "standard"
                else (self.case.flex_median, FLEX_SIGMA)
            )
            took = min(TIMEOUT, self.call_takes(want.chain, median, sigma))
            self.after(took, partial(self.answer, want, road, took))

    def call_takes(self, chain: int, median: float, sigma: float) -> float:
        """Seconds of a call for the next page of a chain."""
        return median * math.exp(self.draw.gauss(0, sigma))

    def refuse(self, want: Want, road: str) -> None:
        """Fewer calls at once, where many are refused; this one again after a pause."""
        self.in_flight -= 1
        self.refused += 1
        self.refusals.note(self.now, answered=False)
        if self.now >= self.halved_at + FIRST_PAUSE:
            self.most, self.halved_at = max(1.0, self.most / 2), self.now
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**want.tries) * self.draw.uniform(0.5, 1.5)

        def again() -> None:
            self.want(want.chain, want.wave, road, want.tries + 1)
            self.pump(road)

        self.after(pause, again)
        self.pump(road)

    def answer(self, want: Want, road: str, took: float | None) -> None:
        """A call ended, with an answer or without."""
        self.in_flight -= 1
        self.most = min(float(CALLS), self.most + 1)
        self.refusals.note(self.now, answered=True)
        self.call_seconds.append(TIMEOUT if took is None else took)
        if took is not None:
            self.pay(road)
            self.read(want.chain)
        self.want(want.chain, want.wave, road)
        self.pump(road)

    def pay(self, road: str) -> None:
        """What a call costs."""
        self.usd += USD_A_PAGE * (2 if road == "standard" else 1)

    def read(self, chain: int) -> None:
        """A page was answered; now and then the answer is none."""
        if self.draw.random() < BAD_ANSWERS:
            return
        self.left[chain] -= 1
        self.todo -= 1
        if not chain and not self.left[chain]:
            self.longest_done = self.now


@dataclass(frozen=True)
class Row:
    """A case by each road, averaged over seeds: hours, and USD as a multiple of the batch price."""

    case: Case
    hours: dict[str, float]
    usd: dict[str, float]
    longest_hours: float

    @property
    def ratio(self) -> float:
        """`auto` to the quickest road of the same price."""
        return self.hours["auto"] / min(self.hours["batch"], self.hours.get("flex", math.inf))

    @property
    def price(self) -> float:
        """`auto` to batch, in USD."""
        return self.usd["auto"] / self.usd["batch"]


BEGIN, END = "<!-- by benchmarks/roads.py -->", "<!-- to here -->"
HEAD = """\
| books | calls a day | flex | batch of | by batch | 20 s: flex, auto | 2 min: flex, auto | 5 min: flex, auto |
|---|---|---|---|---|---|---|---|"""  # noqa: E501


def line(rows: Sequence[Row]) -> str:
    """Cases that differ in the median of flex alone, as a line of the table, in hours."""
    case = rows[0].case
    hours = [f"{_of_flex(row)}, **{row.hours['auto']:.1f}**" for row in rows]
    return (
        f"| {len(case.books):,} | {case.limits.requests_per_day:,} | {case.weather} "
        f"| {case.batch_median / 60:.0f} min | {rows[0].hours['batch']:.1f} | {' | '.join(hours)} |"
    )


def _of_flex(row: Row) -> str:
    return f"{row.hours['flex']:.1f}" if "flex" in row.hours else "never"


@cache
def read(case: Case, road: str, seed: int) -> World:
    """A reading, once: of what has no part in it, any is as good as another."""
    return World(case, road, seed).run()


def play(case: Case, seeds: int) -> Row:
    """Read a case by each road, with several draws of chance."""
    by_batch = replace(
        case,
        flex_median=0.0,
        weather="calm",
        limits=case.limits.model_copy(update={"requests_per_day": None}),
    )
    by_flex = replace(case, batch_median=0.0)
    of_road = {"batch": by_batch, "flex": by_flex, "auto": case}
    if case.weather == "gone":
        del of_road["flex"]
    worlds = {
        road: [read(same, road, seed) for seed in range(seeds)] for road, same in of_road.items()
    }
    hours = {road: statistics.fmean(w.now for w in ws) / HOUR for road, ws in worlds.items()}
    usd = {road: statistics.fmean(w.usd for w in ws) for road, ws in worlds.items()}
    longest = statistics.fmean(world.longest_done for world in worlds["auto"])
    return Row(case, hours, usd, longest / HOUR)


def lines() -> Iterator[list[Case]]:
    """All that the table shows, line by line."""
    for books, of_calls, weather, batch_median in product(
        (forty_books(), two_thousand_books()), (LITE, FLASH), WEATHERS, (1200.0, 3600.0)
    ):
        yield [Case(books, batch_median, flex, weather, of_calls) for flex in (20.0, 120.0, 300.0)]


def write(table: str, file: Path) -> None:
    """Put a table in the place of the one that a page of the documentation has."""
    before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    file.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Print the table, the worst of it last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, help="draws of each case (4 of 40 books, 1 of 2,000)")
    parser.add_argument("--books", type=int, help="the collection of so many books alone")
    parser.add_argument("--docs", type=Path, help="page whose table is to be renewed")
    options = parser.parse_args()
    print(HEAD)
    rows: list[Row] = []
    table = [HEAD]
    for cases in lines():
        books = len(cases[0].books)
        if options.books in (None, books):
            rows += [play(case, options.seeds or (4 if books == 40 else 1)) for case in cases]
            table.append(line(rows[-len(cases) :]))
            print(table[-1], flush=True)
    print()
    for weather in WEATHERS:
        some = [row for row in rows if row.case.weather == weather]
        worst, dearest = max(row.ratio for row in some), max(row.price for row in some)
        print(f"{weather}: auto / best at most {worst:.2f}; USD of auto / batch {dearest:.4f}")
    if options.docs:
        write("\n".join(table), options.docs)


if __name__ == "__main__":
    main()
