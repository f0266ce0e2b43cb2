"""One wave, from start to end: the next page of many books, asked in one batch.

    members -> requests -> what is free, what is on its way, what is new -> submit -> collect
    -> outcomes -> manifest

What was answered once is not asked again, what is on its way is waited for, and only the rest is
sent. The steps that send and fetch live in `submit` and `collect`.

A page whose image or previous page can't be read fails alone, before anything is sent for it.

Mostly what is new is one batch; after one that failed as a whole, each half of it is. Pages that
find no room among the batches in flight, or whose pause is not over yet while others can go on,
ride again in the lane's next wave.

With `execution.wait: false` nothing is waited for: pages whose batch goes on, or that can't be sent
yet, ride again in the next wave, as failed ones do. A wave that has only such pages stays open, and
with it the lane ends for this run.
"""

import json
import logging
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.atomic import write_atomically
from pagewave.errors import DataError, OnItsWay, ServiceError
from pagewave.gemini.session import Session
from pagewave.ledger import Batch, FailureRow, Ledger, MemberOutcome, Outcome, ServiceTrouble
from pagewave.log import log
from pagewave.pages.changed import remember_images
from pagewave.plan.budget import NoRoom
from pagewave.prompts.request import Request
from pagewave.waves import events
from pagewave.waves.admission import batches_at_once, reason_to_hold, within_budget
from pagewave.waves.collect import collect
from pagewave.waves.halves import by_model, split
from pagewave.waves.recover import find_doubtful
from pagewave.waves.submit import Submission, abandon, intend, send
from pagewave.waves.trouble import (
    give_up,
    out_of_patience,
    pause_until_due,
    ready_parts,
    without_resting,
)
from pagewave.workspace import Workspace


@dataclass
class Members:
    """A wave's requests by where their answers come from; `waiting` goes by batch."""

    free: list[Request] = field(default_factory=list)
    waiting: dict[int, list[Request]] = field(default_factory=dict)
    new: list[Request] = field(default_factory=list)


Sending = tuple[Batch, Sequence[Submission]]


@dataclass(frozen=True)
class _Decision:
    """What to do about a wave's requests: settled in one transaction, as two lanes must not both
    send the same request, nor spend the same dollar.

    `sendings` are the batches to send now, and `not_yet` says why others ride again. Of `given_up`
    pages this run sends no more: the service goes on failing them, or refuses.
    """

    standing: dict[str, int]
    members: Members
    sendings: Sequence[Sending]
    not_yet: str | None
    given_up: dict[str, ServiceTrouble]


def run_wave(
    session: Session, run_id: str, lane: int, number: int, keys: Sequence[str], manifest: Path
) -> None:
    """Read one page of every chain of the lane and write down what became of each.

    Raises:
        BudgetReached: what is new might cost more than is left; nothing of it was sent.
        ServiceError: the service refuses a batch, or has failed its pages for too long.
        OnItsWay: the run does not wait, and so far there is nothing of any page.
        Stopped: the run was told to stop; what was sent is collected by the next one.
    """
    _refuse_if_limited(session)
    started_at = time.time()
    name = f"lane {lane} wave {number}"
    find_doubtful(session)
    keys = without_resting(session, name, keys)
    requests = _build_requests(session, keys)
    decision = within_budget(
        session, run_id, lambda: _decide(session, run_id, lane, number, requests)
    )
    members, not_yet = decision.members, decision.not_yet
    waiting = [request for requests in members.waiting.values() for request in requests]
    events.wave_started(name, lane, number, members.free, waiting, members.new)
    for batch_id in members.waiting if session.waits else ():
        log.info(
            "%s: waiting for batch %s", name, session.ledger.batches.get(batch_id).display_name
        )
    sent: dict[int, set[str]] = {}
    try:
        for batch_id, fingerprints in _send_all(session, name, decision.sendings):
            sent[batch_id] = fingerprints
    except OnItsWay as reason:
        not_yet = str(reason)
    batches = [*members.waiting, *sent]
    going = [batch_id for batch_id in batches if not collect(session, batch_id)]
    _refuse_if_limited(session)
    done = set().union(*(sent[batch_id] for batch_id in sent if batch_id not in going))
    later = [request for b in going for request in members.waiting.get(b, ())]
    later += [request for request in members.new if request.fingerprint not in done]
    if later:
        log.info("%s: %s", name, _what_is_left(session, later, going, not_yet))
    left = {request.key for request in later} | decision.given_up.keys()
    decided = [key for key in keys if key not in left]
    if not decided and decision.given_up:
        raise give_up(session, decision.given_up)
    if not decided:
        raise OnItsWay(f"{name}: on its way. The same command goes on with it.")
    outcomes = _outcomes(session, decided, requests, members.free, decision.standing)
    # The manifest first: a closed wave is never looked at again.
    _write_manifest(session.ledger, run_id, lane, number, started_at, batches, outcomes, manifest)
    crash.point("manifest-written")
    session.ledger.runs.close_wave(run_id, lane, number, started_at, outcomes)
    crash.point("wave-closed")
    events.wave_closed(session, name, run_id, lane, number, started_at, outcomes)


