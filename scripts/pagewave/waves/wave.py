"""One wave, from start to end: pages of many books, carried by a road, and what became of each.

    legs (the pages that each chain has still to read) -> road -> outcomes -> manifest -> page files
    -> the lane's next wave is sent (`ahead`) -> uploads are deleted

Which road that is, `chooser` knows. How pages travel is the road's matter (`batch_road`,
`call_road`); how the answers are understood and paid for is the same for all (`collect`).
"""

import json
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.atomic import write_atomically
from pagewave.errors import OnItsWay
from pagewave.gemini.session import Session
from pagewave.ledger import BY_BATCH, Ledger, MemberOutcome
from pagewave.plan.roads import Choice
from pagewave.plan.schedule import Schedule
from pagewave.waves import events
from pagewave.waves.admission import why_full
from pagewave.waves.ahead import Ahead
from pagewave.waves.batch_road import BatchRoad, Sent
from pagewave.waves.call_road import CallRoad
from pagewave.waves.chooser import Chooser
from pagewave.waves.collect import clean_up
from pagewave.waves.members import refuse_if_limited
from pagewave.waves.recover import find_doubtful
from pagewave.waves.road import Carried, Road, Shut, Trip

Begun = tuple[Trip, Sent | None]
"""A wave that has begun, and what it sent; None where it has no pages."""


def run_wave(
    session: Session,
    chooser: Chooser,
    run_id: str,
    lane: int,
    number: int,
    schedule: Schedule,
    manifest: Path,
    write: Callable[[Mapping[str, int]], Collection[str]],
    ahead: Ahead[Begun] | None = None,
) -> None:
    """Carry pages of every chain of the lane and write down what became of each.

    Args:
        schedule: tells what each chain has still to read.
        write: writes the files of pages from answers (attempts by key); tells which it wrote.
        ahead: what of the wave is sent already, and where its lane's next one is sent.

    Raises:
        BudgetReached, ServiceError, OnItsWay, Stopped: as `Road.carry`; the wave stays open.
    """

    def begin(number: int) -> Trip:
        refuse_if_limited(session)
        started_at = time.time()
        find_doubtful(session)
        return Trip(session, run_id, lane, number, schedule.legs(lane, number), write, started_at)

    def send(number: int) -> Begun:
        trip = begin(number)
        return trip, BatchRoad().send(trip) if trip.legs else None

    begun = ahead.taken(lane, number) if ahead else None
    trip, sent = begun or (begin(number), None)
    # All its pages were carried by the wave before, where that came further than was thought.
    choice, carried = _carry(chooser, trip, schedule, sent) if trip.legs else (None, Carried())
    # The manifest first: a closed wave is never looked at again.
    _write_manifest(session.ledger, trip, choice, carried, manifest)
    crash.point("manifest-written")
    session.ledger.runs.close_wave(run_id, lane, number, trip.started_at, carried.outcomes)
    crash.point("wave-closed")
    trip.write_pages(carried.outcomes)
    events.wave_closed(session, trip.name, run_id, lane, number, trip.started_at, carried.outcomes)
    if ahead and ahead.may_begin(run_id) and schedule.legs(lane, number + 1):
        ahead.begin(lane, number + 1, lambda: send(number + 1))
    for batch_id in carried.batches:
        clean_up(session, batch_id)


def _carry(
    chooser: Chooser, trip: Trip, schedule: Schedule, sent: Sent | None
) -> tuple[Choice, Carried]:
    """By the road that is right now; chosen again while that one takes nothing."""
    was_full = False
    if sent:
        return chooser.choose(trip, schedule), BatchRoad().carry_on(trip, sent)
    try:
        while True:
            choice = chooser.choose(trip, schedule)
            is_batch = choice.road == BY_BATCH
            its_turn = not chooser.is_others_turn(trip)
            # One look takes in what is in flight or stored already; then it is for room to send.
            is_held = was_full and is_batch and (why_full(trip.session) or not its_turn)
            if choice.road != "wait" and not is_held:
                chooser.leave_queue(trip)
                with suppress(Shut):
                    return choice, _road(chooser, choice.road, its_turn).carry(trip)
                was_full |= is_batch
            if choice.road == "wait" and not trip.session.waits:
                raise OnItsWay(f"{trip.name}: not sent now, {choice.why}")
            if is_batch:
                chooser.queue(trip)
            chooser.pause()
    finally:
        chooser.leave_queue(trip)


def _road(chooser: Chooser, transport: str, its_turn: bool) -> Road:
    if transport == BY_BATCH:
        return BatchRoad(is_chosen=chooser.is_auto, may_send=its_turn)
    return CallRoad(transport, chooser if chooser.is_auto else None)


def _write_manifest(
    ledger: Ledger,
    trip: Trip,
    choice: Choice | None,
    carried: Carried,
    manifest: Path,
) -> None:
    """The wave for people and reports; the schedule itself reads the ledger."""
    rows = [ledger.batches.get(batch_id) for batch_id in carried.batches]
    content = {
        "run": trip.run_id,
        "lane": trip.lane,
        "wave": trip.number,
        "transport": choice and choice.road,
        "why": choice and choice.why,
        "started_at": trip.started_at,
        "ended_at": time.time(),
        "batches": [
            {
                "name": row.name,
                "display_name": row.display_name,
                "state": row.state,
                **ledger.answers.totals(row.id),
            }
            for row in rows
        ],
        "pages": [_page_entry(ledger, outcome) for outcome in carried.outcomes],
    }
    write_atomically(manifest, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _page_entry(ledger: Ledger, outcome: MemberOutcome) -> dict[str, object]:
    return {
        "key": outcome.key,
        "outcome": outcome.outcome,
        "free": outcome.free,
        "flags": [flag._asdict() for flag in ledger.answers.flags(outcome.attempt_id)],
    }
