"""What a run says before it starts: what it reads again, what it leaves alone."""

from collections import Counter
from collections.abc import Sequence

from pagewave.plan.outdated import command_to_read_again, edited_prompts, is_outdated, pages_on_file
from pagewave.plan.targets import Command, Wanted
from pagewave.wording import command_to_clear
from pagewave.workspace import Workspace

LISTED_KEYS = 5
LISTING = "--outdated"
"""How `pages.py` is told to list what was read with another prompt or model."""


def notices(workspace: Workspace, wanted: Wanted, command: Command) -> list[str]:
    """A line for each reason to read again, for stray files, for dead letters, for old prompts."""
    lines = [
        f"{_pages(number)} read again: {reason}."
        for reason, number in Counter(wanted.reasons.values()).items()
    ]
    if workspace.dataset.ignored:
        lines.append(_ignored(workspace))
    if wanted.blocked:
        lines.append(_dead_letters(workspace, wanted, command))
    lines += edited_prompts(workspace.ledger, workspace.settings)
    asked_for = set(wanted.keys)
    settled = {page.key: page for page in workspace.dataset.pages if page.key not in asked_for}
    outdated = [
        origin
        for origin in pages_on_file(workspace.ledger)
        if origin.key in settled and is_outdated(workspace, origin)
    ]
    if outdated:
        counts = Counter(origin.made_with for origin in outdated)
        made_with = ", ".join(f"{name}: {number}" for name, number in sorted(counts.items()))
        pages = [settled[origin.key] for origin in outdated]
        again = command_to_read_again(workspace, pages, [LISTING], command.config_file)
        lines.append(
            f"{_pages(len(pages))} read before with another prompt or model ({made_with}), and "
            f"left as they are. What reading them again costs: python scripts/pages.py {LISTING}. "
            f"To do it: {again}"
        )
    return lines


def _ignored(workspace: Workspace) -> str:
    """What lies among the labels and is none: it may have been meant as one."""
    names = [str(path) for path in workspace.dataset.ignored]
    are = "are no labels" if len(names) > 1 else "is no label"
    return f"{_listed(names, LISTED_KEYS)} {are} and left alone."


def _dead_letters(workspace: Workspace, wanted: Wanted, command: Command) -> str:
    """The dead letters that a command wants, and what waits for them."""
    dead = sorted(workspace.dead_letters() & set(wanted.blocked))
    waiting = len(wanted.blocked) - len(dead)
    return (
        f"{_pages(len(dead))} not sent again, dead letters: {_listed(dead, LISTED_KEYS)}."
        + (f" {_pages(waiting)} behind them wait{'s' if waiting == 1 else ''}." if waiting else "")
        + f" To try them again: {command_to_clear(config=command.config)}"
    )


def _listed(keys: Sequence[str], most: int) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more


def _pages(number: int) -> str:
    return f"{number} page{'' if number == 1 else 's'}"
