"""Which road each wave takes: as configured or, by `auto`, as is right when the wave begins.

`plan.roads` decides, by what the ledger tells; what becomes of calls is noted here, and put into
the ledger, so that it can tell. One for all lanes of a process: what flex refuses the one, it
refuses all.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from pagewave.config.models import DAY_SECONDS
from pagewave.errors import DataError
from pagewave.gemini.calls import NotNow
from pagewave.gemini.retries import Stopped
from pagewave.gemini.session import Session
from pagewave.ledger import Refused
from pagewave.log import log
from pagewave.plan.estimates import estimator
from pagewave.plan.forecast import expected_tokens
from pagewave.plan.pace import facts, paces, refusals, renewal_seconds
from pagewave.plan.roads import Choice, Facts, Lane, Refusals, auto, deadline_note
from pagewave.plan.schedule import Schedule
from pagewave.prompts.costs import Estimate
from pagewave.waves import events
from pagewave.waves.road import Trip

LONGEST_PAUSE_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class _Chosen:
    """What was chosen for all lanes, and until when that holds (monotonic clock)."""

    by_lane: Mapping[int, Choice]
    latest_wave: int
    is_shut: bool
    until: float


class Chooser:
    """Chooses roads, for all lanes and from any thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._is_auto = session.settings.execution.transport == "auto"
        self._lock = threading.Lock()
        self._choosing = threading.Lock()
        self._known: Refusals | None = None
        self._used_up_until = 0.0
        self._deadline: float | None = None
        self._chosen: _Chosen | None = None
        self._told: dict[int, str] = {}
        self._told_of_deadline: str | None = None
        self._queue: dict[int, int] = {}

    @property
    def is_auto(self) -> bool:
        """Is the road of each wave chosen, and not the same for all?"""
        return self._is_auto

    def choose(self, trip: Trip, schedule: Schedule) -> Choice:
        """The road of a wave that begins now; told in the log where it changes."""
        transport = self._session.settings.execution.transport
        if transport != "auto":
            return Choice(transport, "as configured")
        with self._choosing:
            choice = self._choices(trip, schedule)[trip.lane]
        if choice.road == "flex" and self._is_in_doubt():
            self._session.gate.ask_anew()
        return choice

    def pause(self) -> None:
        """Wait a little before choosing again.

        Raises:
            Stopped: the run was told to stop.
        """
        seconds = self._session.settings.calls.retry_pause_seconds
        if self._session.stop.wait(
            min(LONGEST_PAUSE_SECONDS, max(SHORTEST_PAUSE_SECONDS, seconds))
        ):
            raise Stopped

    # What becomes of calls

    def note(self, tier: str, no: NotNow | None) -> None:
        """Why the service did not take a call; None: it answered."""
        session, now = self._session, time.time()
        closures, who = session.ledger.closures, (session.engine, session.settings.model.name)
        closed_seconds = session.gate.closed_seconds
        with self._lock:
            known = self._refusals
            if no and no.is_of_day:
                self._used_up_until = now + renewal_seconds(now)
                closures.note_used_up(*who, self._used_up_until)
            if tier != "flex" or (no and no.is_of_day):
                return
            before = known.since, known.ask_again_at
            known.note(now, answered=no is None)
            if before[0] is None and known.since is not None:
                # Many tries take their time: what counts is when the first of them was refused.
                known.since -= closed_seconds
            if known.since is None and before[0] is not None:
                closures.note_refused(*who, None)
                log.info("flex answers again")
            elif known.since is not None and before != (known.since, known.ask_again_at):
                closures.note_refused(*who, Refused(known.since, known.ask_again_at))

    def is_shut(self, tier: str) -> bool:
        """Is there no sense in asking by a tier any more?

        Flex refuses, the day's calls are used up, or the deadline is over that `standard` was for.
        """
        now = time.time()
        with self._lock:
            known, used_up = self._refusals, 0 < self._used_up_until - now <= DAY_SECONDS
            is_late = self._deadline is not None and now >= self._deadline
            is_refused = known.seconds(now) > 0
        if used_up or (is_refused if tier == "flex" else is_late):
            return True
        return self._session.gate.is_day_used_up

    # Who sends a batch first

    def is_others_turn(self, trip: Trip) -> bool:
        """Does a lane with a longer way to go wait for room among the batches in flight?"""
        with self._lock:
            return any(way > _way(trip) for lane, way in self._queue.items() if lane != trip.lane)

    def queue(self, trip: Trip) -> None:
        """The lane waits for room among the batches in flight."""
        with self._lock:
            self._queue[trip.lane] = _way(trip)

    def leave_queue(self, trip: Trip) -> None:
        """It does not any more."""
        with self._lock:
            self._queue.pop(trip.lane, None)

    # How it is chosen

    @property
    def _refusals(self) -> Refusals:
        """As earlier runs left it, and as it went on; the caller holds the lock."""
        if self._known is None:
            ledger, settings = self._session.ledger, self._session.settings
            self._known = refusals(ledger, settings)
            self._used_up_until = ledger.closures.used_up_until(
                settings.engine, settings.model.name
            )
        return self._known

    def _is_in_doubt(self) -> bool:
        """Did flex refuse, and is it time to ask whether it still does?"""
        with self._lock:
            return self._refusals.since is not None and not self._refusals.seconds(time.time())

    def _choices(self, trip: Trip, schedule: Schedule) -> Mapping[int, Choice]:
        """Of all lanes, by their numbers; what was chosen just now holds for a moment."""
        latest, is_shut = self._session.ledger.runs.latest_wave(), self.is_shut("flex")
        known = self._chosen
        if not (
            known
            and trip.lane in known.by_lane
            and (known.latest_wave, known.is_shut) == (latest, is_shut)
            and time.monotonic() < known.until
        ):
            lanes, now = _lanes_left(schedule), self._facts(trip)
            until = time.monotonic() + self._session.settings.calls.retry_pause_seconds
            known = self._chosen = _Chosen(auto(now, lanes), latest, is_shut, until)
            if not self._is_in_doubt():  # a few calls only ask whether it still refuses
                self._tell(known.by_lane, deadline_note(now, lanes))
        return known.by_lane

    def _facts(self, trip: Trip) -> Facts:
        """What the ledger tells now, and of the day's calls the gate."""
        session = self._session
        ledger, settings = session.ledger, session.settings
        found = facts(
            ledger,
            settings,
            paces(ledger, session.engine, settings.model.name),
            _a_page(session, trip.legs),
            began=ledger.runs.started_at(trip.run_id),
            run_id=trip.run_id,
        )
        if found.deadline_seconds is not None:
            self._deadline = time.time() + found.deadline_seconds
        return replace(found, is_used_up=found.is_used_up or session.gate.is_day_used_up)

    def _tell(self, choices: Mapping[int, Choice], note: str | None) -> None:
        """A line for each road to which lanes change, and one where a deadline is not met."""
        lanes: dict[Choice, list[int]] = defaultdict(list)
        for lane, choice in choices.items():
            lanes[choice].append(lane)
        for choice, some in lanes.items():
            if any(self._told.get(lane) != choice.road for lane in some):
                events.road_chosen(choice, sorted(some))
        self._told = {lane: choice.road for lane, choice in choices.items()}
        if note and not self._told_of_deadline:
            events.deadline_missed(note)
        self._told_of_deadline = note


def _way(trip: Trip) -> int:
    return max(map(len, trip.legs))


def _lanes_left(schedule: Schedule) -> list[Lane]:
    """What each lane has still to read."""
    pages: dict[int, list[int]] = defaultdict(list)
    for leg in schedule.chains_left():
        pages[schedule.lane_of(leg[0])].append(len(leg))
    return [Lane(lane, max(each), sum(each)) for lane, each in pages.items()]


def _a_page(session: Session, legs: Sequence[Sequence[str]]) -> Estimate:
    """Tokens of a page, as best known."""
    expected = estimator(session)
    for leg in legs:
        with suppress(DataError):  # its image is gone
            return expected_tokens(expected, session.dataset.page(leg[0]))
    return Estimate(0, 0)
