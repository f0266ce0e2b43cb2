"""One wave, from start to end: the next page of many books, asked in one batch.

    members -> requests -> what is free, what is on its way, what is new -> submit -> collect
    -> outcomes -> manifest

What was answered once is not asked again, what is on its way is waited for, and only the rest is
sent. The steps that send and fetch live in `submission` and `collection`.

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
from pagewave.ledger import Batch, FailureRow, MemberOutcome
from pagewave.log import log
from pagewave.pages.changed import remember_images
from pagewave.pages.dataset import Page
from pagewave.prompts.request import Request, build_request
from pagewave.waves.admission import as_it_fits, why_not_yet
from pagewave.waves.collect import collect
from pagewave.waves.events import tell_failures, tell_of_batch, tell_of_end, tell_of_start
from pagewave.waves.recover import look_for_doubtful
from pagewave.waves.submit import Submission, intend, send
from pagewave.workspace import Workbench


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
    bench: Workbench, run_id: str, lane: int, number: int, keys: Sequence[str], manifest: Path
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
    look_for_doubtful(bench)
    requests = _build_requests(bench, keys)
    decision = as_it_fits(bench, run_id, lambda: _decide(bench, run_id, lane, number, requests))
    members, batch, not_yet = decision.members, decision.batch, decision.not_yet
    waiting = [request for requests in members.waiting.values() for request in requests]
    tell_of_start(name, lane, number, members.free, waiting, members.new)
    for batch_id in members.waiting if bench.waits else ():
        log.info("%s: waiting for batch %s", name, bench.ledger.batch(batch_id).display_name)
    if batch:
        crash.point("intent-written")
        try:
            batch = _send(bench, name, batch, decision.submissions)
        except OnItsWay as reason:
            not_yet = str(reason)
    batches = [*members.waiting, *([batch.id] if batch else [])]
    going = [batch_id for batch_id in batches if not collect(bench, batch_id)]
    later = [request for b in going for request in members.waiting.get(b, members.new)]
    later += members.new if not_yet else []
    if later:
        log.info("%s: %s", name, _what_is_left(later, going, not_yet))
    decided = [key for key in keys if key not in {request.key for request in later}]
    if not decided:
        raise OnItsWay(f"{name}: on its way. The same command goes on with it.")
    outcomes = _outcomes(bench, decided, requests, members.free, decision.standing)
    # The manifest first: a closed wave is never looked at again.
    _write_manifest(bench, run_id, lane, number, started_at, batches, outcomes, manifest)
    crash.point("manifest-written")
    bench.ledger.close_wave(run_id, lane, number, started_at, outcomes)
    crash.point("wave-closed")
    tell_of_end(bench, name, run_id, lane, number, started_at, outcomes)


def _decide(
    bench: Workbench, run_id: str, lane: int, number: int, requests: Sequence[Request]
) -> _Decision:
    with bench.ledger.transaction():
        remember_images(
            bench.ledger, bench.images, [(bench.dataset.page(r.key), r.facts) for r in requests]
        )
        standing = standing_answers(bench, requests)
        members = sort_members(bench, requests, standing)
        # Some may have died only now, of what an earlier run had sent.
        dead = bench.dead_letters()
        members.new = [request for request in members.new if request.key not in dead]
        not_yet = why_not_yet(bench, members.new)
        submissions = [] if not_yet else _submissions(bench, members.new)
        batch = intend(bench, run_id, lane, number, submissions) if submissions else None
    return _Decision(standing, members, submissions, batch, not_yet)


def _send(bench: Workbench, name: str, batch: Batch, submissions: Sequence[Submission]) -> Batch:
    """Send the wave's batch, after a pause if a whole batch failed before."""
    _pause_after_failed_batches(bench, name, submissions)
    batch = send(bench, batch, submissions)
    if batch.name:
        tell_of_batch(bench, name, batch)
    return batch


def _what_is_left(later: Sequence[Request], going: Sequence[int], not_yet: str | None) -> str:
    """What a run that does not wait leaves to the next one."""
    parts = [f"{len(going)} batch{'es' * (len(going) > 1)} not finished"] if going else []
    parts += [f"not sent, {not_yet}"] if not_yet else []
    return f"{len(later)} pages left to the next run: {'; '.join(parts)}"


def _build_requests(bench: Workbench, keys: Sequence[str]) -> list[Request]:
    """The requests for these pages; those that can't be made are failures in the ledger."""
    requests, failures = [], []
    counts = bench.ledger.failure_counts(bench.engine)
    for key in keys:
        try:
            requests.append(build_request_for(bench, key))
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
    bench.ledger.add_failures(bench.engine, failures)
    tell_failures(failures, None, logging.WARNING)
    return requests


