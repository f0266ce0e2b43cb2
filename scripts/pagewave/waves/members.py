"""The pages of a wave: their requests, and where the answers come from.

What was answered once is not asked again, what is on its way is waited for, and only the rest is
sent. A page whose image or previous page can't be read fails alone, before anything is sent for it.
"""

import logging
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from pagewave.errors import DataError, ServiceError
from pagewave.gemini.session import Session
from pagewave.ledger import FailureRow, Ledger, MemberOutcome, Outcome
from pagewave.prompts.request import Request
from pagewave.waves import events
from pagewave.waves.submit import Submission
from pagewave.workspace import Workspace


@dataclass
class Members:
    """A wave's requests by where their answers come from; `waiting` goes by batch."""

    free: list[Request] = field(default_factory=list)
    waiting: dict[int, list[Request]] = field(default_factory=dict)
    new: list[Request] = field(default_factory=list)


def build_requests(workspace: Workspace, keys: Sequence[str]) -> list[Request]:
    """The requests for these pages; those that can't be made are failures in the ledger."""
    requests, failures = [], []
    counts = workspace.ledger.failures.counts(workspace.engine)
    for key in keys:
        try:
            requests.append(workspace.request_for(key))
        except DataError as error:
            failure = FailureRow(
                key=key,
                attempt_number=1 + counts[key].counted,
                counted=False,
                error_type="FileNotFound",
                message=str(error),
            )
            # What can't be decoded does not come back by itself, as a share does.
            is_broken = workspace.images.why_broken(workspace.dataset.page(key)) is not None
            tries = workspace.settings.execution.max_batch_failures if is_broken else 1
            failures += [failure] * tries
    workspace.ledger.failures.add(workspace.engine, failures)
    events.records_failed(list({row.key: row for row in failures}.values()), None, logging.WARNING)
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
    workspace: Workspace,
    requests: Sequence[Request],
    standing: Container[str] = (),
    *,
    however_asked: bool = True,
    transport: str | None = None,
) -> Members:
    """Tell the requests that have an answer from those on their way and those to be sent.

    Args:
        standing: keys of pages whose answer on file is still good, see `standing_answers`.
        however_asked: what was asked with other settings may be taken, or waited for.
        transport: only answers that came by it count, where that is what matters.
    """
    members, ledger = Members(), workspace.ledger
    rebuilds = ledger.runs.rebuilds()
    for request in requests:
        after = rebuilds.get(request.key, 0)
        in_flight = ledger.batches.carrying(request.fingerprint, workspace.engine, after, transport)
        is_stored = ledger.answers.stored(request.fingerprint, after, transport)
        if request.key in standing or is_stored:
            members.free.append(request)
        elif in_flight:
            members.waiting.setdefault(in_flight, []).append(request)
        elif however_asked and workspace.answer_asked_otherwise(request, after):
            members.free.append(request)
        elif however_asked and (other := workspace.batch_asked_otherwise(request, after)):
            members.waiting.setdefault(other, []).append(request)
        else:
            members.new.append(request)
    return members


def submissions_of(ledger: Ledger, engine: str, requests: Sequence[Request]) -> list[Submission]:
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


def outcomes_of(
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


def refuse_if_limited(session: Session) -> None:
    """Send nothing more where an answer, of whichever lane, said that the account is limited."""
    if session.refused:
        raise ServiceError(session.refused)
