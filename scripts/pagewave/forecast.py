"""What the waves to come will hold and cost, before a cent is spent."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache, cached_property

from .dataset import Page
from .prompting import Prompt
from .requests import Estimate, estimate, usd
from .schedule import Schedule
from .wave import build_request_from
from .workbench import Workbench

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


class Forecast:
    """Forecasts from the schedule as it stands; stored answers are followed page by page."""

    def __init__(self, bench: Workbench, schedule: Schedule) -> None:
        self._bench = bench
        self._schedule = schedule

    def wave(self, lane: int, wave: int) -> WaveForecast:
        """What a wave will hold, as far as can be told today."""
        keys = self._schedule.members(lane, wave)
        pages = [self._bench.dataset.page(key) for key in keys]
        paid = [p for p in pages if p.key not in self._free and p.key not in self._on_their_way]
        return forecast_of(
            self._bench,
            pages,
            [expected_tokens(self._bench, page) for page in paid],
            free=sum(key in self._free for key in keys),
            on_their_way=sum(key in self._on_their_way for key in keys),
        )

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
        bench = self._bench
        free: set[str] = set()
        on_their_way: set[str] = set()
        asked_before = bench.ledger.attempted_keys() | bench.ledger.keys_in_flight(bench.engine)
        rebuilds = bench.ledger.rebuilds()
        for chain in self._schedule.chains:
            context = None
            for place, key in enumerate(chain):
                if key not in asked_before:
                    break
                page = bench.dataset.page(key)
                if not bench.images.is_ready(page):
                    break  # only its image will tell
                if place == 0:
                    context = bench.previous_context(page)
                request = build_request_from(bench, page, context)
                after = rebuilds.get(key, 0)
                answer = bench.ledger.stored_answer(request.fingerprint, after)
                if not answer:
                    if bench.ledger.open_batch_of(request.fingerprint, bench.engine, after):
                        on_their_way.add(key)
                    break
                free.add(key)
                stored = bench.ledger.attempt_page(answer)
                context = bench.prompt.page_model.model_validate_json(stored).context()
        return free, on_their_way


def forecast_of(
    bench: Workbench,
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
    settings = bench.settings
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


def expected_tokens(bench: Workbench, page: Page) -> Estimate:
    """Tokens that reading a page will use, with a typical context where it has a page before it."""
    width, height = bench.images.size(page)
    has_context = bench.dataset.previous(page) is not None
    characters = _prompt_characters(bench.prompt, has_context)
    return estimate(characters, width, height, bench.settings)


@cache
def _prompt_characters(prompt: Prompt, has_context: bool) -> int:
    return len(prompt.render("x" * TYPICAL_CONTEXT_CHARACTERS if has_context else None))


def count(number: int, what: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
