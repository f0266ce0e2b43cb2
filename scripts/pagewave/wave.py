"""One wave, from start to end: the next page of many books, asked in one batch.

    members -> requests -> what is free, what is on its way, what is new -> submit -> collect
    -> outcomes -> manifest

What was answered once is not asked again, what is on its way is waited for, and only the rest is
sent. The steps that send and fetch live in `submission` and `collection`.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import images
from .collection import collect
from .dataset import Page
from .image_changes import known_image
from .ledger import MemberOutcome
from .requests import Request, build_request
from .submission import Submission, intend, send
from .workbench import Workbench, log, write_atomically


@dataclass
class Members:
    """A wave's requests by where their answers come from; `waiting` goes by batch."""

    free: list[Request] = field(default_factory=list)
    waiting: dict[int, list[Request]] = field(default_factory=dict)
    new: list[Request] = field(default_factory=list)


def run_wave(
    bench: Workbench, run_id: str, lane: int, number: int, keys: Sequence[str], manifest: Path
) -> None:
    """Read one page of every chain of the lane and write down what became of each.

    Raises:
        ServiceError: the service refuses the batch; nothing was created.
        Stopped: the run was told to stop; what was sent is collected by the next one.
    """
    started_at = time.time()
    name = f"lane {lane} wave {number}"
    requests = [build_request_for(bench, key) for key in keys]
    with bench.ledger.transaction():  # two lanes must not both send the same request
        bench.ledger.add_images({str(r.image): known_image(r.facts) for r in requests})
        members = sort_members(bench, requests)
        submissions = _submissions(bench, members.new)
        batch = intend(bench, run_id, lane, number, submissions) if submissions else None
    for batch_id in members.waiting:
        log.info("%s: waiting for batch %s", name, bench.ledger.batch(batch_id).display_name)
    if batch:
        batch = send(bench, batch, submissions)
        log.info("%s: %d pages sent as %s", name, len(submissions), batch.name)
    batches = [*members.waiting, *([batch.id] if batch else [])]
    for batch_id in batches:
        collect(bench, batch_id)
    outcomes = _outcomes(bench, requests, members.free)
    bench.ledger.close_wave(run_id, lane, number, started_at, outcomes)
    _write_manifest(bench, run_id, lane, number, started_at, batches, outcomes, manifest)
    log.info("%s: %s", name, _summary(outcomes))


def build_request_for(bench: Workbench, key: str) -> Request:
    """The request for a page as its previous page stands now."""
    page = bench.dataset.page(key)
    return build_request_from(bench, page, bench.previous_context(page))


def build_request_from(bench: Workbench, page: Page, previous_context: str | None) -> Request:
    """The request for a page after a previous page that says this."""
    facts = images.inspect(page.image)
    return build_request(page, bench.prompt, previous_context, bench.settings, facts)


def sort_members(bench: Workbench, requests: Sequence[Request]) -> Members:
    """Tell the requests that have an answer from those on their way and those to be sent."""
    members = Members()
    rebuilds = bench.ledger.rebuilds()
    for request in requests:
        in_flight = bench.ledger.open_batch_of(request.fingerprint, bench.engine)
        since = rebuilds.get(request.key, 0.0)
        if bench.ledger.stored_answer(request.fingerprint, since):
            members.free.append(request)
        elif in_flight and bench.ledger.batch(in_flight).intent_at >= since:
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
        last = bench.ledger.last_failure(request.key)
        submissions[request.fingerprint] = Submission(
            request,
            attempt_number=1 + failures[request.key].counted,
            last_error=last["error_type"] if last else None,
        )
    return list(submissions.values())


def _outcomes(
    bench: Workbench, requests: Sequence[Request], free: Sequence[Request]
) -> list[MemberOutcome]:
    rebuilds, dead = bench.ledger.rebuilds(), bench.dead_letters()
    outcomes = []
    for request in requests:
        since = rebuilds.get(request.key, 0.0)
        attempt_id = bench.ledger.stored_answer(request.fingerprint, since)
        outcome = "read" if attempt_id else "dead" if request.key in dead else "failed"
        outcomes.append(MemberOutcome(request.key, outcome, request in free, attempt_id))
    return outcomes


def _summary(outcomes: Sequence[MemberOutcome]) -> str:
    counts = {
        "read": sum(o.outcome == "read" and not o.free for o in outcomes),
        "taken from stored answers": sum(o.free for o in outcomes),
        "failed, to be tried again": sum(o.outcome == "failed" for o in outcomes),
        "dead letters": sum(o.outcome == "dead" for o in outcomes),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "no pages"


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
                "records_sent": len(bench.ledger.records(row.id)),
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
