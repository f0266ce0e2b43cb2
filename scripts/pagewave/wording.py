"""How numbers, times, prices and commands are put into words, wherever a person reads them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pagewave.command_line import script


def count(number: int, what: str) -> str:
    """`1 page`, `2 pages`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def few(names: Sequence[str], most: int) -> str:
    """The first of these names, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def by_number(numbers: Mapping[str, int]) -> str:
    """What there is of each, the most first: `3 Truncated, 1 NotJson`."""
    most_first = sorted(numbers.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{number} {what}" for what, number in most_first)


def moment(seconds: float | None) -> str | None:
    """Unix seconds as UTC, to the second: 2026-10-07T12:00:00Z."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(seconds: float) -> str:
    """A span of time in its two largest units, such as `3 h 12 min`."""
    whole = max(0, int(seconds))
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    first = next((place for place, (_, size) in enumerate(units) if whole >= size), -1)
    parts: list[str] = []
    for name, size in units[first:][:2]:
        number, whole = divmod(whole, size)
        if number or not parts:
            parts.append(f"{number} {name}")
    return " ".join(parts)


def dollars(usd: float | None) -> str:
    """A price; a model without one has no price to show."""
    return "unknown" if usd is None else f"{usd:.4f}"


def command_to_clear(selection: Sequence[str] = (), config: Sequence[str] = ()) -> str:
    """The command that lets dead letters be tried again, as it is typed into a shell.

    Args:
        selection: which ones, such as `--page KEY` or `--all`.
        config: the arguments that name the configuration, if not those of this process.
    """
    return script("clear_failure_counts", *selection, config=config)


def command_to_correct(*arguments: str) -> str:
    """The command that lists what people corrected, or discards some of it: `--discard KEY`."""
    return script("corrections", *arguments)
