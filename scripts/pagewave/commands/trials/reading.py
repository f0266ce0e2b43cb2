"""What a comparison asks: both sides at the same time, through batches or in single calls.

It is a run of its own in the ledger, whose failures count for nothing in the workflow.
"""

import secrets
import sqlite3
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Thread

from pagewave.commands.trials.comparison import members_of
from pagewave.commands.trials.sides import Side
from pagewave.errors import PagewaveError
from pagewave.gemini.retries import Stopped
from pagewave.gemini.session import Session
from pagewave.ledger import BY_BATCH, COMPARISON_MARK, Batch, RunOutcome
from pagewave.log import log
from pagewave.prompts.costs import estimate
from pagewave.prompts.request import Request
from pagewave.waves.admission import within_budget
from pagewave.waves.call_road import LOOK_SECONDS
from pagewave.waves.calls import Way, begin, carry_out
from pagewave.waves.collect import collect
from pagewave.waves.halves import by_model
from pagewave.waves.members import Members, refuse_if_limited
from pagewave.waves.recover import clear_up, recover
from pagewave.waves.submit import Submission, intend, send
from pagewave.waves.trouble import FEWEST_TRIES


def read(session: Session, sides: Sequence[Side], run_id: str) -> None:
    """Read what has no stored answer yet, for both sides at the same time.

    Raises:
        ServiceError: the service refuses a batch, a call, or one of the models.
        Stopped: the session's `stop` was set.
    """
    recover(session)
    models = dict.fromkeys(side.settings.model.name for side in sides)
    session.ledger.identity.note_levels(session.dataset.levels)
    session.ledger.runs.start(
        run_id, session.engine, " and ".join(models), [], [], purpose="comparison"
    )
    outcome = RunOutcome.STOPPED
    try:
        for side in sides:
            if members_of(session, side).new:
                # Before the other side, whose model may be taken, is paid for.
                session.check_access(side.settings.model.name)
        with ThreadPoolExecutor(len(sides)) as pool:
            try:
                readings = [pool.submit(_read_side, session, side, run_id) for side in sides]
                ended, _ = wait(readings, return_when=FIRST_EXCEPTION)
                for reading in ended:
                    reading.result()
            except BaseException:
                session.stop.set()  # the other side waits, maybe for hours
                raise
        clear_up(session)
        outcome = RunOutcome.OK
    except PagewaveError:
        outcome = RunOutcome.FAILED
        raise
    finally:
        session.ledger.runs.end(run_id, outcome)
        if outcome == RunOutcome.STOPPED:
            log.warning("stopped: what was sent is at the service, the same command collects it")


@dataclass
class _Tries:
    """What befell one page with one prompt: its own failures, and those that are not its own.

    `since`: when the first of the latter was (Unix seconds).
    """

    errors: list[str] = field(default_factory=list)
    own: int = 0
    others: int = 0
    since: float | None = None

    def add(self, row: sqlite3.Row | None) -> None:
        """One more; without a failure on record it counts as its own."""
        if row is not None:
            self.errors.append(row["error_type"])
        if row is None or row["counted"]:
            self.own += 1
            return
        self.others += 1
        self.since = self.since or row["created_at"]

    def are_over(self, session: Session) -> bool:
        """Is the page given up? By the workflow's limits: see `waves/trouble.py`."""
        limits, last = session.settings.execution, self.errors[-1:]
        if self.own >= limits.max_retries or last == ["ServiceRefused"]:
            return True
        if last != ["ServiceTrouble"]:
            return self.others >= limits.max_batch_failures
        patience = session.settings.batch.outage_seconds
        return self.others >= FEWEST_TRIES and time.time() > (self.since or 0.0) + patience


def _read_side(session: Session, side: Side, run_id: str) -> None:
    """Ask in rounds, as often as the workflow would: each round, the pages without an answer.

    A round that failed, but not by its pages, is followed by the pauses of waves, and costs no try.
    """
    session = replace(session, prompt=side.prompt, settings=side.settings)
    tries: dict[str, _Tries] = defaultdict(_Tries)
    for number in count(1):
        ask = _by_batches if side.choice.transport == BY_BATCH else _by_calls
        done = ask(session, side, run_id, number, tries)
        for batch_id in done.waiting:
            collect(session, batch_id)
        refuse_if_limited(session)
        if not done.waiting and not done.new:
            return
        failed = session.ledger.failures.of_lane(run_id, side.lane, number)
        for request in (submission.request for submission in done.asked):
            stored = session.ledger.answers.stored(request.fingerprint, transport=side.road)
            if request.key in failed or not stored:
                tries[request.key].add(failed.get(request.key))


@dataclass(frozen=True)
class _Round:
    """What was new, what of it was `asked`, and the batches (or others' calls) to be collected."""

    new: Sequence[Submission]
    asked: Sequence[Submission]
    waiting: Sequence[int]


