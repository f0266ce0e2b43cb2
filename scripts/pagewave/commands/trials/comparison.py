"""The same pages read with two prompts, through batches: what each made of them.

Answers are kept by fingerprint like all others, so a comparison that was made once costs nothing to
make again. It is a run of its own in the ledger, whose failures count for nothing in the workflow.
"""

import json
import random
import sqlite3
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from rapidfuzz.distance import Levenshtein

from pagewave.answers.scores import PageScore, matched_courses, normal_text, score, truth_of
from pagewave.commands.trials.context import Context, context_of
from pagewave.errors import PagewaveError, ServiceError
from pagewave.gemini.session import Session
from pagewave.ledger import COMPARISON_MARK, Batch, Ledger, RunOutcome
from pagewave.log import log
from pagewave.pages.dataset import Page
from pagewave.plan.estimates import estimator
from pagewave.plan.forecast import WaveForecast, forecast_of
from pagewave.prompts.registry import Prompt
from pagewave.prompts.request import Request, build_request
from pagewave.waves.admission import within_budget
from pagewave.waves.collect import collect
from pagewave.waves.members import Members, sort_members
from pagewave.waves.recover import clear_up, recover
from pagewave.waves.submit import Submission, intend, send
from pagewave.waves.trouble import FEWEST_TRIES
from pagewave.workspace import Workspace

Json = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """One of the two prompts, and what is asked with it; its batches have a lane of their own."""

    prompt: Prompt
    lane: int
    requests: dict[str, Request]


@dataclass(frozen=True)
class Reading:
    """What one prompt made of a page; `error` says why where there is no answer (`page` is None).

    `usd` is what the answer cost when it was bought, None where the model's price is not known.
    """

    page: Json | None
    text: str = ""
    error: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    score: PageScore | None = None

    @property
    def courses(self) -> list[Json]:
        """The courses of an answer of the page_ocr schema; none for other prompts."""
        return (self.page or {}).get("courses") or []


@dataclass(frozen=True)
class Pair:
    """Both readings of a page, and its truth where that is known."""

    page: Page
    context: Context
    truth: Json | None
    a: Reading
    b: Reading

    @property
    def complete(self) -> bool:
        """Did both prompts bring an answer?"""
        return self.a.page is not None and self.b.page is not None

    @cached_property
    def difference(self) -> float:
        """Share of the characters in which the texts differ, 0 to 1."""
        one, other = normal_text(self.a.text), normal_text(self.b.text)
        return Levenshtein.normalized_distance(one, other)

    @cached_property
    def courses_in_common(self) -> float:
        """Share of both lists' courses that the other one has too, 0 to 1; 1 without any."""
        listed = len(self.a.courses) + len(self.b.courses)
        return 2 * len(matched_courses(self.a.courses, self.b.courses)) / listed if listed else 1.0


def sample(workspace: Workspace, size: int, seed: int) -> list[Page]:
    """So many pages of the data set, chosen at random: the same ones for the same seed.

    Pages whose context is known are preferred to those that would be read without.
    """
    pages = list(workspace.dataset.pages)
    known = [page for page in pages if context_of(workspace, page).unread is None]
    well_known = known if len(known) >= size else pages
    chosen = set(random.Random(seed).sample(well_known, min(size, len(well_known))))
    return [page for page in pages if page in chosen]


def make_sides(
    workspace: Workspace, prompts: tuple[Prompt, Prompt], pages: Sequence[Page]
) -> tuple[Side, Side]:
    """What to ask with each prompt; both are told the same of the previous pages.

    Raises:
        DataError: an image is broken, or a previous page's file is.
    """
    images = {page.key: workspace.images.inspect(page) for page in pages}
    contexts = {page.key: context_of(workspace, page).text for page in pages}

    def side(prompt: Prompt, lane: int) -> Side:
        requests = {
            page.key: build_request(
                page, prompt, contexts[page.key], workspace.settings, *images[page.key]
            )
            for page in pages
        }
        return Side(prompt, lane, requests)

    return side(prompts[0], 1), side(prompts[1], 2)


