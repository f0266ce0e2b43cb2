"""What a correction is, and what may have become of a page file; `corrections` keeps them."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from pydantic import BaseModel

from pagewave.ledger import WrittenFile
from pagewave.pages.dataset import Page


class Corrected(BaseModel):
    """The answer that a correction corrects; `sha256` is of the page file that held it."""

    attempt: int
    batch: str | None
    fingerprint: str
    sha256: str


class Correction(BaseModel):
    """A page as a person left it; `read` is what had been read, None where nothing was.

    `corrected_by` is who said so, None where the file was changed in an editor.
    """

    key: str
    corrected_at: str
    corrected_by: str | None = None
    corrects: Corrected | None
    fields_changed: list[str]
    page: Any
    read: Any = None


class Kind(Enum):
    """What became of a page file since it was noted."""

    EDITED = auto()
    """It says something else: a correction."""
    RESTORED = auto()
    """Corrected before, it says again what was read."""
    OVERTAKEN = auto()
    """It does not hold its correction: that was changed itself, or the file came from elsewhere."""
    UNREADABLE = auto()
    """It is no JSON."""
    UNKNOWN = auto()
    """Nobody knows who wrote it: the ledger has never heard of its page, and is younger."""
    SAME = auto()
    """Nothing but its rendering, or what is known of it, is new."""


@dataclass(frozen=True)
class Finding:
    """A page file that is not as it was noted.

    `value` is what it says; `problem` why it can't be read, beginning with the place in it.
    """

    page: Page
    kind: Kind
    file: WrittenFile
    value: Any = None
    problem: str = ""
