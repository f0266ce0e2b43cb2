"""What becomes of an answer by another model than was asked for: `model.on_other_model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pagewave.config.models import Tier, is_other_model

if TYPE_CHECKING:
    from pagewave.config.pricing import Pricing
    from pagewave.config.settings import Settings

CALL_TIERS: tuple[Tier, ...] = ("flex", "standard", "priority")
FLAG = "other_model"
"""What such an answer is flagged with."""


def what_then(
    settings: Settings, asked: str, served: str | None, at: float, tier: Tier = "batch"
) -> Literal["accept", "flag", "stop"] | None:
    """What the configuration says of it, for an answer at a time in Unix seconds.

    None: it is the model that was asked for, or nobody knows. Nothing dearer is bought without a
    yes: `flag` is `stop` where the other model is dearer, or one of both prices is not known.
    """
    if served is None or not is_other_model(asked, served):
        return None
    wish = settings.model.on_other_model
    if wish == "flag" and not _costs_no_more(settings.pricing, asked, served, at, tier):
        return "stop"
    return wish


def price_name(pricing: Pricing, asked: str, served: str | None, at: float) -> str:
    """The model by whose price an answer is paid: the one that served it, where that is known.

    Of a version of the model that was asked for, what that one costs.
    """
    if served is None:
        return asked
    if not is_other_model(asked, served) and pricing.of(asked, at):
        return asked
    return served


def _costs_no_more(pricing: Pricing, asked: str, served: str, at: float, tier: Tier) -> bool:
    of_asked, of_served = pricing.of(asked, at, tier), pricing.of(served, at, tier)
    if of_asked is None or of_served is None:
        return False
    return of_served.input <= of_asked.input and of_served.output <= of_asked.output


def paid_as(asked: str, told: str | None = None) -> Tier:
    """The tier in which an answer is paid: the one that served it.

    What a batch brings costs what batches cost, whatever tier its lines name: batches have one
    price ("Batch API"), and none of their lines was seen to name it.
    """
    of_call = [tier for said in (told, asked) for tier in CALL_TIERS if tier == said]
    return of_call[0] if of_call and asked != "batch" else "batch"