def _refuse_if_limited(session: Session) -> None:
    """Send nothing more where an answer, of whichever lane, said that the account is limited."""
    if session.refused:
        raise ServiceError(session.refused)


def _decide(
    session: Session, run_id: str, lane: int, number: int, requests: Sequence[Request]
) -> _Decision:
    with session.ledger.transaction():
        remember_images(
            session.ledger,
            session.images,
            [(session.dataset.page(r.key), r.facts) for r in requests],
        )
        standing = standing_answers(session, requests)
        members = sort_members(session.ledger, session.engine, requests, standing, session)
        # Some may have died only now, of what an earlier run had sent.
        dead = session.dead_letters()
        members.new = [request for request in members.new if request.key not in dead]
        given_up = out_of_patience(session, run_id, members.new)
        members.new = [request for request in members.new if request.key not in given_up]
        not_yet = reason_to_hold(session, members.new)
        submissions = _submissions(session.ledger, session.engine, members.new)
        parts = [] if not_yet else split(session.ledger, session.engine, submissions)
        parts = [same for part in parts for same in by_model(session.settings, part)]
        is_all = not (members.free or members.waiting)
        ready, resting = ready_parts(session, parts, waits=session.waits and is_all)
        at_once = batches_at_once(session, run_id, lane, members.waiting)
        sendings, full = _intend_all(session, run_id, lane, number, ready[:at_once])
    if len(ready) > at_once:
        full = full or "as many batches are in flight as there may be"
    return _Decision(standing, members, sendings, not_yet or full or resting, given_up)


def _intend_all(
    session: Session, run_id: str, lane: int, number: int, parts: Sequence[Sequence[Submission]]
) -> tuple[list[Sending], str | None]:
    """Write down each batch that the budget has room for; raises NoRoom if that is none."""
    sendings: list[Sending] = []
    for part in parts:
        try:
            sendings.append((intend(session, run_id, lane, number, part), part))
        except NoRoom as full:
            if not sendings:
                raise
            return sendings, str(full)
    return sendings, None


def _send_all(
    session: Session, name: str, sendings: Sequence[Sending]
) -> Iterator[tuple[int, set[str]]]:
    """Send the wave's batches, after a pause where one is due: each with its fingerprints.

    Where one can't be sent, those behind it are not either.
    """
    if sendings:
        crash.point("intent-written")
        pause_until_due(session, name, [s.request.key for _, part in sendings for s in part])
    for place, (intent, part) in enumerate(sendings):
        try:
            batch = send(session, intent, part)
        except Exception:
            for left, _ in sendings[place + 1 :]:
                abandon(session, left, "one of the same wave could not be sent")
            raise
        if batch.name:
            events.batch_sent(session.ledger, name, batch)
        yield batch.id, {submission.request.fingerprint for submission in part}


def _what_is_left(
    session: Session, later: Sequence[Request], going: Sequence[int], not_yet: str | None
) -> str:
    """What a wave leaves to the next one; a run that does not wait, to the next run."""
    parts = [f"{len(going)} batch{'es' * (len(going) > 1)} not finished"] if going else []
    parts += [f"not sent, {not_yet}"] if not_yet else []
    to = "wave" if session.waits else "run"
    return f"{len(later)} pages left to the next {to}: {'; '.join(parts)}"


def _build_requests(workspace: Workspace, keys: Sequence[str]) -> list[Request]:
    """The requests for these pages; those that can't be made are failures in the ledger."""
    requests, failures = [], []
    counts = workspace.ledger.failures.counts(workspace.engine)
    for key in keys:
        try:
            requests.append(workspace.request_for(key))
        except DataError as error:
            failures.append(
                FailureRow(
                    key=key,
                    attempt_number=1 + counts[key].counted,
                    counted=False,
                    error_type="FileNotFound",
                    message=str(error),
                )
            )
    workspace.ledger.failures.add(workspace.engine, failures)
    events.records_failed(failures, None, logging.WARNING)
    return requests


