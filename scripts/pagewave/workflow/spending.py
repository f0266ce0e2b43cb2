"""What a run says of money at its end: what it cost, what it was thought to cost, what remains."""

from pagewave.plan.forecast import Forecast
from pagewave.plan.schedule import Schedule
from pagewave.prompts.costs import usd
from pagewave.wording import count
from pagewave.workspace import Workspace

WHEN_OVER_BUDGET = (
    "To go on, raise the limit in the configuration and run the same command; what was read is "
    "free then. execution.max_cost_usd is the budget of one run: the next run has it anew."
)


def spending_lines(workspace: Workspace, run_id: str, schedule: Schedule) -> list[str]:
    """A line for what a run cost beside its estimate, and for what it left for want of money."""
    lines = []
    both = workspace.ledger.spending.estimate_and_actual(run_id)
    paid = workspace.ledger.spending.of_run(run_id)
    if both.records:
        price = usd(
            workspace.settings.pricing,
            workspace.settings.model.name,
            both.input_tokens,
            both.output_tokens,
            both.cached_tokens,
        )
        at_gemini = "unknown" if price is None else f"{price:.4f}"
        spent = (
            f"nothing; at Gemini's prices {at_gemini}"
            if workspace.engine == "embedded"
            else f"{at_gemini if paid is None else f'{paid:.4f}'}"
        )
        expected = "" if price is None else f", expected {both.expected_usd:.4f}"
        off = "" if not both.expected_usd or price is None else _off(price, both.expected_usd)
        lines.append(
            f"Spent (USD): {spent}{expected}{off}. Tokens: {both.input_tokens:,} in (expected "
            f"{both.expected_input_tokens:,}), {both.output_tokens:,} out (expected "
            f"{both.expected_output_tokens:,})."
        )
    if workspace.ledger.spending.over_budget(run_id):
        left = Forecast(workspace, schedule).whole()
        price = left.best.usd
        about = "" if price is None else f", about {price:.4f} USD"
        lines.append(f"Not sent for want of budget: {count(left.pages, 'page')}{about}.")
    return lines


def _off(actual: float, expected: float) -> str:
    return f" ({actual / expected - 1:+.0%})"
