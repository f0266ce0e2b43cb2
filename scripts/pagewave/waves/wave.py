"""One wave, from start to end: pages of many books, carried by a road, and what became of each.

    legs (the pages that each chain has still to read) -> road -> outcomes -> manifest

How pages travel is the road's matter (`batch_road`, `call_road`); how the answers are understood
and paid for is the same for all (`collect`).
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.atomic import write_atomically
from pagewave.gemini.session import Session
from pagewave.ledger import BY_BATCH, Ledger, MemberOutcome
from pagewave.waves import events
from pagewave.waves.batch_road import BatchRoad
from pagewave.waves.call_road import CallRoad
from pagewave.waves.members import refuse_if_limited
from pagewave.waves.recover import find_doubtful
from pagewave.waves.road import Carried, Road, Trip


def run_wave(
    session: Session,
    run_id: str,
    lane: int,
    number: int,
    legs: Sequence[Sequence[str]],
    manifest: Path,
    write: Callable[[str, int], None],
) -> None:
    """Carry pages of every chain of the lane and write down what became of each.

    Args:
        legs: keys that each chain has still to read, in their order.
        write: writes the file of a page (key) from an answer (attempt).

    Raises:
        BudgetReached, ServiceError, OnItsWay, Stopped: as `Road.carry`; the wave stays open.
    """
    refuse_if_limited(session)
    started_at = time.time()
    find_doubtful(session)
    trip = Trip(session, run_id, lane, number, legs, write)
    road = road_for(session)
    # All its pages were carried by the wave before, where that came further than was thought.
    carried = road.carry(trip) if legs else Carried()
    # The manifest first: a closed wave is never looked at again.
    _write_manifest(session.ledger, trip, started_at, road, carried, manifest)
    crash.point("manifest-written")
    session.ledger.runs.close_wave(run_id, lane, number, started_at, carried.outcomes)
    crash.point("wave-closed")
    events.wave_closed(session, trip.name, run_id, lane, number, started_at, carried.outcomes)


def road_for(session: Session) -> Road:
    """The road that a wave takes, as the configuration says."""
    transport = session.settings.execution.transport
    return BatchRoad() if transport == BY_BATCH else CallRoad(transport)


def _write_manifest(
    ledger: Ledger, trip: Trip, started_at: float, road: Road, carried: Carried, manifest: Path
) -> None:
    """The wave for people and reports; the schedule itself reads the ledger."""
    rows = [ledger.batches.get(batch_id) for batch_id in carried.batches]
    content = {
        "run": trip.run_id,
        "lane": trip.lane,
        "wave": trip.number,
        "transport": road.transport,
        "started_at": started_at,
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
