"""What the waves to come will hold and cost, before a cent is spent."""

import math
import statistics
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

from pagewave.config.settings import Settings
from pagewave.pages.dataset import Page
from pagewave.plan.budget import Budget, budgets
from pagewave.plan.estimates import RULE_OF_THUMB_ERROR, Estimator, estimator
from pagewave.plan.pace import facts, paces
from pagewave.plan.roads import Lane
from pagewave.plan.schedule import Schedule
from pagewave.plan.side_by_side import RoadForecast, advice, side_by_side
from pagewave.prompts.costs import Estimate, most_tokens, usd
from pagewave.prompts.registry import Prompt
from pagewave.prompts.request import generation_config
from pagewave.wording import count
from pagewave.workspace import Workspace

TYPICAL_CONTEXT_CHARACTERS = 800
"""What a page hands to the next: 500 characters of text and three courses, with headings."""
RECENT_BATCHES = 20
"""How many of the last batches say how long a batch takes."""


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

    `steps` is how many batches come one after another: those of the longest chain, or more where
    too few may be in flight at once. `measured` is None until enough pages were read with this
    model and prompt; `pages_measured` is how many were. `most_usd` is the price if every answer
    were as long as it may be. `roads` has a row for every transport, `advice` what to make of them.
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
    budgets: Sequence[Budget]
    roads: Sequence[RoadForecast] = ()
    advice: str | None = None

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
            [expected_tokens(expected, page) for page in paid],
            free=sum(key in self._free for key in keys),
            on_their_way=sum(key in self._on_their_way for key in keys),
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
        # A wave of stored answers takes no time.
        slow = [sum(not self._free.issuperset(wave) for wave in waves) for waves in lanes]
        sent = [sum(not self._settled.issuperset(wave) for wave in waves) for waves in lanes]
        slots = settings.execution.max_concurrent_batches
        seconds = workspace.ledger.spending.batch_seconds(
            workspace.engine, settings.model.name, RECENT_BATCHES
        )
        expected = self._estimator()
        dead = len(workspace.dead_letters() & set(blocked))
        most = [most_of_page(workspace, page) for page in paid]
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
            batches=sum(sent),
            longest_chain=max(map(len, lanes), default=0),
            steps=max(max(slow, default=0), math.ceil(sum(slow) / slots)),
            seconds_a_batch=statistics.median(seconds) if seconds else None,
            by_rule=self._price(by_rule(expected, page) for page in paid),
            measured=self._price((expected_tokens(expected, page) for page in paid), expected)
            if expected.is_measured
            else None,
            pages_measured=expected.measured.pages,
            most_usd=self._price(most).usd,
            budgets=budgets(workspace.ledger, settings, None),
        )
        return self._with_roads(whole, lanes)

    def _with_roads(self, whole: RunForecast, lanes: Sequence[Sequence[list[str]]]) -> RunForecast:
        """The same with what every road would take.

        Args:
            lanes: keys by wave of each lane.
        """
        if not whole.to_send:
            return whole
        workspace = self._workspace
        known = paces(workspace.ledger, workspace.engine, whole.model)
        pages = [[sum(key not in self._free for key in wave) for wave in lane] for lane in lanes]
        lefts = [
            Lane(number, sum(map(bool, waves)), sum(waves)) for number, waves in enumerate(pages)
        ]
        best = whole.best
        tokens = (best.input_tokens, best.output_tokens)
        a_page = Estimate(*(math.ceil(number / whole.to_send) for number in tokens))
        roads = side_by_side(
            facts(workspace.ledger, workspace.settings, known, a_page),
            known,
            lefts,
            best.usd,
            whole.steps,
            workspace.settings.execution.transport,
        )
        return replace(whole, roads=roads, advice=advice(roads, known))

    def _price(self, guesses: Iterable[Estimate], measured: Estimator | None = None) -> Price:
        each = list(guesses)
        input_tokens = sum(guess.input_tokens for guess in each)
        output_tokens = sum(guess.output_tokens for guess in each)
        settings = self._workspace.settings
        return Price(
            input_tokens,
            output_tokens,
            usd(settings.pricing, settings.model.name, input_tokens, output_tokens),
            measured.error(len(each)) if measured else RULE_OF_THUMB_ERROR,
        )

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


def forecast_of(
    settings: Settings,
    pages: Collection[Page],
    to_be_sent: Iterable[Estimate],
    *,
    free: int = 0,
    on_their_way: int = 0,
) -> WaveForecast:
    """What reading pages will cost when this is sent for them."""
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
        usd=usd(settings.pricing, settings.model.name, input_tokens, output_tokens),
    )


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
