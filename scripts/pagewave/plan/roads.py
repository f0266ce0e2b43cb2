"""By which road each lane goes: one batch, or calls one after another, at one price or at two.

A batch carries the next page of every chain of a lane, and takes from minutes to hours. A call
carries one page and takes seconds: by the service's tier `flex` at the price of a batch, though it
may be refused for want of room; by `standard` at twice that. `auto` is told what a run knows, by
the ledger and by what it has met so far, and is asked again at each wave: pure, no clock, no file.

`benchmarks/roads.py` plays whole collections with it on a simulated clock; docs/transports.md.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pagewave.config.models import DAY_SECONDS, Limits
from pagewave.wording import age, count

Road = Literal["batch", "flex", "standard", "wait"]
"""`wait`: for flex, which is refused at the moment."""

MOST_OF_BATCHES = 0.05
"""Of what batches alone would take: so much is lost where flex never answers again."""
MINUTE_SECONDS = 60.0
BOX_CALLS = 60
SHORTEST_BOX_SECONDS = 15 * 60.0
LONGEST_BOX_SECONDS = 2 * 3600.0
TRIES_LOOKED_AT = 40
FEWEST_TRIES = 20
FEWEST_TRIES_AGAIN = 5
SHARE_REFUSED = 0.7
"""Of the last tries: 5 % are refused on a calm day."""
ASK_AGAIN_SECONDS = 300.0
LEAST_SECONDS = 1.0
NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Lane:
    """What a lane has still to read: pages of its longest chain, and of all of them."""

    number: int
    longest: int
    pages: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run knows when a wave begins; nothing in it is a guess about what is to come.

    Args:
        call_seconds: a page by flex, on average, with the pauses after refusals.
        standard_seconds: a page by a standard call, on average.
        batch_seconds: a batch, on average.
        input_tokens: what a page sends.
        calls_at_once: so many calls may be in flight.
        batch_pages_at_once: so many pages may be in batches in flight.
        limits: those of the model for this account.
        calls_today: that count against the limit of a day.
        is_used_up: the service itself said that the day's calls are.
        renewal_seconds: until the next day of the service begins.
        refused_seconds: since flex answered last, where it has refused all since; 0: it answers.
        deadline_seconds: until all is to be read; None: whenever it is. Below 0 it has passed.
        usd_left: of the budget.
        usd_a_page: by batch or flex.
        standard_factor: what standard costs, as a multiple of that.
    """

    call_seconds: float
    standard_seconds: float
    batch_seconds: float
    input_tokens: float
    calls_at_once: int
    batch_pages_at_once: int
    limits: Limits = NO_LIMITS
    calls_today: int = 0
    is_used_up: bool = False
    renewal_seconds: float = DAY_SECONDS
    refused_seconds: float = 0.0
    deadline_seconds: float | None = None
    usd_left: float | None = None
    usd_a_page: float | None = None
    standard_factor: float = 2.0

    @property
    def calls_left_today(self) -> float:
        """How many calls the limit of a day leaves."""
        if self.is_used_up:
            return 0
        most = self.limits.requests_per_day
        return math.inf if most is None else max(0, most - self.calls_today)

    @property
    def closed_seconds(self) -> float:
        """0 where flex answers; else for how long it has not, or for how long it will not."""
        if self.calls_left_today < 1:
            return self.renewal_seconds
        return self.refused_seconds

    @property
    def gap_seconds(self) -> float:
        """The least that passes between two calls by the limits of a minute."""
        requests, tokens = self.limits.requests_per_minute, self.limits.tokens_per_minute
        return max(
            MINUTE_SECONDS / requests if requests else 0.0,
            MINUTE_SECONDS * self.input_tokens / tokens if tokens else 0.0,
        )


class Refusals:
    """For how long flex has refused what it was asked, told from the last tries; not thread-safe.

    It is refused when most of its last tries were, and then nobody needs to ask for a while. After
    that a few calls try again: where they are refused too, it has been so from the first time on.

    Args:
        ask_again_seconds: for how long nobody asks.
        since: when it began to refuse, as an earlier run found; None: it did not.
        ask_again_at: when that run would have asked again.
    """

    def __init__(
        self,
        ask_again_seconds: float = ASK_AGAIN_SECONDS,
        since: float | None = None,
        ask_again_at: float = -math.inf,
    ) -> None:
        self._tries: deque[bool] = deque(maxlen=TRIES_LOOKED_AT)
        self._ask_again_seconds = ask_again_seconds
        self.since = since
        self.ask_again_at = ask_again_at

    def note(self, now: float, *, answered: bool) -> None:
        """What came of a call, at a time in seconds of any clock; an answer of any kind counts."""
        self._tries.append(answered)
        is_doubtful = self.since is not None
        if len(self._tries) < (FEWEST_TRIES_AGAIN if is_doubtful else FEWEST_TRIES):
            return
        if self._tries.count(False) >= SHARE_REFUSED * len(self._tries):
            self.since = now if self.since is None else self.since
            self.ask_again_at = now + self._ask_again_seconds
            self._tries.clear()
        else:
            self.since = None

    def seconds(self, now: float) -> float:
        """How long it has been refused; 0 where it answers, or may be asked again."""
        # Nor where the clock was set back since.
        if self.since is None or not self.since <= now < self.ask_again_at:
            return 0.0
        return max(now - self.since, LEAST_SECONDS)


