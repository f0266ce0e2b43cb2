"""The road of calls: each chain page after page, without a barrier, for as long as a wave may take.

    per chain: request -> free, on its way or new -> call -> collect -> page file -> the next page

All chains of a wave go at the same time, and all calls through one gate. A wave ends when its
chains do, or begins no call any more once its time is over (`box_seconds`); then it is closed with
what it carried, also where the budget has no more room, the service refuses, or the run is told to
stop. The first page of a chain is asked however late it gets its turn, so that each wave carries
something.

Calls in flight are waited for `calls.stop_seconds` when the run is told to stop.
"""

import threading
import time
from collections.abc import Container, Sequence

from pagewave.errors import BudgetReached, OnItsWay, ServiceError
from pagewave.gemini.calls import NotNow
from pagewave.gemini.retries import Stopped
from pagewave.ledger import Batch, MemberOutcome, Outcome, ServiceTrouble
from pagewave.log import log
from pagewave.pages.changed import remember_images
from pagewave.plan.boxes import box_seconds
from pagewave.prompts.costs import estimate
from pagewave.prompts.request import Request
from pagewave.waves import events
from pagewave.waves.admission import within_budget
from pagewave.waves.calls import Way, begin, carry_out
from pagewave.waves.chooser import Chooser
from pagewave.waves.collect import collect
from pagewave.waves.members import (
    Members,
    build_requests,
    refuse_if_limited,
    sort_members,
    standing_answers,
    submissions_of,
)
from pagewave.waves.other_model import refuse_other
from pagewave.waves.pictures import note_pictures, seen_of_pictures, tell_doubts
from pagewave.waves.road import Carried, Shut, Trip
from pagewave.waves.submit import Submission
from pagewave.waves.trouble import due_at, give_up, out_of_patience, pause_until_due

LOOK_SECONDS = 0.1
"""How often a wave looks whether the run was told to stop."""


class CallRoad:
    """Carries as many pages of each leg as come in time, in calls of a tier.

    `chooser`: who chose the road, where that was for this wave alone. It is told what becomes of
    calls, and tells when there is no sense in asking any more: then the wave ends.
    """

    def __init__(self, tier: str, chooser: Chooser | None = None) -> None:
        self._tier = tier
        self._chooser = chooser

    def carry(self, trip: Trip) -> Carried:
        """Read each leg page after page, all legs at the same time; see `Road`."""
        if trip.number > 1 and not trip.session.waits:
            raise OnItsWay(f"{trip.name}: left to the next run, which does not wait either.")
        model = trip.session.settings.model.name
        trip.session.check_access(model)
        refuse_other(trip.session, model)
        return _Wave(trip, self._tier, self._chooser).carry()


class _LegOver(Exception):
    """Nothing more is read of a chain in this wave, and nothing went wrong."""


