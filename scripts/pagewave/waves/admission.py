"""What may be sent now: what a budget and, without waiting, the batches in flight leave room for.

A run that waits has Snakemake keep count of the batches in flight, and pauses where a pause is due.
One that doesn't leaves its batches behind, so the ledger counts them, and a pause is left to the
time between runs (trouble.py). It counts them too where a wave's road is chosen when it begins.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import TypeVar

from pagewave.errors import BudgetReached, OnItsWay
from pagewave.gemini.session import Session
from pagewave.ledger import Ledger
from pagewave.log import log
from pagewave.plan.budget import NoRoom
from pagewave.waves.collect import collect

T = TypeVar("T")


def why_full(session: Session) -> str | None:
    """Why no batch is sent now, by the ledger's count of those in flight; None: there is room."""
    limit = session.batch_limit
    if len(session.ledger.batches.open(session.engine)) >= limit:
        return f"{limit} batches are in flight, the most there may be"
    return None


def batches_at_once(
    session: Session,
    run_id: str,
    lane: int,
    waited_for: Collection[int] = (),
    *,
    counts: bool = False,
) -> int:
    """How many batches a wave may send; `why_full` was asked before.

    Where the ledger `counts` them, what it leaves. Else Snakemake counts one batch a wave, so that
    it is one at least, unless the wave waits for batches of an earlier run (`waited_for`). What the
    lanes leave of the limit, as there are fewer of them, is for waves that send several.
    """
    limit = session.batch_limit
    going = session.ledger.batches.open(session.engine)
    if counts:
        return max(1, limit - len(going))
    spare = limit - min(limit, session.ledger.runs.lanes(run_id))
    others = [b for b in going if b.id not in waited_for and (b.run_id, b.lane) != (run_id, lane)]
    of_lanes = Counter((b.run_id, b.lane) for b in others)
    most = 1 + max(0, spare - sum(number - 1 for number in of_lanes.values()))
    return max(most - len(waited_for), 0 if waited_for else 1)


def within_budget(session: Session, run_id: str, send: Callable[[], T]) -> T:
    """Do what reserves, again and again while batches in flight may leave room for it.

    Raises:
        BudgetReached: nothing is in flight any more, and there is no room all the same.
        OnItsWay: the run does not wait, and what is in flight may leave room.
    """
    while True:
        try:
            return send()
        except NoRoom as full:
            known = {batch.id for batch in session.ledger.batches.all()}
            in_flight = [batch_id for batch_id in full.in_flight if batch_id in known]
            if not in_flight:
                session.ledger.spending.mark_over_budget(run_id, str(full))
                raise BudgetReached(str(full)) from None
            if session.waits:
                log.info("%s Waiting for what is in flight.", full)
                collect(session, in_flight[0])
            elif not any(collect(session, batch_id) for batch_id in in_flight):
                raise OnItsWay(f"{full} What is in flight may leave some.") from None


def left_for_next_run(ledger: Ledger, engine: str) -> str:
    """What such a run leaves to the next one, for the person or the log that reads how it ended."""
    batches = ledger.batches.open(engine)
    if not batches:
        return "not all is read yet, and nothing is in flight. Run the same command again later."
    pages = len(set(ledger.batches.in_flight(engine)))
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(min(b.intent_at for b in batches)))
    return (
        f"not all is read yet. In flight: {len(batches)} batches with {pages} pages, the oldest "
        f"since {since}. Run the same command again later, such as every hour."
    )
