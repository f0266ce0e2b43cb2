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


class _KeyedTable(Table):
    """A table of keys; where a terminal is too narrow for its words, each row below its key."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """What is printed."""
        if self._narrowest() <= options.max_width:
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield Text(str(self.title), style="italic")
        names = [str(column.header) for column in self.columns]
        place = next(place for place, name in enumerate(names) if name in KEYS)
        for cells in zip(*(column.cells for column in self.columns), strict=True):
            yield Text(str(cells[place]), style="bold")
            told = [
                f"{name}: {cell}"
                for name, cell in zip(names, cells, strict=True)
                if cell and name not in KEYS
            ]
            yield Padding(Text("; ".join(told)), (0, 0, 0, 2))

    def _narrowest(self) -> int:
        """Columns that it takes for keys and all words to be whole."""
        width = 1
        for column in self.columns:
            texts = [str(column.header), *map(str, column.cells)]
            is_key = column.header in KEYS
            pieces = texts if is_key else [word for text in texts for word in text.split()]
            width += BORDER + max(map(cell_len, pieces), default=0)
        return width


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    """A table; a column named with `>` in front is flush right, None is an empty cell.

    Keys (KEYS) stay whole.
    """
    kind = _KeyedTable if set(KEYS) & set(columns) else Table
    made = kind(title=title or None, title_justify="left")
    for name in columns:
        right = name.startswith(">")
        made.add_column(
            name.removeprefix(">"),
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=name in KEYS,
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
