"""Tokens and prices: what a page is likely to take, what it can take at most, what tokens cost.

Sources stand beside each number; the prices themselves are in `config/models.toml`.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pagewave.config.models import family_of
from pagewave.page_model import PageModel
from pagewave.prompts.halved import INSTRUCTIONS, half_height
from pagewave.prompts.halved import KEY as HALVED
from pagewave.prompts.schema import schema_bytes

if TYPE_CHECKING:
    from pagewave.config.models import Tier
    from pagewave.config.pricing import Pricing

# ai.google.dev, "Understand and count tokens": a token is about four characters.
CHARS_PER_TOKEN = 4
# ai.google.dev, "Image understanding", section "Token calculation".
TOKENS_PER_TILE = 258
SMALL_IMAGE_SIDE = 384  # px; up to this, both ways, an image is one tile
SIDE_PER_CROP_UNIT = 1.5
# ai.google.dev, "Batch API": batches cost 50 % of what the same calls cost interactively.
INTERACTIVE_PRICE_FACTOR = 2
# How answers follow from print; fitted to the sample, see `likely_answer_tokens`.
TOKENS_OF_EMPTY_ANSWER = 75
TOKENS_AT_NO_PRINT = -176
TOKENS_PER_SHARE_OF_PRINT = 10_985
USUAL_SHARE_OF_PRINT = 0.1  # where no image can be looked at yet
DENSEST_SHARE_OF_PRINT = 0.2  # more is no print
# What bounds a request's tokens from above. Other pages of the documentation count tiles of so many
# pixels as they are, and Gemini 3 takes up to so many tokens for an image ("Media resolution").
PIXELS_PER_TILE_SIDE = 768
MOST_TOKENS_OF_AN_IMAGE = 2240
LONGEST_BATCH_SECONDS = 48 * 3600.0  # ai.google.dev, "Batch API": then it expires
MOST_OUTPUT_TOKENS = 65_536  # of every Gemini 2.5 and 3 model


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tokens that one request is expected to use."""

    input_tokens: int
    output_tokens: int


def estimate(
    prompt_chars: int,
    width: int,
    height: int,
    output_tokens: int,
    model: str = "",
    resolution: str | None = None,
) -> Estimate:
    """Tokens to expect for one page.

    A rule of thumb: prompt and image as Gemini's documentation counts them. The response schema,
    and what thinking adds, are not in it.

    Args:
        prompt_chars: length of the rendered prompt.
        width: of the image, px.
        height: of the image, px.
        output_tokens: how long the answer is likely to be.
        model: which one; resolution: the `media_resolution` of the configuration, if any.
    """
    image = image_tokens(width, height, model, resolution)
    return Estimate(math.ceil(prompt_chars / CHARS_PER_TOKEN) + image, output_tokens)


def likely_answer_tokens(share_of_print: float) -> int:
    """How long a page's answer is likely to be, told from its image's `ink.share_of_print`.

    Fitted to the sample, whose pages hold up to 30 courses: on average right, for a single page by
    a factor of two either way, as lists of courses take more words than they print.
    """
    print_tokens = TOKENS_PER_SHARE_OF_PRINT * min(share_of_print, DENSEST_SHARE_OF_PRINT)
    return max(TOKENS_OF_EMPTY_ANSWER, round(TOKENS_AT_NO_PRINT + print_tokens))


def image_tokens(width: int, height: int, model: str = "", resolution: str | None = None) -> int:
    """Tokens of an image of so many pixels, by the documented rule.

    From Gemini 3 on they follow from the resolution at which it is looked at, and are so many at
    most. Before, a small image is one tile; a larger one is cut into squares whose side is two
    thirds of its shorter side, and each is scaled to a tile of 768 x 768 px.
    """
    family = family_of(model)
    if family and family.image_tokens:
        name = (resolution or "unset").removeprefix("MEDIA_RESOLUTION_").lower()
        return family.image_tokens[name]
    if max(width, height) <= SMALL_IMAGE_SIDE:
        return TOKENS_PER_TILE
    unit = max(1, math.floor(min(width, height) / SIDE_PER_CROP_UNIT))
    # As in the documentation's example: 960 x 540 px has a unit of 360 px and 3 * 2 tiles.
    return math.ceil(width / unit) * math.ceil(height / unit) * TOKENS_PER_TILE


def most_tokens(
    prompt_text: str,
    page_model: type[PageModel],
    width: int,
    height: int,
    generation_config: Mapping[str, Any],
) -> Estimate:
    """Tokens that one page can't go beyond: what a budget has to hold ready for it.

    A tokenizer that falls back on bytes never makes more tokens than there are bytes; an image is
    counted by the dearest rule; an answer ends at `maxOutputTokens`, thoughts included. A page in
    halves is asked twice.

    Args:
        prompt_text: the rendered prompt.
        page_model: what the response schema is made of.
        width: of the image, px.
        height: of the image, px.
        generation_config: as from `generation_config`.
    """
    times = 1
    if generation_config.get(HALVED):
        prompt_text += max(INSTRUCTIONS.values(), key=len)
        height, times = half_height(height), 2
    tiles = math.ceil(width / PIXELS_PER_TILE_SIDE) * math.ceil(height / PIXELS_PER_TILE_SIDE)
    image = max(MOST_TOKENS_OF_AN_IMAGE, tiles * TOKENS_PER_TILE, image_tokens(width, height))
    return Estimate(
        input_tokens=times * (len(prompt_text.encode()) + schema_bytes(page_model) + image),
        output_tokens=times * (generation_config.get("maxOutputTokens") or MOST_OUTPUT_TOKENS),
    )


def usd(
    pricing: "Pricing",
    model: str,
    input_tokens: int,
    output_tokens: int,
    cached_tokens: int = 0,
    *,
    at: float | None = None,
    tier: "Tier" = "batch",
) -> float | None:
    """The price of so many tokens, in US dollars; None when the model's is not known.

    Args:
        model: the one that served, where that is known.
        output_tokens: thinking included, which costs the same.
        cached_tokens: those of the input that the service had in its cache.
        at: when they were answered or will be, in Unix seconds; None is now. Prices have dates.
        tier: what they are paid as.
    """
    price = pricing.of(model, time.time() if at is None else at, tier)
    if price is None:
        return None
    total = (input_tokens - cached_tokens) * price.input
    total += cached_tokens * price.cached_input + output_tokens * price.output
    return total / 1_000_000


def most_usd(
    pricing: "Pricing",
    model: str,
    input_tokens: int,
    output_tokens: int,
    *,
    tier: "Tier" = "batch",
) -> float | None:
    """The most that these tokens cost if they are sent now: a batch may take two days to answer,
    and prices change in between."""
    now = time.time()
    prices = [
        usd(pricing, model, input_tokens, output_tokens, at=at, tier=tier)
        for at in (now, now + LONGEST_BATCH_SECONDS)
    ]
    known = [price for price in prices if price is not None]
    return max(known, default=None)


def interactive_usd(
    pricing: "Pricing",
    model: str,
    input_tokens: int,
    output_tokens: int,
    cached_tokens: int = 0,
    *,
    at: float | None = None,
) -> float | None:
    """The price of so many tokens asked for at once, without a batch; arguments as for `usd`.

    Cached tokens cost the same here and there.
    """
    return usd(pricing, model, input_tokens, output_tokens, cached_tokens, at=at, tier="standard")
