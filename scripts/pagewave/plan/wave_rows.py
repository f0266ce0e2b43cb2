"""The waves to come one by one: which pages they carry, what each costs, and all up to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.text import Text

from pagewave.console import printable, table
from pagewave.plan.forecast import Forecast
from pagewave.plan.schedule import Schedule
from pagewave.wording import dollars
from pagewave.workspace import Workspace

MOST_ROWS = 12
"""Rows of the table: more waves are folded in the middle, so that a screen or two shows all."""
LAST_ROWS = 3
"""Of those, how many are at the end."""
SHOWN_BOOKS = 2


@dataclass(frozen=True, slots=True)
class WaveRow:
    """One wave to come. `books` are their ids; `free` and `sent_earlier` count among `pages`.

    `usd` is None where the model has no price; `usd_so_far` is what this wave and those in rows
    before it cost.
    """

    wave: int
    lane: int
    pages: int
    books: Sequence[str]
    free: int
    sent_earlier: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    usd_so_far: float | None


def wave_rows(workspace: Workspace, schedule: Schedule, forecast: Forecast) -> list[WaveRow]:
    """All waves of a schedule that has not begun: the first of each lane, then the second, ….

    Lanes go on side by side, so that this is about the order in which they are sent.
    """
    lanes = schedule.waves()
    places = sorted((wave, lane) for lane, n in lanes.items() for wave in range(1, n + 1))
    rows: list[WaveRow] = []
    sum_usd: float | None = 0.0
    for wave, lane in places:
        found = forecast.wave(lane, wave)
        sum_usd = None if found.usd is None or sum_usd is None else sum_usd + found.usd
        members = schedule.members(lane, wave)
        rows.append(
            WaveRow(
                wave,
                lane,
                found.pages,
                list(dict.fromkeys(workspace.dataset.page(key).book_id for key in members)),
                found.free,
                found.on_their_way,
                found.input_tokens,
                found.output_tokens,
                found.usd,
                sum_usd,
            )
        )
    return rows


def waves_view(rows: Sequence[WaveRow], *, is_free_here: bool) -> RenderableType:
    """The table of waves, folded in the middle where they are many; nothing where there are none.

    Args:
        is_free_here: prices are those of Gemini, and nobody is paid.
    """
    if not rows:
        return Group()
    title = "Waves to come" + (", at Gemini's prices (free here)" if is_free_here else "")
    shown = [_cells(row) for row in rows]
    if len(rows) > MOST_ROWS:
        last = len(rows) - LAST_ROWS
        first = MOST_ROWS - LAST_ROWS - 1
        shown[first:last] = [_folded(rows[first:last])]
    columns = (">wave", ">lane", ">pages", "of", ">tokens", ">USD", ">sum USD")
    made = table(columns, [], title)
    made.box, made.show_edge = box.SIMPLE_HEAD, False
    # A wave is a line, however narrow the terminal: names alone give way, at their end.
    names = columns.index("of")
    for place, column in enumerate(made.columns):
        column.no_wrap = place != names
    for row in shown:
        made.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in row))
    return made


def _cells(row: WaveRow) -> list[str]:
    apart = [f"{row.free:,} free" if row.free else ""]
    apart += [f"{row.sent_earlier:,} sent" if row.sent_earlier else ""]
    told = ", ".join(filter(None, apart))
    return [
        f"{row.wave:,}",
        f"{row.lane:,}",
        f"{row.pages:,}" + (f" ({told})" if told else ""),
        _books(row.books),
        f"{row.input_tokens + row.output_tokens:,}",
        dollars(row.usd),
        dollars(row.usd_so_far),
    ]


def _books(books: Sequence[str]) -> str:
    """How many, and the first of them: `25 books: Ohio/Elm/1850, Ohio/Oak/1851, …`."""
    names = ", ".join(map(printable, books[:SHOWN_BOOKS]))
    if len(books) == 1:
        return names
    return f"{len(books):,} books: {names}" + (", …" if len(books) > SHOWN_BOOKS else "")


def _folded(rows: Sequence[WaveRow]) -> list[str]:
    """What the waves between hold together."""
    prices = [row.usd for row in rows]
    known = [usd for usd in prices if usd is not None]
    return [
        "…",
        "",
        f"{sum(row.pages for row in rows):,}",
        f"{len(rows):,} waves",
        f"{sum(row.input_tokens + row.output_tokens for row in rows):,}",
        dollars(sum(known) if len(known) == len(prices) else None),
        dollars(rows[-1].usd_so_far),
    ]
