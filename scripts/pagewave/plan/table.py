"""What a command would read and cost, as a table: at the end of a dry run, and of `plan`."""

from rich.console import Group
from rich.table import Table

from pagewave.console import table
from pagewave.ledger import BY_BATCH
from pagewave.plan.budget import Budget
from pagewave.plan.forecast import Price, RunForecast
from pagewave.plan.pace import BATCH_SECONDS_SEEN, DOCUMENTED_BATCH_SECONDS, FLEX_SECONDS_SEEN
from pagewave.plan.side_by_side import RoadForecast
from pagewave.wording import age, count, dollars

LEAST_HOURS = 0.1
MANY_HOURS = 20
"""From which on tenths of them say nothing."""


def view(forecast: RunForecast) -> Table:
    """The forecast of a whole run; prices stand beside each other, by rule and as measured."""
    columns = ["To be read", "by rule of thumb"]
    if forecast.measured:
        columns.append(f"as measured ({forecast.pages_measured:,} pages)")
    rows: list[list[str]] = [
        ["pages", _pages(forecast)],
        ["books", f"{forecast.books:,}"],
    ]
    if forecast.dead_letters or forecast.blocked:
        rows.append(["dead letters", _dead_letters(forecast)])
    if forecast.pages:
        rows.append(["waves", _waves(forecast)])
        rows.append(["time", _time(forecast)])
        if forecast.model_ends:
            rows.append(["model", forecast.model_ends])
    if forecast.to_send:
        rows.append(["images", str(forecast.images)])
        prices = [forecast.by_rule, *([forecast.measured] if forecast.measured else [])]
        rows.append(["tokens in", *(f"{price.input_tokens:,}" for price in prices)])
        rows.append(["tokens out", *(f"{price.output_tokens:,}" for price in prices)])
        rows.append([_usd_title(forecast), *map(_range, prices)])
        rows.append(
            ["at most", f"{dollars(forecast.most_usd)} USD, if each answer were the longest"]
        )
    rows += [[budget.key, _budget(budget, forecast)] for budget in forecast.budgets]
    rows += [["not read", line] for line in forecast.not_read]
    return table(columns, [[*row, *[""] * (len(columns) - len(row))] for row in rows])


def roads_view(forecast: RunForecast) -> Group:
    """Every road beside the others, and what to make of it; empty where nothing is to be sent."""
    if not forecast.roads:
        return Group()
    rows = [
        [road.road, dollars(road.usd), _hours(road.seconds), _why(road)] for road in forecast.roads
    ]
    usd = _usd_title(forecast)
    made = table(["Road", f">{usd}", ">hours", "why"], rows)
    return Group(made, *([forecast.advice] if forecast.advice else []))


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    if hours < LEAST_HOURS:
        return f"< {LEAST_HOURS}"
    return f"~ {hours:.1f}" if hours < MANY_HOURS else f"~ {hours:,.0f}"


def _why(road: RoadForecast) -> str:
    return f"{road.why}  <- this run" if road.is_this else road.why


def _pages(forecast: RunForecast) -> str:
    if not forecast.pages:
        return "none: all is read" if not forecast.blocked else "none"
    parts = [f"{forecast.to_send:,} to send"]
    if forecast.free:
        parts.append(f"{forecast.free:,} free from stored answers")
    if forecast.on_their_way:
        parts.append(f"{forecast.on_their_way:,} sent earlier")
    return f"{forecast.pages:,} ({', '.join(parts)})" if len(parts) > 1 else parts[0]


def _dead_letters(forecast: RunForecast) -> str:
    waiting = f"; {count(forecast.blocked, 'page')} wait for them" if forecast.blocked else ""
    return f"{forecast.dead_letters:,} not sent again{waiting}"


def _waves(forecast: RunForecast) -> str:
    what = f"{forecast.batches:,} with a batch"
    if forecast.transport != BY_BATCH:
        one = "page" if forecast.transport == "auto" else "call"
        what = f"{count(forecast.batches, one)} by {forecast.transport}"
    return (
        f"{forecast.waves:,} in {count(forecast.lanes, 'lane')}, {what}; "
        f"longest chain {count(forecast.longest_chain, 'page')}"
    )


def _time(forecast: RunForecast) -> str:
    if not forecast.steps:
        return "none: nothing is waited for"
    this = next((road for road in forecast.roads if road.is_this), None)
    if this and this.road == "auto":
        return f"about {age(this.seconds)}, by roads as they would be chosen now (below)"
    of_calls = forecast.transport != BY_BATCH
    one, many = ("call", "calls") if of_calls else ("batch", "batches")
    steps = f"{forecast.steps:,} {many} one after another" if forecast.steps > 1 else f"one {one}"
    if forecast.seconds is None or forecast.seconds_a_batch is None:
        known = "not known until the first was collected"
        if of_calls:
            others = f"others saw {FLEX_SECONDS_SEEN:.0f} s each"
            return f"{steps}; not known until the first was answered ({others})"
        if forecast.engine != "gemini":
            return f"{steps}; {known}"
        seen, all_seen = age(BATCH_SECONDS_SEEN), age(BATCH_SECONDS_SEEN * forecast.steps)
        return f"{steps}: at {seen} a batch, as others saw, {all_seen}; {_at_most(forecast)}"
    measured = f"{age(forecast.seconds_a_batch)} each as measured"
    longest = "" if of_calls or forecast.engine != "gemini" else f"; {_at_most(forecast)}"
    return f"about {age(forecast.seconds)}: {steps}, {measured}{longest}"


def _at_most(forecast: RunForecast) -> str:
    """How long it takes where each batch takes as long as Google says that it may."""
    seconds = DOCUMENTED_BATCH_SECONDS
    return f"at {seconds / 3600:.0f} h, which Google aims at, {age(seconds * forecast.steps)}"


def _usd_title(forecast: RunForecast) -> str:
    return "USD at Gemini (free here)" if forecast.engine == "embedded" else "USD"


def _range(price: Price) -> str:
    if price.usd is None:
        return "unknown: the model has no price"
    return f"{dollars(price.usd)} ({dollars(price.lowest)} to {dollars(price.highest)})"


def _budget(budget: Budget, forecast: RunForecast) -> str:
    likely = forecast.best.highest
    if forecast.most_usd is None or likely is None or not forecast.to_send:
        verdict = "nothing is sent"
    elif forecast.most_usd <= budget.left:
        verdict = "enough"
    elif likely <= budget.left:
        verdict = "likely enough"
    else:
        verdict = "may be reached before all is read"
    return f"{budget.left:.4f} USD left of {budget.limit:.4f}: {verdict}"
