"""Tables and consoles: how the terminal shows what commands and dry runs have to say."""

from collections.abc import Iterable, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table

PIPE_WIDTH = 1000
"""Columns where no terminal limits them: a table takes what it needs, and no key is cut."""


def printer(file: IO[str] | None = None) -> Console:
    """A console for what the service and the ledger say: nothing in it is taken for markup.

    Args:
        file: where it prints, if not to standard output.
    """
    console = Console(file=file, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A table; a column named with `>` in front is flush right, None is an empty cell."""
    made = Table(title=title or None, title_justify="left")
    for name in columns:
        right = name.startswith(">")
        made.add_column(
            name.removeprefix(">"), justify="right" if right else "left", overflow="fold"
        )
    for row in rows:
        made.add_row(*("" if cell is None else printable(str(cell)) for cell in row))
    return made


def printable(text: str) -> str:
    """Text without what would move the cursor or change colours: models write anything."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )
