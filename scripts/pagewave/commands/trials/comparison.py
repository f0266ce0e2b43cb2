"""The same pages asked by two sides: what it will cost, and what each made of them.

Answers are kept by fingerprint like all others, so a comparison that was made once costs nothing to
make again. `reading` has asked what there was to ask.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rapidfuzz.distance import Levenshtein

from pagewave.answers.scores import PageScore, matched_courses, score, truth_of
from pagewave.answers.word_scores import normal_text
from pagewave.commands.trials.context import Context, context_of
from pagewave.commands.trials.courses import CourseChange, course_changes
from pagewave.commands.trials.sides import Choice, Side, is_road_alone, labels
from pagewave.ledger import BY_BATCH, Ledger
from pagewave.pages.dataset import Page
from pagewave.plan.estimates import estimator
from pagewave.plan.forecast import WaveForecast, forecast_of
from pagewave.prompts.request import build_request
from pagewave.waves.members import Members, sort_members
from pagewave.workspace import Workspace

Json = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What one side made of a page; `error` says why where there is no answer (`page` is None).

    Tokens, `usd` and `seconds` are what the answer took when it was bought, with the `attempts`
    before it that failed: `usd` is None where the model's price is not known, `seconds` (of the
    batches or calls) where they are not. `served` is the model that answered, if it said so.
    """

    page: Json | None
    text: str = ""
    error: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    score: PageScore | None = None
    seconds: float | None = None
    attempts: int = 0
    transport: str = BY_BATCH
    served: str | None = None

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
        """Did both sides bring an answer?"""
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

    @cached_property
    def course_changes(self) -> list[CourseChange]:
        """Which courses change from A to B; none where not both brought an answer."""
        return course_changes(self.a.courses, self.b.courses) if self.complete else []


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
    workspace: Workspace, choices: tuple[Choice, Choice], pages: Sequence[Page]
) -> tuple[Side, Side]:
    """What each side asks; both are told the same of the previous pages.

    Raises:
        DataError: an image is broken, or a previous page's file is.
    """
    images = {page.key: workspace.images.inspect(page) for page in pages}
    contexts = {page.key: context_of(workspace, page).text for page in pages}
    names, by_road = labels(*choices), is_road_alone(*choices)

    def side(number: int) -> Side:
        choice = choices[number]
        requests = {
            page.key: build_request(
                page, choice.prompt, contexts[page.key], choice.settings, *images[page.key]
            )
            for page in pages
        }
        road = choice.transport if by_road else None
        return Side(choice, names[number], number + 1, requests, road)

    return side(0), side(1)


def members_of(workspace: Workspace, side: Side) -> Members:
    """A side's requests by where their answers come from."""
    requests = list(side.requests.values())
    return sort_members(workspace, requests, however_asked=False, transport=side.road)


def forecast(workspace: Workspace, side: Side) -> WaveForecast:
    """What reading for one side will send and cost, before anything is sent."""
    members = members_of(workspace, side)
    for batch_id in list(members.waiting):
        call = workspace.ledger.batches.get(batch_id)
        if call.is_call and call.status != "submitted":  # its answer was lost: asked anew
            members.new += members.waiting.pop(batch_id)
    expected = estimator(replace(workspace, prompt=side.prompt, settings=side.settings))
    return forecast_of(
        side.settings,
        [workspace.dataset.page(key) for key in side.requests],
        [expected.of_page(len(r.prompt), r.facts.width, r.facts.height) for r in members.new],
        free=len(members.free),
        on_their_way=sum(map(len, members.waiting.values())),
    )


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
    fingerprint = side.requests[page.key].fingerprint
    attempt_id = ledger.answers.stored(fingerprint, transport=side.road)
    if attempt_id is None:
        failure = ledger.failures.of_lane(run_id, side.lane).get(page.key) if run_id else None
        why = f"{failure['error_type']}: {failure['message']}" if failure else "no answer"
        return Reading(None, error=why)
    attempt, took = ledger.answers.attempt(attempt_id), ledger.spending.of_answer(attempt_id)
    page_json = attempt.page or ""
    content = json.loads(page_json)
    text = side.prompt.page_model.model_validate_json(page_json).text()
    return Reading(
        page=content,
        text=text,
        input_tokens=took.input_tokens,
        output_tokens=took.output_tokens,
        usd=took.usd,
        score=score(page.name, truth, text, content.get("courses") or []) if truth else None,
        seconds=took.seconds,
        attempts=took.attempts,
        transport=took.transport,
        # The embedded reader is none, and gives back the name that it is asked for.
        served=attempt.served.model if side.settings.engine == "gemini" else None,
    )
