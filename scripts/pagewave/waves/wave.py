"""One wave, from start to end: the next page of many books, asked in one batch.

    members -> requests -> what is free, what is on its way, what is new -> submit -> collect
    -> outcomes -> manifest

What was answered once is not asked again, what is on its way is waited for, and only the rest is
sent. The steps that send and fetch live in `submit` and `collect`.

A page whose image or previous page can't be read fails alone, before anything is sent for it.

With `execution.wait: false` nothing is waited for: pages whose batch goes on, or that can't be sent
yet, ride again in the next wave, as failed ones do. A wave that has only such pages stays open, and
with it the lane ends for this run.
"""

import json
import logging
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.atomic import write_atomically
from pagewave.errors import DataError, OnItsWay
from pagewave.gemini.session import Session
from pagewave.ledger import Batch, FailureRow, Ledger, MemberOutcome, Outcome
from pagewave.log import log
from pagewave.pages.changed import remember_images
from pagewave.prompts.request import Request
from pagewave.waves import events
from pagewave.waves.admission import reason_to_hold, within_budget
from pagewave.waves.collect import collect
from pagewave.waves.recover import find_doubtful
from pagewave.waves.submit import Submission, intend, send
from pagewave.workspace import Workspace


@dataclass
class Members:
    """A wave's requests by where their answers come from; `waiting` goes by batch."""

    free: list[Request] = field(default_factory=list)
    waiting: dict[int, list[Request]] = field(default_factory=dict)
    new: list[Request] = field(default_factory=list)


@dataclass(frozen=True)
class _Decision:
    """What to do about a wave's requests: settled in one transaction, as two lanes must not both
    send the same request, nor spend the same dollar.

    `batch` is what is sent now, and `not_yet` why it is not, where a run does not wait.
    """

    standing: dict[str, int]
    members: Members
    submissions: list[Submission]
    batch: Batch | None
    not_yet: str | None


def run_wave(
    session: Session, run_id: str, lane: int, number: int, keys: Sequence[str], manifest: Path
) -> None:
    """Read one page of every chain of the lane and write down what became of each.

    Raises:
        BudgetReached: what is new might cost more than is left; nothing of it was sent.
        ServiceError: the service refuses the batch; nothing was created.
        OnItsWay: the run does not wait, and so far there is nothing of any page.
        Stopped: the run was told to stop; what was sent is collected by the next one.
    """
    started_at = time.time()
    name = f"lane {lane} wave {number}"
    find_doubtful(session)
    requests = _build_requests(session, keys)
    decision = within_budget(
        session, run_id, lambda: _decide(session, run_id, lane, number, requests)
    )
    members, batch, not_yet = decision.members, decision.batch, decision.not_yet
    waiting = [request for requests in members.waiting.values() for request in requests]
    events.wave_started(name, lane, number, members.free, waiting, members.new)
    for batch_id in members.waiting if session.waits else ():
        log.info(
            "%s: waiting for batch %s", name, session.ledger.batches.get(batch_id).display_name
        )
    if batch:
        crash.point("intent-written")
        try:
            batch = _send(session, name, batch, decision.submissions)
        except OnItsWay as reason:
            not_yet = str(reason)
    batches = [*members.waiting, *([batch.id] if batch else [])]
    going = [batch_id for batch_id in batches if not collect(session, batch_id)]
    later = [request for b in going for request in members.waiting.get(b, members.new)]
    later += members.new if not_yet else []
    if later:
        log.info("%s: %s", name, _what_is_left(later, going, not_yet))
    decided = [key for key in keys if key not in {request.key for request in later}]
    if not decided:
        raise OnItsWay(f"{name}: on its way. The same command goes on with it.")
    outcomes = _outcomes(session, decided, requests, members.free, decision.standing)
    # The manifest first: a closed wave is never looked at again.
    _write_manifest(session.ledger, run_id, lane, number, started_at, batches, outcomes, manifest)
    crash.point("manifest-written")
    session.ledger.runs.close_wave(run_id, lane, number, started_at, outcomes)
    crash.point("wave-closed")
    events.wave_closed(session, name, run_id, lane, number, started_at, outcomes)


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
        not_yet = reason_to_hold(session, members.new)
        submissions = [] if not_yet else _submissions(session.ledger, session.engine, members.new)
        batch = intend(session, run_id, lane, number, submissions) if submissions else None
    return _Decision(standing, members, submissions, batch, not_yet)


def _send(session: Session, name: str, batch: Batch, submissions: Sequence[Submission]) -> Batch:
    """Send the wave's batch, after a pause if a whole batch failed before."""
    _pause_after_failed_batches(session, name, submissions)
    batch = send(session, batch, submissions)
    if batch.name:
        events.batch_sent(session.ledger, name, batch)
    return batch


def _what_is_left(later: Sequence[Request], going: Sequence[int], not_yet: str | None) -> str:
    """What a run that does not wait leaves to the next one."""
    parts = [f"{len(going)} batch{'es' * (len(going) > 1)} not finished"] if going else []
    parts += [f"not sent, {not_yet}"] if not_yet else []
    return f"{len(later)} pages left to the next run: {'; '.join(parts)}"


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


def _pause_after_failed_batches(
    session: Session, name: str, submissions: Sequence[Submission]
) -> None:
    """Give a service that fails whole batches time to recover, before their records are spent."""
    if not session.waits:
        return  # `reason_to_hold` has held them back until the pause was over
    counts = session.ledger.failures.counts(session.engine)
    if failed := min(counts[submission.request.key].of_batches for submission in submissions):
        pause = session.retry_pause(failed)
        log.warning("%s: %d batches failed before it, sending in %.0f s", name, failed, pause)
        session.client.pause(pause)


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
