"""A sample that was drawn: its file, which holds all that its figures follow from.

It keeps lines as they were read then, so that what a person typed stays worth something when pages
are read again.
"""

import time
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pagewave.atomic import write_atomically
from pagewave.words.audit import draw
from pagewave.words.audit.frame import Frame
from pagewave.words.audit.kept import Kept
from pagewave.words.tree import Box

Kind = Literal["lines", "courses"]


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Drawn(_Node):
    """A unit of the sample."""

    name: str
    page: str
    stratum: int
    text: str = Field(description="As it was read when the sample was drawn.")
    box: Box | None = None
    expected: float
    whole: int
    scan: tuple[int, int] | None = Field(default=None, description="Its width and height.")
    behind: str = Field(default="", description="The line that was read next.")
    chance: float = Field(gt=0, le=1, description="That this unit is drawn, in a sample so large.")


class DrawnFrom(_Node):
    """A stratum: what is known of all of its units, judged or not."""

    size: int
    spread_squared: float = Field(description="How many errors are thought to be in it.")
    expected: float
    whole: int


class Sample(Kept):
    """A random sample of a collection's units, in the order in which they were drawn.

    Any first part of it is a smaller sample of the same kind.
    """

    instead = (
        "It is no sample of this version of pagewave, or was changed. Put it back from a copy, or "
        "move its folder away and draw a new one."
    )

    version: Literal[1] = 1
    kind: Kind
    seed: int
    first: int = Field(description="Units of the first draw, which decided on strata.")
    drawn_at: str
    frame_sha256: str = Field(description="Of all units that could have been drawn.")
    units: int = Field(description="How many those were.")
    without: int = Field(description="Pages that were read, but could not be drawn from.")
    strata: tuple[DrawnFrom, ...]
    drawn: tuple[Drawn, ...]
    pages: dict[str, str] = Field(description="The SHA-256 of each page's file, then.")

    @classmethod
    def of(cls, kind: Kind, frame: Frame, seed: int, first: int, size: int) -> Self:
        """The sample of a seed; the same for the same units, and a larger one begins with it."""
        expected = frame.expected
        stratum = draw.strata(frame.books, expected, first)
        spread = draw.spreads(expected)
        numbers = np.array([draw.random_number(seed, unit.name) for unit in frame.units])
        order = draw.order(stratum, spread, numbers)
        chosen = [index for _, index in zip(range(size), order, strict=False)]
        sizes = np.bincount(stratum)
        taken = np.bincount(stratum[chosen], minlength=len(sizes))
        whole = np.array([unit.whole for unit in frame.units])
        drawn = []
        for index in chosen:
            unit, of = frame.units[index], int(stratum[index])
            drawn.append(
                Drawn(**unit._asdict(), stratum=of, chance=float(taken[of]) / float(sizes[of]))
            )
        strata = [
            DrawnFrom(
                size=int(sizes[number]),
                spread_squared=float((spread[stratum == number] ** 2).sum()),
                expected=float(expected[stratum == number].sum()),
                whole=int(whole[stratum == number].sum()),
            )
            for number in range(len(sizes))
        ]
        return cls(
            kind=kind,
            seed=seed,
            first=first,
            drawn_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time())),
            frame_sha256=frame.sha256,
            units=len(frame.units),
            without=len(frame.without),
            strata=tuple(strata),
            drawn=tuple(drawn),
            pages=frame.pages,
        )

    @property
    def needed(self) -> int:
        """Units that must be judged at least: two of each stratum, or all that it has."""
        # They come first: see `draw.order`.
        return sum(min(2, stratum.size) for stratum in self.strata)

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_atomically(path, self.model_dump_json(indent=1, exclude_defaults=True) + "\n")