@dataclass(frozen=True, slots=True)
class Choice:
    """The road of a lane's next wave, and why, in words for the log."""

    road: Road
    why: str

    def __str__(self) -> str:
        return f"{self.road}: {self.why}"


@dataclass(frozen=True, slots=True)
class Load:
    """What goes by one road: pages of the longest chain, and of all."""

    longest: int = 0
    pages: int = 0

    @classmethod
    def of(cls, lanes: Sequence[Lane]) -> "Load":
        """All of these lanes."""
        return cls(max((lane.longest for lane in lanes), default=0), sum(x.pages for x in lanes))


NOTHING = Load()


def auto(facts: Facts, lanes: Sequence[Lane]) -> dict[int, Choice]:
    """The road of each lane's next wave, by the lane's number; lanes with nothing left have none.

    Flex first. While it is refused, lanes wait for it as long as that is worth (at least as long as
    a batch takes: `patience_seconds`), and then go by batch until it answers again; so they do for
    the rest of a day whose calls are used up. While it answers, the lanes with the longest chains
    go by flex, and as many of the others by batch as make the whole quickest. A deadline sends the
    longest ones by standard, as far as the budget holds twice the price.
    """
    # Where even a call takes longer than a batch, the longest chains go by batch.
    sign = -1 if facts.call_seconds <= facts.batch_seconds else 1
    by_length = sorted(
        (lane for lane in lanes if lane.longest),
        key=lambda lane: (sign * lane.longest, lane.number),
    )
    bought = _bought(facts, by_length)
    rest = [lane for lane in by_length if lane not in bought]
    chosen = {lane.number: Choice("standard", _why_standard(facts)) for lane in bought}
    if closed := facts.closed_seconds:
        choice = _while_closed(facts, closed, rest)
        return chosen | {lane.number: choice for lane in rest}
    by_flex = best_split(facts, rest, Load.of(bought))
    return chosen | _split_choices(facts, rest, by_flex)


def best_split(facts: Facts, lanes: Sequence[Lane], by_standard: Load = NOTHING) -> int:
    """How many of the lanes, from the first on, go by flex, the others by batch: soonest done.

    Args:
        lanes: by length.
        by_standard: what is called at the same time by the other tier.
    """
    times = [
        (seconds(facts, by_flex, by_batch, by_standard), -number)
        for number, (by_flex, by_batch) in enumerate(_loads(lanes))
    ]
    return -min(times)[1]


def deadline_note(facts: Facts, lanes: Sequence[Lane]) -> str | None:
    """That a deadline is not met by what `auto` chooses; None: it is, or there is none."""
    deadline, lanes = facts.deadline_seconds, [lane for lane in lanes if lane.longest]
    if deadline is None or not lanes:
        return None
    if deadline <= 0:
        return "the deadline has passed: nothing is bought for it any more"
    bought = _bought(facts, lanes)
    soonest = _soonest(facts, [lane for lane in lanes if lane not in bought], Load.of(bought))
    if soonest <= deadline:
        return None
    return (
        f"the deadline is in {age(deadline)}, and all is read in about {age(soonest)}, with all "
        "that the budget holds"
    )


def seconds(
    facts: Facts, by_flex: Load = NOTHING, by_batch: Load = NOTHING, by_standard: Load = NOTHING
) -> float:
    """How long it takes until all is read, if nothing changes.

    A chain is as slow as its steps, one after another; all together are as slow as the limits let
    them be: calls in flight, in a minute and in a day, and pages in batches at once.
    """
    calls = by_flex.pages + by_standard.pages
    busy = by_flex.pages * facts.call_seconds + by_standard.pages * facts.standard_seconds
    a_call = max(facts.gap_seconds, busy / calls / facts.calls_at_once) if calls else 0.0
    step = facts.batch_seconds
    return max(
        by_flex.longest * facts.call_seconds,
        by_standard.longest * facts.standard_seconds,
        _days(facts, calls, a_call),
        by_batch.longest * step,
        by_batch.pages * step / facts.batch_pages_at_once,
    )


def patience_seconds(facts: Facts, lanes: Sequence[Lane]) -> float:
    """For how long flex that is refused is waited for, before lanes go by batch.

    A batch brings each chain a page, which flex would have read in no time, and costs what is left
    of its own time when flex answers again. With flex n times as quick, and refused for so long
    again as it was so far, both are equal after n / 2 batches. It is one at least, and no more
    than a twentieth of what batches alone would take, in case flex never answers again.
    """
    by_batch, by_flex = seconds(facts, by_batch=Load.of(lanes)), seconds(facts, Load.of(lanes))
    worth = facts.batch_seconds * by_batch / (2 * by_flex) if by_flex else 0.0
    return max(facts.batch_seconds, min(worth, MOST_OF_BATCHES * by_batch))