def _new(session: Session, members: Members, tries: Mapping[str, _Tries]) -> list[Submission]:
    """What is to be asked, the very same only once; pages that are given up are left out."""
    left = [r for r in members.new if r.key not in tries or not tries[r.key].are_over(session)]
    different = {request.fingerprint: request for request in left}
    return [_submission(request, tries) for request in different.values()]


def _submission(request: Request, tries: Mapping[str, _Tries]) -> Submission:
    befell = tries.get(request.key) or _Tries()
    return Submission(request, 1 + befell.own, befell.errors)


def _pause(
    session: Session, side: Side, asked: Sequence[Submission], tries: Mapping[str, _Tries]
) -> None:
    """Wait where what is asked failed before, and not by its pages."""
    failed = [tries[each.request.key].others if each.request.key in tries else 0 for each in asked]
    if times := min(failed, default=0):
        pause = session.retry_pause(times)
        log.warning("%s: failed, not by its pages, again in %.3g s", side.label, pause)
        session.client.pause(pause)


def _by_batches(
    session: Session, side: Side, run_id: str, number: int, tries: Mapping[str, _Tries]
) -> _Round:
    limit = session.settings.execution.batch_size_limit

    def decide() -> tuple[Members, list[Sequence[Submission]], list[Batch]]:
        with session.ledger.transaction():  # both sides must not send the same request
            members = members_of(session, side)
            parts = [
                each[start : start + limit]
                for each in by_model(session.settings, _new(session, members, tries))
                for start in range(0, len(each), limit)
            ]
            # All at once: what waits for the other side's batches never finds them ended.
            batches = [
                intend(session, run_id, side.lane, number, part, may_wait=False) for part in parts
            ]
            return members, parts, batches

    members, parts, batches = within_budget(session, run_id, decide)
    asked = [submission for part in parts for submission in part]
    _pause(session, side, asked, tries)
    sent = list(members.waiting)
    for batch, part in zip(batches, parts, strict=True):
        sent.append(send(session, batch, part).id)
        log.info("%s: %d pages sent", side.label, len(part))
    return _Round(asked, asked, sent)


def _by_calls(
    session: Session, side: Side, run_id: str, number: int, tries: Mapping[str, _Tries]
) -> _Round:
    new = _new(session, members_of(session, side), tries)
    _pause(session, side, new, tries)
    if new:
        log.info("%s: %d pages asked for", side.label, len(new))
    asked = ask_all(session, new, lambda each: _call(session, side, run_id, number, each))
    return _Round(new, asked, list(members_of(session, side).waiting))


def ask_all(
    session: Session, new: Sequence[Submission], ask: Callable[[Submission], bool]
) -> list[Submission]:
    """Make all calls, as many at once as may be in flight; returns those that were made.

    Raises:
        Stopped: the run was told to stop, and calls in flight take longer than is waited for them.
        Exception: what the first call raised that failed for more than its page; none is begun
            after it.
    """
    todo, asked = deque(new), list[Submission]()
    failed: list[BaseException] = []

    def next_one() -> Submission | None:
        try:
            return todo.popleft()
        except IndexError:
            return None

    def work() -> None:
        try:
            while not failed and (each := next_one()):
                if ask(each):
                    asked.append(each)
        except BaseException as error:
            failed.append(error)

    calls = session.settings.calls
    # Daemons: a call that nobody waits for any more must not hold up the end.
    threads = [Thread(target=work, daemon=True) for _ in range(min(len(new), calls.in_flight))]
    for thread in threads:
        thread.start()
    stopped_at: float | None = None
    while threads := [thread for thread in threads if thread.is_alive()]:
        threads[0].join(LOOK_SECONDS)
        if session.stop.is_set():
            stopped_at = stopped_at or time.monotonic()
            if time.monotonic() > stopped_at + calls.stop_seconds:
                raise Stopped
    if failed:
        raise failed[0]
    return asked


def _call(session: Session, side: Side, run_id: str, number: int, submission: Submission) -> bool:
    """Ask for one page by a call; False: the other side asks the very same just now."""
    request, facts = submission.request, submission.request.facts
    way = Way(run_id, side.lane, number, side.choice.transport, priority=1)
    tokens = estimate(len(request.prompt), facts.width, facts.height, 0).input_tokens

    def decide() -> Batch | None:
        refuse_if_limited(session)
        session.gate.enter(way.priority, tokens)
        call = None
        try:
            with session.ledger.transaction():  # as for batches
                if members_of(session, replace(side, requests={request.key: request})).new:
                    call = begin(session, way, submission)
        finally:
            if call is None:
                session.gate.leave()
        return call

    call = within_budget(session, run_id, decide)
    return call is not None and carry_out(session, way, call, submission)


def new_run_id() -> str:
    """The name of a comparison that begins now; another one may in the same second."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return f"{now}-{secrets.token_hex(2)}{COMPARISON_MARK}"