def forecast(workspace: Workspace, side: Side) -> WaveForecast:
    """What reading with one prompt will send and cost, before anything is sent."""
    members = sort_members(workspace.ledger, workspace.engine, list(side.requests.values()))
    expected = estimator(replace(workspace, prompt=side.prompt))
    return forecast_of(
        workspace.settings,
        [workspace.dataset.page(key) for key in side.requests],
        [expected.of_page(len(r.prompt), r.facts.width, r.facts.height) for r in members.new],
        free=len(members.free),
        on_their_way=sum(map(len, members.waiting.values())),
    )


def read(session: Session, sides: Sequence[Side], run_id: str) -> None:
    """Read what has no stored answer yet, with both prompts at the same time.

    Raises:
        ServiceError: the service refuses a batch.
        Stopped: the session's `stop` was set.
    """
    recover(session)
    session.ledger.runs.start(
        run_id, session.engine, session.settings.model.name, [], [], purpose="comparison"
    )
    outcome = RunOutcome.STOPPED
    try:
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
    session, limits = replace(session, prompt=side.prompt), session.settings.execution
    tries: dict[str, _Tries] = defaultdict(_Tries)
    for number in count(1):

        def decide(number: int = number) -> tuple[Members, list[list[Submission]], list[Batch]]:
            with session.ledger.transaction():  # both sides must not send the same request
                members = sort_members(session.ledger, session.engine, list(side.requests.values()))
                left = [r for r in members.new if not tries[r.key].are_over(session)]
                different = {request.fingerprint: request for request in left}
                new = [
                    Submission(r, 1 + tries[r.key].own, tries[r.key].errors)
                    for r in different.values()
                ]
                parts = [
                    new[start : start + limits.batch_size_limit]
                    for start in range(0, len(new), limits.batch_size_limit)
                ]
                # All at once: what waits for the other side's batches never finds them ended.
                batches = [
                    intend(session, run_id, side.lane, number, part, may_wait=False)
                    for part in parts
                ]
                return members, parts, batches

        members, parts, batches = within_budget(session, run_id, decide)
        failed_before = (tries[each.request.key].others for part in parts for each in part)
        if times := min(failed_before, default=0):
            pause = session.retry_pause(times)
            log.warning("%s: failed, not by its pages, again in %.3g s", side.prompt.version, pause)
            session.client.pause(pause)
        sent = list(members.waiting)
        for batch, part in zip(batches, parts, strict=True):
            sent.append(send(session, batch, part).id)
            log.info("%s: %d pages sent", side.prompt.version, len(part))
        for batch_id in sent:
            collect(session, batch_id)
        if session.refused:
            raise ServiceError(session.refused)
        if not sent:
            return
        failed = session.ledger.failures.of_lane(run_id, side.lane, number)
        for submission in (submission for part in parts for submission in part):
            key = submission.request.key
            if key in failed or not session.ledger.answers.stored(submission.request.fingerprint):
                tries[key].add(failed.get(key))


def make_pairs(
    workspace: Workspace, sides: tuple[Side, Side], run_id: str | None, truth_dir: Path
) -> list[Pair]:
    """Both readings of every page, from the ledger; `run_id` names the run that failed on some.

    Raises:
        DataError: a truth file is none.
    """
    pairs = []
    for key in sides[0].requests:
        page = workspace.dataset.page(key)
        truth = truth_of(truth_dir, page.name)
        context = context_of(workspace, page)
        a, b = (_reading(workspace.ledger, side, page, run_id, truth) for side in sides)
        pairs.append(Pair(page, context, truth, a, b))
    return pairs


def _reading(
    ledger: Ledger, side: Side, page: Page, run_id: str | None, truth: Json | None
) -> Reading:
    attempt_id = ledger.answers.stored(side.requests[page.key].fingerprint)
    if attempt_id is None:
        failure = ledger.failures.of_lane(run_id, side.lane).get(page.key) if run_id else None
        why = f"{failure['error_type']}: {failure['message']}" if failure else "no answer"
        return Reading(None, error=why)
    attempt = ledger.answers.attempt(attempt_id)
    page_json = attempt.page or ""
    content = json.loads(page_json)
    text = side.prompt.page_model.model_validate_json(page_json).text()
    return Reading(
        page=content,
        text=text,
        input_tokens=attempt.prompt_tokens,
        output_tokens=attempt.output_tokens + attempt.thoughts_tokens,
        usd=attempt.usd,
        score=score(page.name, truth, text, content.get("courses") or []) if truth else None,
    )


def new_run_id() -> str:
    """The name of a comparison that begins now."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + COMPARISON_MARK
