"""Gemini's models: what each takes, costs and allows, and until when it is there.

The table that comes with pagewave; with a key also what the service lists. --fill-served reads from
the ledger's raw lines which model answered, for what was read before that was kept."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pagewave.answers.served import served_in
from pagewave.commands.command import (
    add_ledger_option,
    command_parser,
    find_place,
    print_json,
    require_ledger,
    run_command,
)
from pagewave.config.keys import load_secrets
from pagewave.config.models import ModelFacts, is_other_model, known, table
from pagewave.config.other_model import paid_as, price_name
from pagewave.config.settings import Settings
from pagewave.console import printer
from pagewave.console import table as as_table
from pagewave.gemini.connect import models_listed
from pagewave.ledger import Filled, Ledger, Unfilled
from pagewave.ledger.lock import take_lock
from pagewave.prompts.costs import usd
from pagewave.waves.other_model import doubt_of
from pagewave.wording import count

EXAMPLES = """examples:
  %(prog)s                       the table, and what your key may use
  %(prog)s --markdown            the table of docs/models.md
  %(prog)s --fill-served         who answered, from the ledger's raw lines"""

AT_ONCE = 500
"""Attempts that are written down together."""
COLUMNS: tuple[str, ...] = (
    "model",
    "status",
    "ends",
    "USD in / out",
    "later",
    "thinking",
    "sampling",
    "resolution",
)
COLUMNS += ("roads", "calls a minute / day", "tokens a minute", "enqueued", "sure")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, look, print; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "print the table as docs/models.md has it, and ask nobody"
    parser.add_argument("--markdown", action="store_true", help=what)
    what = "write down in the ledger who answered, where that is not known, and the price of that"
    parser.add_argument("--fill-served", action="store_true", help=what)
    add_ledger_option(parser)
    options = parser.parse_args(arguments)
    if options.markdown:
        print(markdown())
        return 0
    return run_command(lambda: _fill(options) if options.fill_served else _show(options))


def markdown() -> str:
    """The table of models, a line each."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *map(_row, table().model.values())]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _row(model: ModelFacts) -> list[str]:
    first, *later = model.prices
    limits = model.limits
    enqueued = limits.enqueued_tokens
    budget = model.thinking_budget
    levels = [
        f"{level} (default)" if level == model.thinking_default else level
        for level in model.thinking_levels
    ]
    if not levels and budget:
        levels = [f"budget {budget[0]:,} to {budget[1]:,}{', or 0' if model.thinking_off else ''}"]
    ends = f"{model.retires or ''}{f' → {model.successor}' if model.successor else ''}"
    return [
        f"`{model.name}`",
        model.status,
        ends.strip() or "not announced",
        f"{first.input:g} / {first.output:g}",
        ", ".join(f"{p.input:g} / {p.output:g} from {p.first_day}" for p in later) or "same",
        ", ".join(levels),
        model.sampling,
        ", ".join(model.media_resolutions),
        ", ".join(model.roads),
        f"{_number(limits.requests_per_minute)} / {_number(limits.requests_per_day)}",
        _number(limits.tokens_per_minute),
        " / ".join(f"{tokens // 1_000_000} M" for tokens in enqueued) if enqueued else "-",
        model.sure,
    ]


def _number(limit: int | None) -> str:
    return "-" if limit is None else f"{limit:,}"


def _show(options: argparse.Namespace) -> int:
    settings = find_place(options).settings
    listed = models_listed(settings, load_secrets(Path.cwd()))
    models = table().model
    unknown = sorted(name for name in listed or () if known(name) is None)
    if options.json:
        print_json(
            {
                "as_of": str(table().as_of),
                "models": {name: _json(model, listed) for name, model in models.items()},
                "listed_by_the_service": sorted(listed) if listed is not None else None,
            }
        )
        return 0
    console = printer()
    # Of thirteen columns a terminal shows those that decide; docs/models.md has all.
    shown = [0, 1, 2, 3, 4, 5]
    columns = [COLUMNS[place] for place in shown]
    rows = [[_row(model)[place].strip("`") for place in shown] for model in models.values()]
    if listed is not None:
        columns.append("listed for your key")
        for row in rows:
            row.append("yes" if row[0] in listed else "no")
    console.print(as_table(columns, rows))
    console.print(
        f"USD per million tokens in the standard tier, as of {table().as_of}; batches and flex "
        "cost half. Dates, limits and sources: docs/models.md."
    )
    if listed is None:
        console.print("No key is set (or engine is not gemini): the service was not asked.")
    elif unknown:
        names = ", ".join(unknown)
        console.print(f"Listed by the service and not in the table (price unknown): {names}")
    return 0


def _json(model: ModelFacts, listed: set[str] | None) -> dict[str, Any]:
    content: dict[str, Any] = model.model_dump(mode="json", by_alias=True)
    return content | {"listed": None if listed is None else model.name in listed}


# Who answered, of what was read before


def _fill(options: argparse.Namespace) -> int:
    place = find_place(options)
    require_ledger(place.ledger)
    with take_lock(place.state_dir, "pagewave models"):
        ledger = Ledger.open(place.ledger)
        found: Counter[tuple[str, str]] = Counter()
        looked_at, ready = 0, list[Filled]()
        try:
            for attempt in ledger.served.unfilled():
                looked_at += 1
                if filled := _filled(place.settings, attempt):
                    ready.append(filled)
                    found[attempt.asked, str(filled.served.model)] += 1
                if len(ready) == AT_ONCE:
                    ledger.served.fill(ready)
                    ready = []
            ledger.served.fill(ready)
        finally:
            ledger.close()
    rows = [
        {"asked": asked, "served": served, "attempts": number, "other": is_other}
        for (asked, served), number in sorted(found.items())
        for is_other in [is_other_model(asked, served)]
    ]
    if options.json:
        print_json({"looked_at": looked_at, "filled": rows})
        return 0
    console = printer()
    for row in rows:
        mark = "ANOTHER MODEL: " if row["other"] else ""
        told = f"{row['asked']} answered by {row['served']}"
        console.print(f"{mark}{told}: {count(int(str(row['attempts'])), 'attempt')}.")
    silent = looked_at - sum(found.values())
    console.print(
        f"{count(looked_at, 'attempt')} looked at; of {silent} it was not said who answered."
    )
    return 0


def _filled(settings: Settings, attempt: Unfilled) -> Filled | None:
    """Who answered an attempt, at whose price if it is another; None where no line says so."""
    told = [served for served in map(served_in, attempt.lines) if served.model]
    if not told:
        return None
    served, asked, at = told[0], attempt.asked, attempt.answered_at
    price = None
    is_other = is_other_model(asked, str(served.model))
    if is_other and attempt.engine == "gemini" and attempt.prompt_tokens:
        tokens = (attempt.prompt_tokens, attempt.output_tokens, attempt.cached_tokens)
        model = price_name(settings.pricing, asked, served.model, at)
        tier = paid_as("batch", served.tier)
        price = usd(settings.pricing, model, *tokens, at=at, tier=tier)
    return Filled(attempt, served, price, doubt_of(settings, asked, served, at))
