"""The waves of a run over time, lane by lane, as a picture (SVG).

Drawn from a template, not with a plotting library: it takes a run's end some milliseconds and no
further package, and all it holds are bars and a scale.
"""

from dataclasses import dataclass, field

from pagewave.exports.summary import template
from pagewave.ledger import Ledger
from pagewave.wording import age

WIDTH, LEFT, RIGHT, TOP, ROW = 1100, 80, 30, 56, 22
"""Pixels: of the picture, beside and above the bars, and of a lane."""
NARROWEST = 1.5
MOST_TICKS = 8
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
"""Seconds between two marks of the scale."""
COLOURS = {
    "all pages read": "#2f81c4",
    "all from stored": "#9cc8ea",
    "some failed": "#e8a33d",
    "dead letters": "#cf222e",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A wave."""

    x: float
    width: float
    colour: str
    text: str


@dataclass(slots=True)
class Lane:
    """A lane's row in the picture."""

    number: int
    y: int
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the scale."""

    x: float
    text: str


def timeline(ledger: Ledger, run_id: str) -> str:
    """The picture of a run's waves."""
    waves = [wave for wave in ledger.history.waves(run_id) if wave.pages]
    waves.sort(key=lambda wave: (wave.lane, wave.number))
    start = min((wave.started_at for wave in waves), default=0.0)
    seconds = max((wave.ended_at for wave in waves), default=1.0) - start or 1.0
    scale = (WIDTH - LEFT - RIGHT) / seconds
    lanes: dict[int, Lane] = {}
    for wave in waves:
        row = TOP + len(lanes) * ROW
        lane = lanes.setdefault(wave.lane, Lane(wave.lane, row))
        took = wave.ended_at - wave.started_at
        kind = _kind(wave.pages, wave.read + wave.free, wave.free, wave.dead)
        lane.bars.append(
            Bar(
                x=round(LEFT + (wave.started_at - start) * scale, 1),
                width=round(max(NARROWEST, took * scale), 1),
                colour=COLOURS[kind],
                text=f"lane {wave.lane} wave {wave.number}: {wave.read + wave.free} of "
                f"{wave.pages} pages read in {age(took)}",
            )
        )
    return template("waves.svg.jinja").render(
        run_id=run_id,
        width=WIDTH,
        height=TOP + max(1, len(lanes)) * ROW + 30,
        left=LEFT,
        top=TOP,
        legend=[(colour, what) for what, colour in COLOURS.items()],
        ticks=_ticks(seconds, scale),
        lanes=lanes.values(),
    )


def _kind(pages: int, read: int, free: int, dead: int) -> str:
    if dead:
        return "dead letters"
    if read < pages:
        return "some failed"
    return "all from stored" if free == pages else "all pages read"


def _ticks(seconds: float, scale: float) -> list[Tick]:
    """Marks at round times after the start."""
    step = next((step for step in STEPS if seconds / step <= MOST_TICKS), 0)
    step = step or STEPS[-1] * (1 + int(seconds / STEPS[-1] / MOST_TICKS))
    times = range(0, int(seconds) + 1, step)
    return [Tick(round(LEFT + time * scale, 1), age(time)) for time in times]
