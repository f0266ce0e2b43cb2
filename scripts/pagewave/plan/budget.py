"""Budgets: no batch is created that might make a run, or all of them, cost more than allowed.

What is on its way counts as dear as it can be: that much is held ready for it by the transaction
that writes its intent, until its results say what it cost. So two lanes at once never spend the
same dollar, nor does a run after a crash. A wave that finds no room waits for batches in flight,
which mostly cost a fraction of what was held; when none is left, the run sends nothing more.

With the embedded engine the same tokens count at Gemini's prices, so that a budget can be tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pagewave.config.other_model import paid_as, price_name
from pagewave.config.pricing import Pricing
from pagewave.config.settings import Settings
from pagewave.errors import BudgetReached, ConfigError
from pagewave.ledger import Cost, Ledger, Record
from pagewave.prompts.costs import (
    INTERACTIVE_PRICE_FACTOR,
    MOST_OUTPUT_TOKENS,
    usd,
)

MOST_INPUT_TOKENS = 32_768
"""For a record of which the ledger has no estimate, such as one of a restored ledger."""


class NoRoom(Exception):
    """There is no room for a batch; those `in_flight` may leave some when they are collected."""

    def __init__(self, why: str, in_flight: Sequence[int]) -> None:
        super().__init__(why)
        self.in_flight = in_flight


@dataclass(frozen=True)
class Budget:
    """One limit: its key in the configuration, and how much of it is used, in USD.

    `held` is for what is on its way, and for what the service never metered.
    """

    key: str
    limit: float
    spent: float
    held: float

    @property
    def left(self) -> float:
        """USD that nothing was spent on, nor is held for."""
        return max(0.0, self.limit - self.spent - self.held)

    def __str__(self) -> str:
        held = f" and {self.held:.4f} held for what was not metered" if self.held else ""
        return f"{self.key} is {self.limit:.4f} USD, of which {self.spent:.4f} are spent{held}"


def budgets(ledger: Ledger, settings: Settings, run_id: str | None) -> list[Budget]:
    """The limits that are set; `run_id` is None where the run has not begun."""
    engine, execution = settings.engine, settings.execution
    found = []
    if (limit := execution.max_cost_usd) is not None:
        costs = ledger.spending.costs(engine, run_id) if run_id else []
        found.append(Budget("execution.max_cost_usd", limit, *_used(settings, costs)))
    if (limit := execution.max_cost_usd_total) is not None:
        costs = ledger.spending.costs(engine)
        found.append(Budget("execution.max_cost_usd_total", limit, *_used(settings, costs)))
    return found


def spent_usd(ledger: Ledger, settings: Settings, run_id: str) -> float | None:
    """What a run was metered for, at Gemini's prices of its tiers; None: one is not known."""
    try:
        return _used(settings, ledger.spending.costs(settings.engine, run_id))[0]
    except ConfigError:
        return None


def check_prices(ledger: Ledger, settings: Settings) -> None:
    """Before anything is sent: can all that a budget counts be priced?

    Raises:
        ConfigError: the ledger holds records of a model whose price is not known.
    """
    if settings.execution.max_cost_usd_total is not None:
        _used(settings, ledger.spending.costs(settings.engine))


def reserve(
    ledger: Ledger, settings: Settings, run_id: str, what: str, records: Sequence[Record]
) -> None:
    """Make sure that there is room for these records; called by what writes their intent.

    It must be inside of the same transaction, and that inside of `within_budget`.

    Raises:
        BudgetReached: the run sends nothing more.
    """
    if not has_budget(settings):
        return
    if ledger.spending.over_budget(run_id):
        raise BudgetReached(f"{what}: not sent, the budget has no room for it.")
    wanted = sum(_most(settings.pricing, record) for record in records)
    is_trial = settings.engine == "embedded"
    prices = " (at Gemini's prices: the embedded engine costs nothing)" if is_trial else ""
    for budget in budgets(ledger, settings, run_id):
        if budget.spent + budget.held + wanted > budget.limit:
            batches = ledger.batches
            in_flight = batches.open(settings.engine) + batches.open_calls(settings.engine)
            raise NoRoom(
                f"{what}: not sent. {budget}; it might cost up to {wanted:.4f} more{prices}.",
                [batch.id for batch in in_flight],
            )


def reserve_now(
    ledger: Ledger, settings: Settings, run_id: str, what: str, records: Sequence[Record]
) -> None:
    """Like `reserve`, for what can't wait: what is sent once more, the first try not given up."""
    try:
        reserve(ledger, settings, run_id, what, records)
    except NoRoom as full:
        raise BudgetReached(str(full)) from None


def reserve_call(
    ledger: Ledger, settings: Settings, run_id: str, what: str, most_usd: float | None
) -> None:
    """Make sure that there is room for a call without a batch, inside of what writes it down.

    Args:
        most_usd: what it can't go beyond; a budget's model has a price.

    Raises:
        BudgetReached: it might go over a limit.
    """
    for budget in budgets(ledger, settings, run_id):
        assert most_usd is not None, "a budget's model has a price"
        if budget.spent + budget.held + most_usd > budget.limit:
            raise BudgetReached(
                f"{what}: not sent. {budget}; it might cost up to {most_usd:.4f} more."
            )


def has_budget(settings: Settings) -> bool:
    """Is any limit set?"""
    execution = settings.execution
    return not (execution.max_cost_usd is None and execution.max_cost_usd_total is None)


def _used(settings: Settings, costs: Sequence[Cost]) -> tuple[float, float]:
    """USD that were spent, and that are held."""
    pricing = settings.pricing
    spent = held = 0.0
    for cost in costs:
        if not cost.metered:
            known = cost.max_usd
            times = INTERACTIVE_PRICE_FACTOR if cost.interactive else 1
            if known is None:
                known = cost.records * times * _dearest(pricing, cost.model)
            held += known
        elif settings.engine == "gemini" and cost.usd is not None:
            spent += cost.usd
        else:
            # At the price of the day on which they were read, of the model that read them.
            tokens = (cost.input_tokens, cost.output_tokens, cost.cached_tokens)
            model = price_name(pricing, cost.model, cost.served, cost.at)
            tier = paid_as("standard" if cost.interactive else "batch", cost.tier)
            spent += _known(usd(pricing, model, *tokens, at=cost.at, tier=tier), model)
    return spent, held


def _most(pricing: Pricing, record: Record) -> float:
    assert record.max_usd is not None, "a budget's model has a price"
    return record.max_usd


def _dearest(pricing: Pricing, model: str) -> float:
    return _known(usd(pricing, model, MOST_INPUT_TOKENS, MOST_OUTPUT_TOKENS), model)


def _known(price: float | None, model: str) -> float:
    if price is None:
        raise ConfigError(
            "Budgets (execution.max_cost_usd, max_cost_usd_total) can't be kept: the ledger holds "
            f"pages read by {model}, whose price is not known. Add it under "
            "pricing.batch_usd_per_million_tokens."
        )
    return price
