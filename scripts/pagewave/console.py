"""Tables and consoles: how the terminal shows what commands and dry runs have to say."""

from collections.abc import Iterable, Sequence
from typing import IO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

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


BORDER = 3
"""Columns around a cell: a line, and a space on both sides."""
KEYS = ("key", "page")
"""Columns whose cells are keys: people paste them, so that they are never broken."""
LONGEST_WORD = 24
"""Characters of a word that is never broken; of longer ones those of keys and names alone."""


class _WholeTable(Table):
    """A table of keys or names; where a terminal is too narrow, each row is told below its own."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is printed."""
        if self._narrowest() <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield Text(str(self.title), style="italic")
        names = [str(column.header) for column in self.columns]
        own = next(place for place, column in enumerate(self.columns) if column.no_wrap)
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            # Where even that is too long, the terminal's own line breaks are not copied.
            yield Text(str(cells[own]), style="bold", no_wrap=True, overflow="ignore")
            told = [
                f"{name}: {cell}"
                for place, (name, cell) in enumerate(zip(names, cells, strict=True))
                if cell and place != own
            ]
            yield Padding(Text("; ".join(told)), (0, 0, 0, 2))

    def _narrowest(self) -> int:
        """Columns that it takes for keys, names and all words to be whole."""
        width = 1
        for column in self.columns:
            texts = [str(column.header), *map(str, column.cells)]
            words = [word for text in texts for word in text.split()]
            longest = max(map(cell_len, words), default=0)
            if column.no_wrap:
                longest = max(map(cell_len, texts))
            elif column.justify == "left":
                longest = min(longest, LONGEST_WORD)
            width += BORDER + longest
        return width


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A table; None is an empty cell.

    A column named with `>` in front is flush right. Keys (KEYS), and what is in a column named with
    `=` in front, are never broken over lines.
    """
    whole = [name.startswith("=") or name in KEYS for name in columns]
    kind = _WholeTable if any(whole) else Table
    made = kind(title=title or None, title_justify="left")
    for name, is_whole in zip(columns, whole, strict=True):
        made.add_column(
            name.lstrip("=>"),
            justify="right" if name.startswith(">") else "left",
            overflow="fold",
            no_wrap=is_whole,
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
