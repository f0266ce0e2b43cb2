"""What the waves to come will hold and cost, before a cent is spent."""

import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

from pagewave.config.models import known as known_model
from pagewave.config.settings import Settings
from pagewave.ledger import BY_BATCH, RECENT
from pagewave.pages.dataset import Page
from pagewave.pages.left_out import not_read
from pagewave.plan.budget import Budget, budgets
from pagewave.plan.enqueued import batches_that_fit
from pagewave.plan.estimates import RULE_OF_THUMB_ERROR, Estimator, estimator
from pagewave.plan.images import ImagesForecast, images_forecast
from pagewave.plan.pace import DOCUMENTED_BATCH_SECONDS, FLEX_SECONDS_SEEN, facts, paces
from pagewave.plan.roads import Lane
from pagewave.plan.schedule import Schedule
from pagewave.plan.side_by_side import RoadForecast, advice, side_by_side
from pagewave.prompts.costs import INTERACTIVE_PRICE_FACTOR, Estimate, most_tokens, usd
from pagewave.prompts.registry import Prompt
from pagewave.prompts.request import generation_config
from pagewave.wording import count, moment
from pagewave.workspace import Workspace

TYPICAL_CONTEXT_CHARACTERS = 800
"""What a page hands to the next: 500 characters of text and three courses, with headings."""


@dataclass(frozen=True, slots=True)
class WaveForecast:
    """One wave to come; `usd` is None when the model's price is unknown."""

    pages: int
    books: int
    free: int
    on_their_way: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    engine: str

    def __str__(self) -> str:
        parts = [f"{count(self.pages, 'page')} of {count(self.books, 'book')}"]
        if self.free:
            parts.append(f"{self.free} free (stored answers)")
        if self.on_their_way:
            parts.append(f"{self.on_their_way} sent earlier")
        parts.append(f"about {self.input_tokens:,} tokens in, {self.output_tokens:,} out")
        price = "price unknown" if self.usd is None else f"about {self.usd:.4f} USD"
        parts.append(f"free here ({price} at Gemini)" if self.engine == "embedded" else price)
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Price:
    """Tokens and USD of all pages to be sent; `error` is the share by which it may be off."""

    input_tokens: int
    output_tokens: int
    usd: float | None
    error: float

    @property
    def lowest(self) -> float | None:
        """The lower end of the range, in USD."""
        return None if self.usd is None else self.usd * max(0.0, 1 - self.error)

    @property
    def highest(self) -> float | None:
        """The upper end of the range, in USD."""
        return None if self.usd is None else self.usd * (1 + self.error)


@dataclass(frozen=True, slots=True)
class RunForecast:
    """All that a command would read.

    `steps` is how many batches (or calls, as `transport` says) come one after another: those of the
    longest chain, or more where too few may be in flight at once. `measured` is None until enough
    pages were read with this model and prompt; `pages_measured` is how many were. `most_usd` is the
    price if every answer were as long as it may be. `model_ends` says that the model may end before
    all is read. `roads` has a row for every transport, `advice` what to make of them.
    `not_read`: what lies among the pages and is none, and why.
    """

    engine: str
    model: str
    prompt: str
    books: int
    pages: int
    free: int
    on_their_way: int
    dead_letters: int
    blocked: int
    lanes: int
    waves: int
    batches: int
    longest_chain: int
    steps: int
    seconds_a_batch: float | None
    by_rule: Price
    measured: Price | None
    pages_measured: int
    most_usd: float | None
    images: ImagesForecast
    transport: str
    budgets: Sequence[Budget]
    model_ends: str | None = None
    roads: Sequence[RoadForecast] = ()
    advice: str | None = None
    not_read: Sequence[str] = ()

    @property
    def to_send(self) -> int:
        """Pages that have neither an answer nor one on its way."""
        return self.pages - self.free - self.on_their_way

    @property
    def seconds(self) -> float | None:
        """How long it may take; None where no batch was measured."""
        return None if self.seconds_a_batch is None else self.steps * self.seconds_a_batch

    @property
    def best(self) -> Price:
        """The price as best known."""
        return self.measured or self.by_rule