def box_seconds(call_seconds: float) -> float:
    """For how long a wave of calls begins new ones: 60 of a chain, a quarter to two hours.

    Each wave ends with a wait for its last call: boxes of 30 min took 1.07 times as long as none.
    """
    return min(LONGEST_BOX_SECONDS, max(SHORTEST_BOX_SECONDS, BOX_CALLS * call_seconds))


def _days(facts: Facts, calls: int, a_call: float) -> float:
    """Seconds for so many calls, where those beyond a day's wait for the next."""
    left, a_day = facts.calls_left_today, facts.limits.requests_per_day
    if a_day is None or calls <= left:
        return calls * a_call
    days = math.ceil((calls - left) / a_day)
    last_day = calls - left - (days - 1) * a_day
    waiting = facts.renewal_seconds + (days - 1) * DAY_SECONDS
    return max(calls * a_call, waiting + last_day * a_call)


def _loads(lanes: Sequence[Lane]) -> Iterator[tuple[Load, Load]]:
    """By flex and by batch, where none, one, two, … of the lanes go by flex."""
    behind = [NOTHING]
    for lane in reversed(lanes):
        behind.append(_with(behind[-1], lane))
    by_flex = NOTHING
    yield by_flex, behind.pop()
    for lane in lanes:
        by_flex = _with(by_flex, lane)
        yield by_flex, behind.pop()


def _with(load: Load, lane: Lane) -> Load:
    return Load(max(load.longest, lane.longest), load.pages + lane.pages)


def _bought(facts: Facts, lanes: Sequence[Lane]) -> list[Lane]:
    """The lanes that go by standard so that the deadline is met: the longest, as few as will do.

    All that is left to be read is kept in the budget at its usual price first. Where the deadline
    can't be met, what the budget holds comes as near to it as it can; behind it, nothing is bought.
    """
    deadline, left, price = facts.deadline_seconds, facts.usd_left, facts.usd_a_page
    if deadline is None or deadline <= 0 or left is None or price is None:
        return []
    if facts.calls_left_today < 1:
        return []  # they count against the same limit
    more = left - price * sum(lane.pages for lane in lanes)
    longest_first = sorted(lanes, key=lambda lane: (-lane.longest, lane.number))
    bought: list[Lane] = []
    for lane in longest_first:
        rest = [other for other in lanes if other not in bought]
        more -= price * (facts.standard_factor - 1) * lane.pages
        if more < 0 or _soonest(facts, rest, Load.of(bought)) <= deadline:
            break
        bought.append(lane)
    return bought


def _soonest(facts: Facts, lanes: Sequence[Lane], by_standard: Load) -> float:
    """Seconds by the best split; flex that is refused is thought to be so as long again."""
    soonest = min(seconds(facts, *split, by_standard) for split in _loads(lanes))
    closed = facts.closed_seconds
    return soonest + min(closed, patience_seconds(facts, lanes)) if closed and lanes else soonest


def _while_closed(facts: Facts, closed: float, lanes: Sequence[Lane]) -> Choice:
    batch = f"a batch takes about {age(facts.batch_seconds)}"
    if facts.calls_left_today < 1:
        until = f"the calls of a day are used up for {age(closed)} more"
        return Choice("wait" if closed < facts.batch_seconds else "batch", f"{until}; {batch}")
    until = f"flex has been refused for {age(closed)}"
    if closed < (patience := patience_seconds(facts, lanes)):
        return Choice("wait", f"{until}; up to {age(patience)} are waited, as {batch}")
    return Choice("batch", f"{until}, longer than waiting is worth; {batch}")


def _split_choices(facts: Facts, lanes: Sequence[Lane], by_flex: int) -> dict[int, Choice]:
    call, step = age(facts.call_seconds), age(facts.batch_seconds)
    if by_flex == len(lanes):
        why = f"a page takes about {call}, and {step} by batch"
    elif not by_flex:
        why = f"the limits of calls make {count(len(lanes), 'lane')} slower than batches do"
    else:
        what = "longest" if facts.call_seconds <= facts.batch_seconds else "shortest"
        why = (
            f"quickest is {by_flex} of {len(lanes)} lanes by flex, the {what} ones "
            f"({call} a page), beside batches ({step} each)"
        )
    return {
        lane.number: Choice("flex" if place < by_flex else "batch", why)
        for place, lane in enumerate(lanes)
    }


def _why_standard(facts: Facts) -> str:
    assert facts.deadline_seconds is not None
    return f"the deadline is in {age(facts.deadline_seconds)}, too soon for the cheaper roads"
