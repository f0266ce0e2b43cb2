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


NARROWEST = 12
"""Columns that a cell whose words may be broken over lines is given at least."""


class Rows:
    """A table whose keys and names are never broken over lines.

    A column named with `=` in front is kept whole, one with `>` is flush right, and whole as well.
    Where the terminal is too narrow for that, each row is told below its first cell, line by line.
    """

    def __init__(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = ""
    ) -> None:
        self._names = [name.lstrip("=>") for name in columns]
        self._kinds = [name[0] if name[0] in "=>" else "" for name in columns]
        self._rows = [["" if c is None else printable(str(c)) for c in row] for row in rows]
        self._title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As wide as it is shown."""
        yield self._table() if self._needed() <= options.max_width else self._told()

    def _widths(self) -> list[int]:
        columns = zip(self._names, *self._rows, strict=True)
        return [max(map(cell_len, column)) for column in columns]

    def _needed(self) -> int:
        widths = zip(self._widths(), self._kinds, strict=True)
        cells = sum(width if kind else min(width, NARROWEST) for width, kind in widths)
        return cells + 3 * len(self._names) + 1

    def _table(self) -> Table:
        made = Table(title=self._title or None, title_justify="left")
        for name, kind, width in zip(self._names, self._kinds, self._widths(), strict=True):
            made.add_column(
                name,
                justify="right" if kind == ">" else "left",
                overflow="fold",
                no_wrap=bool(kind),
                min_width=width if kind else min(width, NARROWEST),
            )
        for row in self._rows:
            made.add_row(*row)
        return made

    def _told(self) -> Text:
        lines = [self._title] if self._title else []
        for first, *others in self._rows:
            named = zip(self._names[1:], others, strict=True)
            told = [f"{name} {cell}" for name, cell in named if cell]
            lines += [first, *(f"    {each}" for each in told)]
        return Text("\n".join(lines), overflow="fold")


def printable(text: str) -> str:
    """Text without what would move the cursor or change colours: models write anything."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )
