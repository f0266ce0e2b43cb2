"""The road of batches: the next page of many books, asked in one batch.

    members -> requests -> what is free, what is on its way, what is new -> submit -> collect
    -> outcomes

The steps that send and fetch live in `submit` and `collect`. Mostly what is new is one batch; after
one that failed as a whole, each half of it is. Pages that find no room among the batches in flight,
or whose pause is not over yet while others can go on, ride again in the lane's next wave.

With `execution.wait: false` nothing is waited for: pages whose batch goes on, or that can't be sent
yet, ride again in the next wave, as failed ones do. A wave that has only such pages stays open, and
with it the lane ends for this run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pagewave import crash_points as crash
from pagewave.errors import OnItsWay
from pagewave.gemini.session import Session
from pagewave.ledger import Batch, ServiceTrouble
from pagewave.log import log
from pagewave.pages.changed import remember_images
from pagewave.plan.budget import NoRoom
from pagewave.plan.estimates import Estimator, estimator
from pagewave.prompts.request import Request
from pagewave.waves import events
from pagewave.waves.admission import batches_at_once, why_full, within_budget
from pagewave.waves.collect import collect
from pagewave.waves.halves import by_model, split
from pagewave.waves.members import (
    Members,
    build_requests,
    outcomes_of,
    refuse_if_limited,
    sort_members,
    standing_answers,
    submissions_of,
)
from pagewave.waves.pictures import look_ahead, look_at_pictures
from pagewave.waves.road import Carried, Shut, Trip
from pagewave.waves.submit import Submission, abandon, intend, send
from pagewave.waves.trouble import (
    give_up,
    out_of_patience,
    pause_until_due,
    ready_parts,
    without_resting,
)

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

    @property
    def is_nothing(self) -> bool:
        """Is there nothing to send, to wait for or to take?"""
        members = self.members
        return not (self.sendings or members.free or members.waiting or self.given_up)


@dataclass(frozen=True)
class Sent:
    """What a wave sent, and what else of it is to be waited for.

    `keys` and `requests` are those of its pages that don't rest; `fingerprints` what each batch
    that was sent asks for; `not_yet` says why what is new was not sent, if it was not.
    """

    keys: Sequence[str]
    requests: Sequence[Request]
    decision: _Decision
    fingerprints: Mapping[int, set[str]]
    not_yet: str | None


class BatchRoad:
    """Carries the first page of each leg, all in one batch.

    `is_chosen`: for this wave alone. Then nobody but the ledger counts the batches in flight.
    `may_send`: is it the lane's turn, where others wait for room?
    """

    def __init__(self, *, is_chosen: bool = False, may_send: bool = True) -> None:
        self._is_chosen = is_chosen
        self._may_send = may_send

    def carry(self, trip: Trip) -> Carried:
        """Send what is new, and wait for it and for what is on its way; see `Road`."""
        return self.carry_on(trip, self.send(trip))

    def send(self, trip: Trip) -> Sent:
        """Send what is new: the first half of `carry`, which raises the same."""
        session, name, is_chosen = trip.session, trip.name, self._is_chosen
        keys = without_resting(session, name, [leg[0] for leg in trip.legs])
        requests = build_requests(session, keys)
        look_at_pictures(session, requests)
        expected = estimator(session)
        expected.look()
        held = None if self._may_send else "another lane has a longer way to go"
        decision = within_budget(
            session,
            trip.run_id,
            lambda: _decide(trip, requests, expected, held, counts=is_chosen or not session.waits),
        )
        members, not_yet = decision.members, decision.not_yet
        if is_chosen and session.waits and decision.is_nothing:
            raise Shut(not_yet or "nothing can be sent now")
        waiting = [request for requests in members.waiting.values() for request in requests]
        events.wave_started(name, trip.lane, trip.number, members.free, waiting, members.new)
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
        return Sent(keys, requests, decision, sent, not_yet)

    def carry_on(self, trip: Trip, sent: Sent) -> Carried:
        """Wait for what was sent, and for what was on its way: the second half of `carry`."""
        session, name, decision, asked = trip.session, trip.name, sent.decision, sent.fingerprints
        members = decision.members
        if asked and session.waits:
            look_ahead(session, [leg[1] for leg in trip.legs if len(leg) > 1])
        batches = [*members.waiting, *asked]
        going = [b for b in batches if not collect(session, b, keeps_files=True)]
        refuse_if_limited(session)
        done = set().union(*(asked[batch_id] for batch_id in asked if batch_id not in going))
        later = [request for b in going for request in members.waiting.get(b, ())]
        later += [request for request in members.new if request.fingerprint not in done]
        if later:
            log.info("%s: %s", name, _what_is_left(session, later, going, sent.not_yet))
        left = {request.key for request in later} | decision.given_up.keys()
        decided = [key for key in sent.keys if key not in left]
        if not decided and decision.given_up:
            raise give_up(session, decision.given_up)
        if not decided:
            raise OnItsWay(f"{name}: on its way. The same command goes on with it.")
        outcomes = outcomes_of(session, decided, sent.requests, members.free, decision.standing)
        return Carried(outcomes, batches)


def _decide(
    trip: Trip,
    requests: Sequence[Request],
    expected: Estimator,
    held: str | None,
    *,
    counts: bool,
) -> _Decision:
    """What to do about a wave's requests.

    Args:
        expected: what they will use about; it has looked at images already.
        held: why what is new is not sent now, if it is not.
        counts: the batches in flight, of all lanes, as nobody else does.
    """
    session, run_id, lane = trip.session, trip.run_id, trip.lane
    with session.ledger.transaction():
        remember_images(
            session.ledger,
            session.images,
            [(session.dataset.page(r.key), r.facts) for r in requests],
        )
        standing = standing_answers(session, requests)
        members = sort_members(session, requests, standing)
        # Some may have died only now, of what an earlier run had sent.
        dead = session.dead_letters()
        members.new = [request for request in members.new if request.key not in dead]
        given_up = out_of_patience(session, run_id, members.new)
        members.new = [request for request in members.new if request.key not in given_up]
        not_yet = (held or (why_full(session) if counts else None)) if members.new else None
        submissions = submissions_of(session.ledger, session.engine, members.new)
        parts = [] if not_yet else split(session.ledger, session.engine, submissions)
        parts = [same for part in parts for same in by_model(session.settings, part)]
        is_all = not (members.free or members.waiting)
        ready, resting = ready_parts(session, parts, waits=session.waits and is_all)
        at_once = batches_at_once(session, run_id, lane, members.waiting, counts=counts)
        sendings, full = _intend_all(trip, expected, ready[:at_once])
    if len(ready) > at_once:
        full = full or "as many batches are in flight as there may be"
    return _Decision(standing, members, sendings, not_yet or full or resting, given_up)


def _intend_all(
    trip: Trip, expected: Estimator, parts: Sequence[Sequence[Submission]]
) -> tuple[list[Sending], str | None]:
    """Write down each batch that the budget has room for; raises NoRoom if that is none."""
    sendings: list[Sending] = []
    wave = trip.session, trip.run_id, trip.lane, trip.number
    for part in parts:
        try:
            sendings.append((intend(*wave, part, expected=expected), part))
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
