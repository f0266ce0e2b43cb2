"""The section on prices: a person's own go over those of the table of models."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from pagewave.config.models import Tier, bare_name, known, table
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


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """USD per million tokens of one model in one tier at one time."""

    input: float
    cached_input: float
    output: float


def _no_null(value: object) -> object:
    return {} if value is None else value


class Pricing(Section):
    """What tokens cost, to show the price before it is paid."""

    as_of: datetime.date = Field(
        default=table().as_of, description="Day on which the prices were looked up."
    )
    output_tokens_per_page: Int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Tokens expected in an answer (with thoughts) before any page was read with "
        "this model and prompt; null: guessed from how much is printed on the pages. Once 16 were "
        "read, what they took counts.",
    )
    batch_usd_per_million_tokens: Annotated[dict[str, Price], BeforeValidator(_no_null)] = Field(
        default={},
        description="Your own prices by model, which go over those of the "
        "[table of models](../docs/models.md) and hold at all times. A model without a price is "
        "read all the same, its price shown as unknown.",
    )

    def of(self, model: str, at: float, tier: Tier = "batch") -> TokenPrice | None:
        """What a model's tokens cost in a tier at a time (Unix seconds); None: not known.

        Any version of a model that has a price has that price.
        """
        shares = table().tiers
        entry = known(model)
        if own := self._own(model) or (entry and self._own(entry.name)):
            times = shares[tier] / shares["batch"]
            # Cached tokens cost the same with and without a batch: 90 % off the standard price.
            fifth = own.input / shares["batch"] * (entry.cached_share if entry else 0.1)
            cached = fifth if own.cached_input is None else own.cached_input
            return TokenPrice(own.input * times, cached, own.output * times)
        if entry is None:
            return None
        price, share = entry.price(at), shares[tier]
        cached = price.input * entry.cached_share
        return TokenPrice(price.input * share, cached, price.output * share)

    def models(self) -> set[str]:
        """All names that have a price."""
        return {*table().model, *self.batch_usd_per_million_tokens}

    def _own(self, model: str) -> Price | None:
        own: Mapping[str, Price] = self.batch_usd_per_million_tokens
        return own.get(model) or own.get(bare_name(model))
