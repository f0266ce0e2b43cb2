"""What is sent later, and for how long: pauses after trouble that is not a page's own.

A pause follows from the ledger, so that it holds over a crash and between runs that don't wait. It
doubles each time. Trouble of the service costs no attempt; a run waits it out for
`batch.outage_seconds`.
"""

import time
from collections.abc import Iterable, Mapping, Sequence

from pagewave.errors import OnItsWay, ServiceError
from pagewave.gemini.session import Session
from pagewave.ledger import ServiceTrouble, Setback
from pagewave.log import log
from pagewave.prompts.request import Request
from pagewave.waves.submit import Submission
from pagewave.wording import count

FEWEST_TRIES = 5
"""A batch may take a day: by its time alone, bad luck is not told from trouble that lasts."""

GONE = "FileNotFound"


def ready_parts(
    session: Session, parts: Sequence[Sequence[Submission]], *, waits: bool
) -> tuple[list[Sequence[Submission]], str | None]:
    """Which of the batches to be sent may go now, and why the others may not.

    Args:
        waits: where none may, the first of them is taken all the same: its pause is waited for.
    """
    setbacks = session.ledger.failures.setbacks(session.engine)
    due = [_due_together(session, setbacks, _keys(part)) for part in parts]
    if not parts or max(due) <= time.time():
        return list(parts), None
    until = max(time.time(), min(due) if waits else 0.0)
    at = time.strftime("%H:%M:%S", time.localtime(max(due)))
    reason = f"they failed before, not by themselves, and are sent again from {at} on"
    return [part for part, when in zip(parts, due, strict=True) if when <= until], reason


def due_at(session: Session, keys: Sequence[str]) -> float:
    """When these pages may be sent together (Unix seconds); 0 where no pause is due."""
    return _due_together(session, session.ledger.failures.setbacks(session.engine), keys)


def pause_until_due(session: Session, name: str, keys: Sequence[str]) -> None:
    """Give a service, or a disk, time to recover; raises Stopped when the run is told to stop."""
    setbacks = session.ledger.failures.setbacks(session.engine)
    left = _due_together(session, setbacks, keys) - time.time()
    if left <= 0:
        return
    last = max((setbacks[key] for key in keys), key=lambda setback: setback.at)
    log.warning(
        "%s: %s failed %s before, not by themselves, again in %.3g s (%s: %s)",
        name,
        count(len(keys), "page"),
        count(last.times, "time"),
        left,
        last.error_type,
        last.message,
    )
    session.client.pause(left)


def without_resting(session: Session, name: str, keys: Sequence[str]) -> list[str]:
    """Those of a wave's pages that may be looked at: not where an image was gone just now.

    A network share comes back; until then such a page is tried a few times, with a pause that
    doubles. Where a wave has no other pages the pause is waited for.

    Raises:
        OnItsWay: the run does not wait.
    """
    while True:
        setbacks = session.ledger.failures.setbacks(session.engine)
        gone = {k: setbacks[k] for k in keys if k in setbacks and setbacks[k].error_type == GONE}
        now = time.time()
        ready = [key for key in keys if key not in gone or _due(session, gone[key]) <= now]
        if ready or not keys:
            return ready
        if not session.waits:
            raise OnItsWay(f"{name}: {next(iter(gone.values())).message}. Looked for again later.")
        pause_until_due(session, name, keys)


def _due_together(session: Session, setbacks: Mapping[str, Setback], keys: Iterable[str]) -> float:
    """When these pages may be sent together (Unix seconds): at once if one of them always may."""
    return min(_due(session, setbacks[key]) if key in setbacks else 0.0 for key in keys)


def _due(session: Session, setback: Setback | ServiceTrouble) -> float:
    """When the pause after a setback is over; at once where the clock was set back since."""
    return setback.at + session.retry_pause(setback.times) if setback.at <= time.time() else 0.0


def _keys(part: Sequence[Submission]) -> list[str]:
    return [submission.request.key for submission in part]


def out_of_patience(
    session: Session, run_id: str, requests: Sequence[Request]
) -> dict[str, ServiceTrouble]:
    """Pages that the service has failed for so long, or refused, that this run sends no more.

    A run that does not wait sends each again once its pause is over. Until then such a page ends
    its lane, so that whoever reads exit codes comes to know.
    """
    patience = session.settings.batch.outage_seconds
    ledger, engine = session.ledger.failures, session.engine
    met = ledger.trouble(engine, run_id)
    if not session.waits:
        earlier = ledger.trouble(engine)
        met |= {key: t for key, t in earlier.items() if _due(session, t) > time.time()}
    return {
        request.key: trouble
        for request in requests
        if (trouble := met.get(request.key))
        and (
            trouble.is_refusal
            or (trouble.times >= FEWEST_TRIES and time.time() > trouble.since + patience)
        )
    }


def give_up(session: Session, troubles: Mapping[str, ServiceTrouble]) -> ServiceError:
    """Why the lane ends, where only such pages are left."""
    key = min(troubles, key=lambda key: troubles[key].since)
    worst = troubles[key]
    pages = f"{count(len(troubles), 'page')} (such as {key})"
    said = worst.message.rstrip(".")
    if worst.is_refusal:
        return ServiceError(
            f"Gemini refuses to read {pages}: {said}. Check GEMINI_API_KEY and the project's "
            "billing, then run the same command again. Nothing was counted against the pages."
        )
    return ServiceError(
        f"The service has failed {pages} for {session.settings.batch.outage_seconds:.0f} s, each "
        f"time by itself, the last time with: {said}. Nothing was counted against the pages. Run "
        "the same command again later; batch.outage_seconds says how long a run waits."
    )