class _Wave:
    """One wave on its way: a thread for each leg, as far as calls may be in flight."""

    def __init__(self, trip: Trip, tier: str, chooser: Chooser | None) -> None:
        self._trip, self._tier, self._chooser = trip, tier, chooser
        self._session = trip.session
        self._ends_at = time.monotonic() + box_seconds(trip.session.ledger, trip.session.settings)
        # The longest way first.
        self._todo = sorted(trip.legs, key=len)
        self._outcomes: list[MemberOutcome] = []
        self._given_up: dict[str, ServiceTrouble] = {}
        self._reason: Exception | None = None
        """Why no further call is begun, if that is not the end of all legs, or of the time."""
        self._fatal: BaseException | None = None
        self._was_shut = False
        self._lock = threading.Lock()
        self._riders = 0
        self._all_home = threading.Event()

    def carry(self) -> Carried:
        """Let all legs ride; returns what they brought."""
        trip = self._trip
        events.calls_started(trip.name, trip.lane, trip.number, [leg[0] for leg in trip.legs])
        self._riders = min(len(self._todo), self._session.settings.calls.in_flight)
        for number in range(self._riders):
            # Daemons: a call that nobody waits for any more must not hold up the end.
            name = f"{trip.name} {number}"
            threading.Thread(target=self._ride_legs, name=name, daemon=True).start()
        self._wait()
        with self._lock:
            outcomes, reason = list(self._outcomes), self._reason
        if self._fatal:
            raise self._fatal
        if not outcomes:
            if reason is None and self._given_up:
                reason = give_up(self._session, self._given_up)
            if reason is None and self._was_shut:
                raise Shut(f"{self._tier} takes nothing")
            raise reason or OnItsWay(f"{trip.name}: on its way. The same command goes on with it.")
        if reason:
            log.warning("%s: closed with what it carried (%s)", trip.name, reason or "stopped")
        place = {key: number for number, key in enumerate(key for leg in trip.legs for key in leg)}
        return Carried(sorted(outcomes, key=lambda outcome: place[outcome.key]))

    def _wait(self) -> None:
        """Until all legs are over; after a stop, for as long as calls in flight are waited for."""
        patience = self._session.settings.calls.stop_seconds
        stopped_at: float | None = None
        while not self._all_home.wait(LOOK_SECONDS):
            if self._fatal and not isinstance(self._fatal, Exception):
                return
            if not (self._session.stop.is_set() or self._fatal):
                continue
            stopped_at = stopped_at or time.monotonic()
            if time.monotonic() > stopped_at + patience:
                log.warning(
                    "%s: calls in flight did not come back in %.3g s", self._trip.name, patience
                )
                self._close(Stopped())
                return

    def _close(self, reason: Exception) -> None:
        """Begin nothing more; the first reason stays."""
        with self._lock:
            self._reason = self._reason or reason

    # A thread's own

    def _ride_legs(self) -> None:
        try:
            while leg := self._next_leg():
                self._ride(leg)
        except (BudgetReached, OnItsWay, ServiceError, Stopped) as reason:
            self._close(reason)
        except BaseException as error:
            self._fatal = self._fatal or error
            self._close(Stopped())
        finally:
            with self._lock:
                self._riders -= 1
                if not self._riders:
                    self._all_home.set()

    def _next_leg(self) -> Sequence[str] | None:
        with self._lock:
            return self._todo.pop() if self._todo and not self._reason else None

    def _ride(self, leg: Sequence[str]) -> None:
        """Read a chain's pages, one after another, as far as that goes."""
        for place, key in enumerate(leg):
            if self._reason:
                return
            way = Way(
                self._trip.run_id,
                self._trip.lane,
                self._trip.number,
                self._tier,
                priority=len(leg) - place,
                until=self._ends_at if place else None,
                note=self._note,
                is_shut=self._is_shut if self._chooser else None,
            )
            outcome = self._read(way, key)
            if outcome is None:
                return
            with self._lock:
                self._outcomes.append(outcome)
            if outcome.attempt_id is not None and not self._trip.write_pages([outcome]):
                return
            goes_on = self._session.continues_past_dead_letters and outcome.outcome == Outcome.DEAD
            if outcome.outcome != Outcome.READ and not goes_on:
                return

    def _is_shut(self) -> bool:
        shut = self._chooser is not None and self._chooser.is_shut(self._tier)
        self._was_shut |= shut
        return shut

    def _note(self, no: NotNow | None) -> None:
        if self._chooser:
            self._chooser.note(self._tier, no)

    def _read(self, way: Way, key: str) -> MemberOutcome | None:
        """Ask for a page until it is read or given up; None: it was not come to, or rides again."""
        session, tried = self._session, False
        try:
            while True:
                self._wait_until_due(way, key)
                requests = build_requests(session, [key])
                if requests and (outcome := self._answer(way, requests[0])):
                    return outcome
                tried = True
                if key in session.dead_letters():
                    return MemberOutcome(key, Outcome.DEAD, False, None)
        except _LegOver:
            return MemberOutcome(key, Outcome.FAILED, False, None) if tried else None

    def _wait_until_due(self, way: Way, key: str) -> None:
        """Pause where the page failed before for a reason that may pass; raises _LegOver."""
        session = self._session
        left = due_at(session, [key]) - time.time()
        is_over = way.until is not None and time.monotonic() + max(0.0, left) >= way.until
        if is_over or (left > 0 and not session.waits):
            raise _LegOver
        if left > 0:
            pause_until_due(session, self._trip.name, [key])

    def _answer(self, way: Way, request: Request) -> MemberOutcome | None:
        """What becomes of one question; None: it failed, and may be asked again."""
        session = self._session
        seen = seen_of_pictures(session, [request])
        while True:
            refuse_if_limited(session)
            with session.ledger.transaction():
                note_pictures(session, seen)
                page = session.dataset.page(request.key)
                remember_images(session.ledger, session.images, [(page, request.facts)])
                standing = standing_answers(session, [request])
                members = self._sort(request, standing)
            tell_doubts(seen)
            seen = []
            if members.free:
                attempt_id = standing.get(request.key) or self._attempt(request)
                return MemberOutcome(request.key, Outcome.READ, True, attempt_id)
            for batch_id in members.waiting:
                if not collect(session, batch_id):
                    raise _LegOver
                return self._outcome(request)
            begun = within_budget(session, self._trip.run_id, lambda: self._begin(way, request))
            if begun is None:
                continue
            if not carry_out(session, way, *begun):
                raise _LegOver
            refuse_if_limited(session)
            return self._outcome(request)

    def _begin(self, way: Way, request: Request) -> tuple[Batch, Submission] | None:
        """Through the gate, and into the ledger; None: meanwhile another lane asked the same.

        Two lanes must not both ask the same, nor spend the same dollar.
        """
        session = self._session
        facts = request.facts
        tokens = estimate(len(request.prompt), facts.width, facts.height, 0).input_tokens
        if way.is_shut is None:
            if not session.waits and session.gate.is_day_used_up:
                raise OnItsWay("the calls of today are made")
        elif way.is_shut():
            raise _LegOver
        if not session.gate.enter(way.priority, tokens, way.until, self._is_shut):
            raise _LegOver
        begun = None
        try:
            with session.ledger.transaction():
                if self._sort(request, ()).new:
                    if given_up := out_of_patience(session, way.run_id, [request]):
                        self._given_up |= given_up
                        raise _LegOver
                    (submission,) = submissions_of(session.ledger, session.engine, [request])
                    begun = begin(session, way, submission), submission
        finally:
            if begun is None:
                session.gate.leave()
        return begun

    def _sort(self, request: Request, standing: Container[str]) -> Members:
        return sort_members(self._session, [request], standing)

    def _attempt(self, request: Request) -> int | None:
        session = self._session
        after = session.ledger.runs.rebuilds().get(request.key, 0)
        stored = session.ledger.answers.stored(request.fingerprint, after)
        return stored or session.answer_asked_otherwise(request, after)

    def _outcome(self, request: Request) -> MemberOutcome | None:
        attempt_id = self._attempt(request)
        return MemberOutcome(request.key, Outcome.READ, False, attempt_id) if attempt_id else None