class Forecast:
    """Forecasts from the schedule as it stands; stored answers are followed page by page.

    `forced` are keys that the command wants read anew, which the ledger does not know of yet.
    """

    def __init__(
        self, workspace: Workspace, schedule: Schedule, forced: Collection[str] = ()
    ) -> None:
        self._workspace = workspace
        self._schedule = schedule
        self._forced = forced
        self._expected = estimator(workspace)
        self._expected_at = workspace.ledger.runs.latest_wave()

    def wave(self, lane: int, wave: int) -> WaveForecast:
        """What a wave will hold, as far as can be told today."""
        keys = self._schedule.members(lane, wave)
        pages = [self._workspace.dataset.page(key) for key in keys]
        paid = [page for page in pages if page.key not in self._settled]
        expected = self._estimator()
        return forecast_of(
            self._workspace.settings,
            pages,
            _of_each(self._workspace, paid, partial(expected_tokens, expected)),
            free=sum(key in self._free for key in keys),
            on_their_way=sum(key in self._on_their_way for key in keys),
            at=_answered_at(self._schedule.steps_before(lane, wave), self._seconds_a_step()),
        )

    def whole(self, blocked: Collection[str] = ()) -> RunForecast:
        """All waves to come, as far as can be told today.

        Args:
            blocked: keys of dead letters, and of what waits for them.
        """
        workspace, settings = self._workspace, self._workspace.settings
        lanes = [self._schedule.to_come(lane) for lane in self._schedule.lanes]
        keys = [key for waves in lanes for wave in waves for key in wave]
        pages = [workspace.dataset.page(key) for key in keys]
        paid = [page for page in pages if page.key not in self._settled]
        step = {key: n for waves in lanes for n, wave in enumerate(waves) for key in wave}
        sent = [sum(not self._settled.issuperset(wave) for wave in waves) for waves in lanes]
        transport = settings.execution.transport
        by_calls = transport != BY_BATCH
        lefts = self._lefts()
        longest = [lane.longest for lane in lefts]
        one_by_one = max(longest, default=0)
        seconds = self._seconds_a_step()
        at = [_answered_at(step[page.key], seconds) for page in paid]
        expected = self._estimator()
        dead = len(workspace.dead_letters() & set(blocked))
        most = _of_each(workspace, paid, partial(most_of_page, workspace))
        rule = self._price(_of_each(workspace, paid, partial(by_rule, expected)), at)
        # A batch is a page of each chain of a lane.
        slots = batches_that_fit(settings, rule.input_tokens / max(1, sum(longest)))
        batches = max(one_by_one, math.ceil(sum(longest) / slots))
        steps = one_by_one if by_calls else batches
        whole = RunForecast(
            engine=workspace.engine,
            model=settings.model.name,
            prompt=f"{workspace.prompt.name}/{workspace.prompt.template_file}",
            books=len({page.book_id for page in pages}),
            pages=len(pages),
            free=sum(key in self._free for key in keys),
            on_their_way=sum(key in self._on_their_way for key in keys),
            dead_letters=dead,
            blocked=len(blocked) - dead,
            lanes=sum(map(bool, lanes)),
            waves=sum(map(len, lanes)),
            batches=len(paid) if by_calls else sum(sent),
            longest_chain=max(map(len, self._schedule.chains_left()), default=0),
            steps=steps,
            seconds_a_batch=seconds,
            by_rule=rule,
            measured=self._price(
                _of_each(workspace, paid, partial(expected_tokens, expected)), at, expected
            )
            if expected.is_measured
            else None,
            pages_measured=expected.measured.pages,
            transport=transport,
            most_usd=self._price(most, at).usd,
            model_ends=_model_ends(
                workspace, steps, seconds or (FLEX_SECONDS_SEEN if by_calls else None)
            ),
            images=images_forecast(
                workspace,
                [
                    [workspace.dataset.page(key) for key in wave if key not in self._settled]
                    for waves in lanes
                    for wave in waves
                ],
            ),
            budgets=budgets(workspace.ledger, settings, None),
            not_read=not_read(
                workspace.dataset.ignored,
                settings.paths.label_source_dir,
                workspace.dataset.levels,
            ),
        )
        return self._with_roads(whole, lefts, batches)

    def _lefts(self) -> list[Lane]:
        """What lanes have still to read that takes time: stored answers take none."""
        pages: dict[int, list[int]] = defaultdict(list)
        for leg in self._schedule.chains_left():
            pages[self._schedule.lane_of(leg[0])].append(sum(key not in self._free for key in leg))
        return [Lane(lane, max(each), sum(each)) for lane, each in pages.items()]

    def _with_roads(self, whole: RunForecast, lefts: Sequence[Lane], batches: int) -> RunForecast:
        """The same with what every road would take, batches being so many one after another."""
        if not whole.to_send:
            return whole
        workspace = self._workspace
        known = paces(workspace.ledger, workspace.engine, whole.model)
        best, execution = whole.best, workspace.settings.execution
        by_batch = best.usd
        if by_batch is not None and execution.expected_road == "standard":
            by_batch /= INTERACTIVE_PRICE_FACTOR
        tokens = (best.input_tokens, best.output_tokens)
        a_page = Estimate(*(math.ceil(number / whole.to_send) for number in tokens))
        roads = side_by_side(
            facts(workspace.ledger, workspace.settings, known, a_page),
            known,
            lefts,
            by_batch,
            batches,
            execution.transport,
        )
        return replace(whole, roads=roads, advice=advice(roads, known))

    def _price(
        self, each: Sequence[Estimate], at: Sequence[float], measured: Estimator | None = None
    ) -> Price:
        """What these pages cost when they are answered at these times (Unix seconds)."""
        together: dict[float, list[Estimate]] = defaultdict(list)
        for guess, hour in zip(each, at, strict=True):
            together[hour].append(guess)
        settings = self._workspace.settings
        prices = [
            usd(
                settings.pricing,
                settings.model.name,
                sum(guess.input_tokens for guess in guesses),
                sum(guess.output_tokens for guess in guesses),
                at=hour,
                tier=settings.execution.expected_road,
            )
            for hour, guesses in (together or {time.time(): []}).items()
        ]
        known = [price for price in prices if price is not None]
        return Price(
            sum(guess.input_tokens for guess in each),
            sum(guess.output_tokens for guess in each),
            sum(known) if len(known) == len(prices) else None,
            measured.error(len(each)) if measured else RULE_OF_THUMB_ERROR,
        )

    def _seconds_a_step(self) -> float | None:
        """How long a batch takes, or a call; None where none was measured."""
        settings = self._workspace.settings
        seconds = self._workspace.ledger.history.seconds(
            self._workspace.engine, settings.model.name, settings.execution.expected_road, RECENT
        )
        return statistics.median(seconds) if seconds else None

    def _estimator(self) -> Estimator:
        """What a page is expected to take, by what was measured up to the last wave."""
        if self._expected_at != (latest := self._workspace.ledger.runs.latest_wave()):
            self._expected, self._expected_at = estimator(self._workspace), latest
        return self._expected

    @cached_property
    def _settled(self) -> set[str]:
        return self._free | self._on_their_way

    @cached_property
    def _free(self) -> set[str]:
        return self._known[0]

    @cached_property
    def _on_their_way(self) -> set[str]:
        return self._known[1]

    @cached_property
    def _known(self) -> tuple[set[str], set[str]]:
        """Keys with a stored answer, and keys in an open batch.

        A stored answer is the context of the next page, whose own answer may be stored as well:
        so each chain is followed until an answer is missing.
        """
        workspace = self._workspace
        free: set[str] = set()
        on_their_way: set[str] = set()
        asked_before = workspace.ledger.answers.keys() | set(
            workspace.ledger.batches.in_flight(workspace.engine)
        )
        rebuilds = workspace.ledger.runs.rebuilds()
        for chain in self._schedule.chains:
            context = None
            for place, key in enumerate(chain):
                if key not in asked_before or key in self._forced:
                    break
                page = workspace.dataset.page(key)
                if not workspace.images.is_ready(page):
                    break  # only its image will tell
                if place == 0:
                    context = workspace.previous_context(page)
                request = workspace.request_after(page, context)
                after = rebuilds.get(key, 0)
                ledger, fingerprint = workspace.ledger, request.fingerprint
                answer = ledger.answers.stored(fingerprint, after)
                is_on_its_way = not answer and (
                    ledger.batches.carrying(fingerprint, workspace.engine, after)
                    or workspace.batch_asked_otherwise(request, after)
                )
                answer = answer or workspace.answer_asked_otherwise(request, after)
                if is_on_its_way or not answer:
                    if is_on_its_way:
                        on_their_way.add(key)
                    break
                free.add(key)
                if workspace.corrections.file(page).exists():
                    context = workspace.read_page(page).context()
                    continue
                stored = workspace.ledger.answers.page(answer)
                context = workspace.prompt.page_model.model_validate_json(stored).context()
        return free, on_their_way


