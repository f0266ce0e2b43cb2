"""One single call, from its intent to its answer in the ledger; and calls that a crash left.

A call is a batch of one record whose create call brings its result. The ledger says that it may
have been made before it is; its answer is stored as it came, and understood as a batch's line is
(`collect`). An answer that was lost can't be asked for: the call ends as UNANSWERED, its attempt
counts as dear as it can be, and its page is asked anew.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from pagewave import crash_points as crash
from pagewave.answers.result_line import (
    Answer,
    is_paid_before,
    key_of,
    paid_before,
    parse_line,
)
from pagewave.errors import OnItsWay, ServiceError
from pagewave.gemini.calls import AnswerLost, NotNow, Question, ServiceFailed
from pagewave.gemini.retries import Refused, Stopped, is_about_content
from pagewave.gemini.session import Session
from pagewave.gemini.uploads import image_bytes
from pagewave.halves import UPPER, line_key
from pagewave.ledger import UNANSWERED, Batch, FailureRow, Record
from pagewave.log import log
from pagewave.prompts.request import Request, body_with_image
from pagewave.prompts.schema import response_schema
from pagewave.waves import events
from pagewave.waves.collect import collect
from pagewave.waves.in_halves import in_halves
from pagewave.waves.results import half_answered, unanswered
from pagewave.waves.submit import Submission, abandon, intend

SUCCEEDED = "SUCCEEDED"
"""The state of a call that was answered, whatever the answer says."""
TOO_LARGE = 413


@dataclass(frozen=True)
class Way:
    """How a call goes: in which wave of which run, by which tier, and with what priority.

    `until`: when its wave begins no call any more (monotonic clock); None: whenever it may.
    `note` is told why the service did not take it, each time, and in the end None: it answered.
    `is_shut`: is there no sense in asking any more? None: only the end of a run's patience ends it.
    """

    run_id: str
    lane: int
    wave: int
    tier: str
    priority: int
    until: float | None = None
    note: Callable[[NotNow | None], None] = lambda no: None
    is_shut: Callable[[], bool] | None = None


def begin(session: Session, way: Way, submission: Submission) -> Batch:
    """Write a call down as one that may have been made: all in the caller's transaction.

    Raises:
        NoRoom, BudgetReached: as `reserve`.
    """
    call = intend(session, way.run_id, way.lane, way.wave, [submission], way.tier)
    session.ledger.batches.mark_asked(call.id)
    return call


def carry_out(session: Session, way: Way, call: Batch, submission: Submission) -> bool:
    """Make a call that was begun, leave the gate, and take in what it brought.

    A page in halves is asked for twice: what the first one brought is stored before the second,
    and taken over by the next call where the second came to nothing.

    False: its wave was over before the service took it; nothing was read.

    Raises:
        ServiceError: the service refuses the key or the model, or took no call for too long.
        OnItsWay: it takes none today, and the run does not wait.
        Stopped: the run was told to stop before the service took it.
    """
    with in_halves(session, [(submission.request, _record(session, call))]) as (parts, problems):
        for problem in problems.values():
            session.gate.leave()
            _fail(session, call, "FileNotFound", str(problem))
        if len(parts) > 1 and _takes_over_half(session, call):
            parts = parts[1:]
        for number, part in enumerate(parts):
            if number:
                # It goes on however late it is: half of the page is paid.
                way = replace(way, until=None)
                if not _enter_again(session, way, call):
                    _leave(session, call, "its road was shut after the first half")
                    return False
                session.ledger.batches.mark_asked(call.id)
            if (is_over := _ask(session, way, call, part)) is not None:
                return is_over
    if not problems:
        take_in(session, call)
    return True


def _takes_over_half(session: Session, call: Batch) -> bool:
    """Is the upper half there that the call before this one got before it ended? Then it is this
    one's as well, and only the lower one is asked for."""
    key, answers = _record(session, call).key, session.ledger.answers
    line = answers.half_before(call.id, key)
    if line is None or key_of(line) != line_key(key, UPPER):
        return False
    if not isinstance(parse_line(line, session.prompt.page_model), Answer):
        return False
    answers.store_lines(call.id, [(key, paid_before(line))])
    return True


def _ask(session: Session, way: Way, call: Batch, request: Request) -> bool | None:
    """Ask once it may be, leave the gate, and store the answer; None: it is there.

    False: the wave was over before; True: it failed. Raises as `carry_out`.
    """
    try:
        question = _question(session, way, call, request)
    except OSError as problem:
        session.gate.leave()
        _fail(session, call, "FileNotFound", f"{request.image}: {problem}")
        return True
    refusals = 0
    while True:
        crash.point("call-sent")
        try:
            answer = session.client.ask(question)
        except NotNow as no:
            # Nothing is in flight meanwhile: after a crash nothing may have been paid.
            session.ledger.batches.mark_not_created(call.id)
            refusals += 1
            pause = session.gate.refused(no, refusals)
            session.gate.leave()
            way.note(no)
            if not _may_go_again(session, way, call, no, pause):
                _leave(session, call, "the wave was over before the service took it")
                return False
            session.ledger.batches.mark_asked(call.id)
            continue
        except AnswerLost as lost:
            session.gate.leave()
            lose(session, call, str(lost))
            return True
        except ServiceFailed as failed:
            session.gate.leave()
            _fail(session, call, "ServiceTrouble", str(failed))
            return True
        except Refused as no:
            session.gate.leave()
            if no.code != TOO_LARGE and not is_about_content(no.__cause__):
                _leave(session, call, str(no))
                raise
            _fail(session, call, "BadRequest", str(no))
            return True
        except BaseException as error:
            session.gate.leave()
            if isinstance(error, Exception):
                _leave(session, call, f"{type(error).__name__}: {error}")
            raise
        crash.point("call-answered")
        session.gate.answered()
        session.gate.leave()
        way.note(None)
        _store(session, call, request, answer)
        crash.point("answer-stored")
        return None


def take_in(session: Session, call: Batch) -> None:
    """Understand a stored answer, as a batch's results are; nothing is asked for."""
    collect(session, call.id)
    session.batch_lock_file(call.id).unlink(missing_ok=True)


def lose(session: Session, call: Batch, why: str) -> None:
    """Nobody knows what became of a call: it counts as dear as it can be, and its page goes on."""
    said = f"its answer was lost, and may be paid for: {why}"
    attempt, failure = unanswered(session, call, said)
    # Before it is written down: what a run that dies in between did not name, none names any more.
    log.warning("%s: %s; asked anew (%s)", failure.key, said, call.display_name)
    session.ledger.answers.give_up(call.id, UNANSWERED, said, [attempt], [failure])
    events.records_failed([failure], call.display_name)


def settle_calls(session: Session) -> None:
    """Put the calls in order that an earlier run left; the service can't tell anything of them."""
    for call in session.ledger.batches.open_calls(session.engine):
        if call.status == "intent":
            _leave(session, call, "the run ended before it was made")
        elif call.status == "creating":
            lose(session, call, "the run ended before it arrived")
        else:
            take_in(session, call)


def _question(session: Session, way: Way, call: Batch, request: Request) -> Question:
    record = _record(session, call)
    return Question(
        model=call.model,
        body=body_with_image(
            request.prompt,
            {"inlineData": {"mimeType": request.facts.mime_type, "data": ""}},
            json.loads(record.generation_config),
            response_schema(session.prompt.page_model),
        ),
        image=image_bytes(request),
        tier=way.tier,
        seconds=session.settings.calls.timeout_seconds,
    )


def _may_go_again(session: Session, way: Way, call: Batch, no: NotNow, pause: float) -> bool:
    """Wait, by itself and at the gate, until the service may take the call after all.

    False: its wave is over, or its road is shut.

    Raises:
        ServiceError, OnItsWay, Stopped: as `carry_out`; the call is left.
    """
    try:
        if way.is_shut is None:
            refuse_if_closed_too_long(session, no)
        if not session.gate.pause(pause, way.until, way.is_shut or _never):
            return False
    except (OnItsWay, ServiceError, Stopped) as error:
        _leave(session, call, f"{type(error).__name__}: {error}")
        raise
    return _enter_again(session, way, call)


def _enter_again(session: Session, way: Way, call: Batch) -> bool:
    """Through the gate once more; raises as `carry_out` does, when the call is left."""
    tokens = _record(session, call).expected_input_tokens or 0
    try:
        if way.is_shut is None and not session.waits and session.gate.is_day_used_up:
            raise OnItsWay("the calls of today are made")
        is_shut = way.is_shut or _never
        return not is_shut() and session.gate.enter(way.priority, tokens, way.until, is_shut)
    except (OnItsWay, Stopped) as error:
        _leave(session, call, f"{type(error).__name__}: {error}")
        raise


def _never() -> bool:
    return False


def refuse_if_closed_too_long(session: Session, no: NotNow) -> None:
    """Raise where the service has taken no call for longer than a run waits."""
    batch = session.settings.batch
    if no.is_of_day and not session.waits:
        raise OnItsWay(f"the day's limit of calls is used up ({no})")
    patience = batch.quota_seconds if no.is_quota else batch.outage_seconds
    if session.gate.closed_seconds <= patience:
        return
    key = "batch.quota_seconds" if no.is_quota else "batch.outage_seconds"
    raise ServiceError(
        f"The service has taken no call for {patience:.0f} s, the last time with: {no}. Run the "
        f"same command again later, or with execution.transport: batch; {key} says how long a run "
        "waits."
    )


def _store(session: Session, call: Batch, request: Request, answer: object) -> None:
    """Keep an answer as a batch's line, and that there is one: at one stroke.

    After the first of two halves nothing is in flight until the other is asked for.
    """
    content = {"key": request.line_key, "response": answer}
    line = json.dumps(content, separators=(",", ":")).encode("ascii")
    batches = session.ledger.batches
    with session.ledger.transaction():
        lines = [*session.ledger.answers.lines(call.id), line]
        session.ledger.answers.store_lines(call.id, [(request.key, each) for each in lines])
        if request.half == UPPER:
            batches.mark_not_created(call.id)
        else:
            batches.mark_answered(call.id, call.display_name, SUCCEEDED)


def _leave(session: Session, call: Batch, why: str) -> None:
    """The call was not made after all: nothing was read, or only one half, which is paid for."""
    if _is_half_paid(session, call):
        _keep_half(session, call, "AnswerLost", why)
    else:
        abandon(session, call, why)


def _fail(session: Session, call: Batch, error_type: str, why: str) -> None:
    """The call brought nothing, and costs nothing; it was not the page's answer that failed."""
    if _is_half_paid(session, call):
        _keep_half(session, call, error_type, why)
        return
    record = _record(session, call)
    failure = FailureRow(
        key=record.key,
        attempt_number=record.attempt_number,
        counted=False,
        error_type=error_type,
        message=why,
    )
    with session.ledger.transaction():
        session.ledger.failures.add(session.engine, [failure], call.id)
        session.ledger.batches.mark_abandoned(call.id, why)
    _tell(failure, call)


def _is_half_paid(session: Session, call: Batch) -> bool:
    return any(not is_paid_before(line) for line in session.ledger.answers.lines(call.id))


def _keep_half(session: Session, call: Batch, error_type: str, why: str) -> None:
    """One half was answered, the other never will be: what was read has its attempt and price."""
    attempt, failure = half_answered(session, call, error_type, why)
    session.ledger.answers.commit(call.id, SUCCEEDED, why, [attempt], [failure])
    _tell(failure, call)


def _tell(failure: FailureRow, call: Batch) -> None:
    log.warning("%s: %s: %s", failure.key, failure.error_type, failure.message)
    events.records_failed([failure], call.display_name)


def _record(session: Session, call: Batch) -> Record:
    return session.ledger.batches.records(call.id)[0]
