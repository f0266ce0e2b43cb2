"""The models with a known price, and the section that adds others."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field

from pagewave.config.types import Float, Int, Section


class Price(Section):
    """USD per million tokens in a batch."""

    input: Float = Field(ge=0, description="USD per million tokens sent.")
    output: Float = Field(ge=0, description="USD per million tokens answered, thoughts included.")
    cached_input: Float | None = Field(
        default=None,
        ge=0,
        description="USD per million tokens that the service had in its cache; null: a fifth of "
        "`input`.",
    )


# Half of the interactive prices of ai.google.dev/gemini-api/docs/pricing for prompts up to
# 200,000 tokens. Gemini 3.8 Flash is at its introductory price, which doubles on 2027-01-01.
BATCH_PRICES = {
    "gemini-2.5-flash-lite": Price(input=0.05, output=0.20),
    "gemini-2.5-flash": Price(input=0.15, output=1.25),
    "gemini-2.5-pro": Price(input=0.625, output=5.00),
    "gemini-3-flash-preview": Price(input=0.25, output=1.50),
    "gemini-3-pro-preview": Price(input=1.00, output=6.00),
    "gemini-3.1-flash-lite": Price(input=0.125, output=0.75),
    "gemini-3.1-pro-preview": Price(input=1.00, output=6.00),
    "gemini-3.5-flash-lite": Price(input=0.15, output=1.25),
    "gemini-3.5-flash": Price(input=0.75, output=4.50),
    "gemini-3.8-flash": Price(input=0.375, output=1.875),
}


def _with_known_prices(value: object) -> object:
    if value is None:
        return BATCH_PRICES
    return {**BATCH_PRICES, **value} if isinstance(value, Mapping) else value


class Pricing(Section):
    """What tokens cost, to show the price before it is paid."""

    as_of: datetime.date = Field(
        default=datetime.date(2026, 10, 7), description="Day on which the prices were looked up."
    )
    output_tokens_per_page: Int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Tokens expected in an answer (with thoughts) before any page was read with "
        "this model and prompt; null: guessed from how much is printed on the pages. Once ten were "
        "read, what they took counts.",
    )
    batch_usd_per_million_tokens: Annotated[
        dict[str, Price], BeforeValidator(_with_known_prices)
    ] = Field(
        default=BATCH_PRICES,
        description="Prices by model, added to the shipped ones. A model without a price is read "
        "all the same, its price shown as unknown.",
    )


class Limits(NamedTuple):
    """What a project may ask of a model in single calls; None: no limit, or none is known."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    requests_per_day: int | None = None


def limits(model: str) -> Limits:
    """The limits of a model's single calls, as Google has them for projects of tier 1."""
    return Limits()