def standing_answers(workspace: Workspace, requests: Sequence[Request]) -> dict[str, int]:
    """Attempts by key: answers on file that were read from this very image and are still good.

    Their pages are in a wave because the file of their scans was changed, but they were not. Then
    they are not read again, though the page before may say something else now.
    """
    rebuilds = workspace.ledger.runs.rebuilds()
    on_file = [
        request
        for request in requests
        if request.key not in rebuilds
        and workspace.page_file(workspace.dataset.page(request.key)).exists()
    ]
    origins = workspace.ledger.files.origins() if on_file else {}
    return {
        request.key: origin.attempt_id
        for request in on_file
        if (origin := origins.get(request.key))
        and (origin.engine, origin.image_sha256) == (workspace.engine, request.facts.sha256)
    }


def sort_members(
    ledger: Ledger,
    engine: str,
    requests: Sequence[Request],
    standing: Container[str] = (),
    workspace: Workspace | None = None,
) -> Members:
    """Tell the requests that have an answer from those on their way and those to be sent.

    Args:
        standing: keys of pages whose answer on file is still good, see `standing_answers`.
        workspace: where what is on its way with other settings may be taken, or waited for.
    """
    members = Members()
    rebuilds = ledger.runs.rebuilds()
    for request in requests:
        after = rebuilds.get(request.key, 0)
        in_flight = ledger.batches.carrying(request.fingerprint, engine, after)
        if request.key in standing or ledger.answers.stored(request.fingerprint, after):
            members.free.append(request)
        elif in_flight:
            members.waiting.setdefault(in_flight, []).append(request)
        elif workspace and workspace.answer_asked_otherwise(request, after):
            members.free.append(request)
        elif workspace and (other := workspace.batch_asked_otherwise(request, after)):
            members.waiting.setdefault(other, []).append(request)
        else:
            members.new.append(request)
    return members


def _submissions(ledger: Ledger, engine: str, requests: Sequence[Request]) -> list[Submission]:
    """The requests to send; of pages that ask the very same (two blank leaves), only the first."""
    failures = ledger.failures.counts(engine)
    submissions: dict[str, Submission] = {}
    for request in requests:
        if request.fingerprint in submissions:
            continue
        submissions[request.fingerprint] = Submission(
            request,
            attempt_number=1 + failures[request.key].counted,
            errors=ledger.failures.error_types(request.key, engine),
        )
    return list(submissions.values())


def _outcomes(
    workspace: Workspace,
    keys: Sequence[str],
    requests: Sequence[Request],
    free: Sequence[Request],
    standing: Mapping[str, int],
) -> list[MemberOutcome]:
    rebuilds, dead = workspace.ledger.runs.rebuilds(), workspace.dead_letters()
    asked = {request.key: request for request in requests}
    free_keys = {request.key for request in free}
    outcomes = []
    for key in keys:
        attempt_id = standing.get(key)
        if not attempt_id and key in asked:
            after = rebuilds.get(key, 0)
            attempt_id = workspace.ledger.answers.stored(asked[key].fingerprint, after)
            attempt_id = attempt_id or workspace.answer_asked_otherwise(asked[key], after)
        outcome = Outcome.DEAD if key in dead else Outcome.FAILED
        outcome = Outcome.READ if attempt_id else outcome
        outcomes.append(MemberOutcome(key, outcome, key in free_keys, attempt_id))
    return outcomes


def _write_manifest(
    ledger: Ledger,
    run_id: str,
    lane: int,
    number: int,
    started_at: float,
    batches: Sequence[int],
    outcomes: Sequence[MemberOutcome],
    manifest: Path,
) -> None:
    """The wave for people and reports; the schedule itself reads the ledger."""
    rows = [ledger.batches.get(batch_id) for batch_id in batches]
    content = {
        "run": run_id,
        "lane": lane,
        "wave": number,
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
        "pages": [
            {
                "key": o.key,
                "outcome": o.outcome,
                "free": o.free,
                "flags": [flag._asdict() for flag in ledger.answers.flags(o.attempt_id)],
            }
            for o in outcomes
        ],
    }
    write_atomically(manifest, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