def build_request_for(bench: Workbench, key: str) -> Request:
    """The request for a page as its previous page stands now."""
    page = bench.dataset.page(key)
    return build_request_from(bench, page, bench.previous_context(page))


def build_request_from(bench: Workbench, page: Page, previous_context: str | None) -> Request:
    """The request for a page after a previous page that says this."""
    image, facts = bench.images.inspect(page)
    return build_request(page, bench.prompt, previous_context, bench.settings, image, facts)


def standing_answers(bench: Workbench, requests: Sequence[Request]) -> dict[str, int]:
    """Attempts by key: answers on file that were read from this very image and are still good.

    Their pages are in a wave because the file of their scans was changed, but they were not. Then
    they are not read again, though the page before may say something else now.
    """
    rebuilds = bench.ledger.rebuilds()
    on_file = [
        request
        for request in requests
        if request.key not in rebuilds and bench.page_file(bench.dataset.page(request.key)).exists()
    ]
    origins = bench.ledger.origins_of_pages() if on_file else {}
    return {
        request.key: origin.attempt_id
        for request in on_file
        if (origin := origins.get(request.key))
        and (origin.engine, origin.image_sha256) == (bench.engine, request.facts.sha256)
    }


def sort_members(
    bench: Workbench, requests: Sequence[Request], standing: Container[str] = ()
) -> Members:
    """Tell the requests that have an answer from those on their way and those to be sent.

    Args:
        standing: keys of pages whose answer on file is still good, see `standing_answers`.
    """
    members = Members()
    rebuilds = bench.ledger.rebuilds()
    for request in requests:
        after = rebuilds.get(request.key, 0)
        in_flight = bench.ledger.open_batch_of(request.fingerprint, bench.engine, after)
        if request.key in standing or bench.ledger.stored_answer(request.fingerprint, after):
            members.free.append(request)
        elif in_flight:
            members.waiting.setdefault(in_flight, []).append(request)
        else:
            members.new.append(request)
    return members


def _submissions(bench: Workbench, requests: Sequence[Request]) -> list[Submission]:
    """The requests to send; of pages that ask the very same (two blank leaves), only the first."""
    failures = bench.ledger.failure_counts(bench.engine)
    submissions: dict[str, Submission] = {}
    for request in requests:
        if request.fingerprint in submissions:
            continue
        submissions[request.fingerprint] = Submission(
            request,
            attempt_number=1 + failures[request.key].counted,
            errors=bench.ledger.error_types(request.key, bench.engine),
        )
    return list(submissions.values())


def _pause_after_failed_batches(
    bench: Workbench, name: str, submissions: Sequence[Submission]
) -> None:
    """Give a service that fails whole batches time to recover, before their records are spent."""
    if not bench.waits:
        return  # `why_not_yet` has held them back until the pause was over
    counts = bench.ledger.failure_counts(bench.engine)
    if failed := min(counts[submission.request.key].of_batches for submission in submissions):
        pause = bench.retry_pause(failed)
        log.warning("%s: %d batches failed before it, sending in %.0f s", name, failed, pause)
        bench.gemini.pause(pause)


def _outcomes(
    bench: Workbench,
    keys: Sequence[str],
    requests: Sequence[Request],
    free: Sequence[Request],
    standing: Mapping[str, int],
) -> list[MemberOutcome]:
    rebuilds, dead = bench.ledger.rebuilds(), bench.dead_letters()
    fingerprints = {request.key: request.fingerprint for request in requests}
    free_keys = {request.key for request in free}
    outcomes = []
    for key in keys:
        attempt_id = standing.get(key)
        if not attempt_id and key in fingerprints:
            attempt_id = bench.ledger.stored_answer(fingerprints[key], rebuilds.get(key, 0))
        outcome = "read" if attempt_id else "dead" if key in dead else "failed"
        outcomes.append(MemberOutcome(key, outcome, key in free_keys, attempt_id))
    return outcomes


def _write_manifest(
    bench: Workbench,
    run_id: str,
    lane: int,
    number: int,
    started_at: float,
    batches: Sequence[int],
    outcomes: Sequence[MemberOutcome],
    manifest: Path,
) -> None:
    """The wave for people and reports; the schedule itself reads the ledger."""
    rows = [bench.ledger.batch(batch_id) for batch_id in batches]
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
                **bench.ledger.batch_totals(row.id),
            }
            for row in rows
        ],
        "pages": [
            {
                "key": o.key,
                "outcome": o.outcome,
                "free": o.free,
                "flags": [flag._asdict() for flag in bench.ledger.flags_of(o.attempt_id)],
            }
            for o in outcomes
        ],
    }
    write_atomically(manifest, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