def _answered_at(steps: int, seconds_a_batch: float | None) -> float:
    """When a batch will be answered that so many others go before, in Unix seconds."""
    # To the hour: prices change at midnight, and what costs alike is counted together.
    hours = (time.time() + (steps + 1) * (seconds_a_batch or 0.0)) // 3600
    return hours * 3600.0


def _model_ends(workspace: Workspace, steps: int, seconds_a_batch: float | None) -> str | None:
    """That the model ends before all can be read, and what comes after it.

    By the service's own word in the newest answers, else by the table of models. Where no batch was
    measured each is taken for as long as Google aims at.
    """
    name, now = workspace.settings.model.name, time.time()
    model = known_model(name)
    ends_at = workspace.ledger.served.retires_at(workspace.engine, name)
    if ends_at is None and model and workspace.engine == "gemini":
        ends_at = model.ends_at
    if ends_at is None or not steps:
        return None
    if now + steps * (seconds_a_batch or DOCUMENTED_BATCH_SECONDS) < ends_at:
        return None
    verb = "ended" if ends_at <= now else "may end before all is read:"
    successor = model.successor if model else None
    then = f"; {successor} answers then, at its own price" if successor else ""
    day = (moment(ends_at) or "").partition("T")[0]
    return f"{name} {verb} on {day}{then}"


