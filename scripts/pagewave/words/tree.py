"""One tree of a page, whoever read it: page, blocks, lines, words, in reading order.

All that shows, doubts or writes words reads this and nothing else: formats for libraries, the
reading room, review and audit. It lies beside the page file, whose shape is the prompt's own.
Places are pixels of the scan as it was delivered (of a file with many pages: of that page), with
the origin at its top left corner.
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pagewave import command_line
from pagewave.atomic import write_atomically
from pagewave.errors import DataError

RECORD = ".pagewave.json"
"""What stands for a book whose trees are all made, in the folder where they are."""

FLAGGED = 0.1
"""Doubt from which on a word is lit for whoever looks the page over: one in ten such is wrong."""


class Box(NamedTuple):
    """Left, top, right, bottom in pixels of the scan; right and bottom are past the last pixel."""

    left: int
    top: int
    right: int
    bottom: int

    def around(self, other: "Box") -> "Box":
        """The smallest box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


class Source(StrEnum):
    """Whose word it is."""

    READING = "reading"
    """Of the page file alone: the model's, or a person's."""
    EYE = "eye"
    """Of the plain OCR engine alone: it stands on the page and in no page file."""
    BOTH = "both"
    """Of the page file, and the engine saw a word like it at this place."""


class Kind(StrEnum):
    """What is wrong with a page, as a whole or at a place."""

    LEFT_OUT = "left out"
    """Lines stand on the page that the reading lacks."""
    INVENTED = "invented"
    """Lines are in the reading under which there is no ink."""
    PAST_THE_LEAF = "past the leaf"
    """The reading goes on with what stands on another page."""
    WRONG_PAGE = "wrong page"
    """The reading is of another page; `other` names it."""
    DOUBLED = "doubled"
    """Lines of the reading, or the page, are there twice; `other` names the page."""


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Word(_Node):
    """A word of the reading, or one that only the engine saw."""

    text: str = Field(description="As the page file has it, ligatures and the long s untouched.")
    box: Box | None = Field(default=None, description="Null where no place was found.")
    source: Source
    seen: str | None = Field(default=None, description="What the engine read at this place.")
    confidence: float | None = Field(
        default=None, ge=0, le=1, description="The engine's own, of what it read there."
    )
    doubt: float = Field(ge=0, le=1, description="The share of such words that are wrong.")


class Line(_Node):
    """A line as it is printed; words that only the engine saw stand among the others."""

    words: tuple[Word, ...] = Field(min_length=1)

    @property
    def box(self) -> Box | None:
        """Around all of its words that have a place."""
        return _around(word.box for word in self.words)

    @property
    def text(self) -> str:
        """The words of the reading, with a space between each two."""
        return " ".join(word.text for word in self.words if word.source != Source.EYE)


class Block(_Node):
    """Lines that belong together: a paragraph, a heading, a column of a table."""

    lines: tuple[Line, ...] = Field(min_length=1)
    kind: str | None = Field(default=None, description="What the page file calls it, if it does.")

    @property
    def box(self) -> Box | None:
        """Around all of its lines that have a place."""
        return _around(line.box for line in self.lines)


class Finding(_Node):
    """A fault larger than a word, by its name."""

    kind: Kind
    text: str = Field(description="The line or lines that it is about.")
    box: Box | None = None
    other: str | None = Field(default=None, description="The key of the other page, if one is.")


class PageTree(_Node):
    """All words of a page."""

    key: str = Field(description="The page's key, such as Ohio:Elm:1850:7.")
    width: int = Field(gt=0, description="Of the scan, in pixels.")
    height: int = Field(gt=0, description="Of the scan, in pixels.")
    language: str = Field(description="Tesseract's names of the languages, joined by +.")
    eye: str = Field(description="The engine and its version, such as tesseract 5.5.4.")
    reading_sha256: str = Field(description="Of the page file's bytes that this was made from.")
    scan_sha256: str = Field(description="Of the scan's bytes that this was made from.")
    made_by: str = Field(default="", description="Hash of the program that made this.")
    blocks: tuple[Block, ...] = Field(default=(), description="In reading order.")
    findings: tuple[Finding, ...] = ()
    doubt: float = Field(
        ge=0, le=1, description="The expected share of the page's words that are wrong."
    )

    def lines(self) -> Iterator[Line]:
        """All lines in reading order."""
        for block in self.blocks:
            yield from block.lines

    def words(self) -> Iterator[Word]:
        """All words in reading order, those that only the engine saw among them."""
        for line in self.lines():
            yield from line.words

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all; the same tree gives the same bytes."""
        write_atomically(path, self.model_dump_json(exclude_defaults=True) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote.

        Raises:
            OSError: it can't be read.
            pydantic.ValidationError: it is no such file, or one of another version.
        """
        return cls.model_validate_json(path.read_bytes())

    @classmethod
    def read_if_there(cls, path: Path) -> Self | None:
        """The same; None where there is none.

        Raises:
            DataError: it can't be read; says how to have it made again.
        """
        try:
            return cls.read(path)
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise DataError(
                f"{path} can't be read ({type(error).__name__}). To have it made again, of the "
                f"same page and scan, delete it, then run: {how_to_make_book(path.parent)}"
            ) from error


def _around(boxes: Iterator[Box | None]) -> Box | None:
    whole: Box | None = None
    for box in boxes:
        if box is not None:
            whole = box if whole is None else whole.around(box)
    return whole


def how_to_make() -> str:
    """What makes trees, for messages where there are none."""
    return (
        "A run makes them where the configuration names the books' languages, such as "
        f"words: {{languages: [eng]}}. Then: {command_line.snakemake('words')}"
    )


def how_to_make_book(folder: Path) -> str:
    """The command that makes the trees of a book, by the folder where they are."""
    return command_line.snakemake("-f", str(folder / RECORD))
