"""Tokens that a page takes, about and at most, and what they cost."""

import io
import math

import pytest
from PIL import Image

from pagewave.config.pricing import Pricing
from pagewave.embedded.server import tokens
from pagewave.page_model import PageModel
from pagewave.prompts.costs import (
    estimate,
    image_tokens,
    interactive_usd,
    likely_answer_tokens,
    most_tokens,
    usd,
)


@pytest.mark.parametrize(
    ("width", "height", "tiles"),
    [
        (1, 1, 1),
        (384, 384, 1),
        (384, 100, 1),
        (960, 540, 6),  # the documentation's own example
        (540, 960, 6),
        (1500, 1500, 4),
        (1100, 1720, 6),
        (385, 1, 385),  # no page, but no crash
    ],
)
def test_tokens_of_an_image(width: int, height: int, tiles: int) -> None:
    assert image_tokens(width, height) == 258 * tiles


@pytest.mark.parametrize(
    "size", [(1, 1), (384, 384), (385, 384), (960, 540), (1100, 1720), (1720, 1100), (2400, 3600)]
)
def test_the_embedded_server_counts_images_by_the_same_rule(size: tuple[int, int]) -> None:
    data = io.BytesIO()
    Image.new("L", size).save(data, "PNG")
    assert tokens.image_tokens(data.getvalue()) == image_tokens(*size)


def test_an_estimate_adds_prompt_and_image() -> None:
    guess = estimate(4001, 960, 540, 1200)
    assert (guess.input_tokens, guess.output_tokens) == (1001 + 1548, 1200)


def test_the_price_of_tokens() -> None:
    prices = {"gemini-2.5-flash": {"input": 0.15, "output": 1.25}}
    pricing = Pricing.model_validate({"batch_usd_per_million_tokens": prices})
    assert usd(pricing, "gemini-2.5-flash", 2_000_000, 1_000_000) == pytest.approx(1.55)
    assert usd(pricing, "gemini-2.5-flash", 0, 0) == 0.0
    assert usd(pricing, "gemini-99-imaginary", 1, 1) is None
    cheaper = usd(pricing, "gemini-2.5-flash", 2_000_000, 1_000_000, cached_tokens=1_000_000)
    assert cheaper == pytest.approx(0.15 + 0.03 + 1.25)
    prices["gemini-2.5-flash"]["cached_input"] = 0.1
    pricing = Pricing.model_validate({"batch_usd_per_million_tokens": prices})
    assert usd(pricing, "gemini-2.5-flash", 2_000_000, 0, 1_000_000) == pytest.approx(0.25)


def test_without_a_batch_tokens_cost_twice_as_much_but_cached_ones_the_same() -> None:
    prices = {"m": {"input": 0.15, "output": 1.25, "cached_input": 0.03}}
    pricing = Pricing.model_validate({"batch_usd_per_million_tokens": prices})
    assert interactive_usd(pricing, "m", 2_000_000, 1_000_000) == pytest.approx(0.6 + 2.5)
    cached = interactive_usd(pricing, "m", 2_000_000, 1_000_000, 500_000)
    assert cached == pytest.approx(0.45 + 0.015 + 2.5)
    assert interactive_usd(pricing, "m", 0, 0) == 0.0
    assert interactive_usd(pricing, "gemini-99-imaginary", 1, 1) is None


def test_cached_tokens_of_a_model_that_nobody_knows_cost_a_fifth_of_its_own_price() -> None:
    prices = {"mine": {"input": 0.5, "output": 1.0}}
    pricing = Pricing.model_validate({"batch_usd_per_million_tokens": prices})
    assert usd(pricing, "mine", 1_000_000, 0, 1_000_000) == pytest.approx(0.1)
    assert interactive_usd(pricing, "mine", 1_000_000, 0, 1_000_000) == pytest.approx(0.1)


class Noted(PageModel):
    note: str

    def text(self) -> str:
        return self.note

    def context(self) -> str:
        return self.note


@pytest.mark.parametrize("text", ["Read this page.", "中文字符" * 50, "\N{OLD PERSIAN SIGN A}"])
@pytest.mark.parametrize("size", [(16, 16), (1100, 1720), (5000, 700)])
def test_a_page_never_takes_more_than_is_held_for_it(text: str, size: tuple[int, int]) -> None:
    """Held against the dearest ways to count that the documentation knows."""
    most = most_tokens(text, Noted, *size, {"maxOutputTokens": 700})
    by_tiles = math.ceil(size[0] / 768) * math.ceil(size[1] / 768) * 258
    assert most.output_tokens == 700
    assert most.input_tokens >= len(text) + max(by_tiles, image_tokens(*size), 2240)
    assert most_tokens("", Noted, *size, {}).output_tokens == 65_536
    # A tokenizer that knows nothing of a script makes a token of each byte.
    nothing = most_tokens("", Noted, *size, {}).input_tokens
    assert most.input_tokens - nothing == len(text.encode())


def test_more_print_means_longer_answers_and_noise_is_no_print() -> None:
    blank, usual, dense = (likely_answer_tokens(share) for share in (0.0, 0.1, 0.15))
    assert 0 < blank < usual < dense
    assert likely_answer_tokens(0.9) == likely_answer_tokens(0.5)