def forecast_of(
    settings: Settings,
    pages: Collection[Page],
    to_be_sent: Iterable[Estimate],
    *,
    free: int = 0,
    on_their_way: int = 0,
    at: float | None = None,
) -> WaveForecast:
    """What reading pages will cost when this is sent for them.

    Args:
        at: when they will be answered (Unix seconds); None is now.
    """
    guesses = list(to_be_sent)
    input_tokens = sum(guess.input_tokens for guess in guesses)
    output_tokens = sum(guess.output_tokens for guess in guesses)
    return WaveForecast(
        pages=len(pages),
        books=len({page.book_id for page in pages}),
        free=free,
        on_their_way=on_their_way,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        engine=settings.engine,
        usd=usd(
            settings.pricing,
            settings.model.name,
            input_tokens,
            output_tokens,
            at=at,
            tier=settings.execution.expected_road,
        ),
    )


def _of_each(
    workspace: Workspace, pages: Iterable[Page], tokens: Callable[[Page], Estimate]
) -> list[Estimate]:
    """What each page takes: asked once for pages of one size that have a page before, or none."""
    known: dict[tuple[bool, int, int], Estimate] = {}
    found = []
    for page in pages:
        kind = (workspace.dataset.previous(page) is None, *workspace.images.pixel_size(page))
        if (estimate := known.get(kind)) is None:
            estimate = known[kind] = tokens(page)
        found.append(estimate)
    return found


def expected_tokens(expected: Estimator, page: Page) -> Estimate:
    """Tokens that reading a page will use, as best known."""
    width, height = expected.workspace.images.pixel_size(page)
    return expected.of_page(len(_typical_prompt(expected.workspace, page)), width, height)


def by_rule(expected: Estimator, page: Page) -> Estimate:
    """The same by the rule of thumb alone."""
    width, height = expected.workspace.images.pixel_size(page)
    return expected.by_rule(len(_typical_prompt(expected.workspace, page)), width, height)


def most_of_page(workspace: Workspace, page: Page) -> Estimate:
    """Tokens that the first attempt at a page can't go much beyond."""
    config, page_model = generation_config(workspace.settings, 1, ()), workspace.prompt.page_model
    return most_tokens(
        _typical_prompt(workspace, page), page_model, *workspace.images.pixel_size(page), config
    )


def _typical_prompt(workspace: Workspace, page: Page) -> str:
    """A page's prompt, with a context of the usual length where it has a page before it."""
    return _prompt_with_context(workspace.prompt, workspace.dataset.previous(page) is not None)


@cache
def _prompt_with_context(prompt: Prompt, has_context: bool) -> str:
    return prompt.render("x" * TYPICAL_CONTEXT_CHARACTERS if has_context else None)
