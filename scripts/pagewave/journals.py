"""Journals: who did what, a line each, on the disk before anything else is changed.

Nothing is ever taken out of one; what somebody takes back is an entry of its own.
"""

from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pagewave.atomic import append_line
from pagewave.errors import PagewaveError


class Act(BaseModel):
    """Who did something, and when; `undoes` is the entry that it takes back."""

    model_config = ConfigDict(frozen=True)

    id: str
    at: str
    by: str
    undoes: str | None = None


E = TypeVar("E", bound=Act)


class Journal(Generic[E]):
    """The entries in a file, oldest first."""

    def __init__(self, file: Path, entry: type[E]) -> None:
        """Read what there is.

        Raises:
            PagewaveError: it can't be read.
        """
        self.file = file
        self.entries: list[E] = []
        self._entry = entry
        try:
            lines = file.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise PagewaveError(f"{file} can't be read: {error.strerror}.") from error
        for line in lines:
            try:
                self._take(line)
            except ValidationError:  # half of one after a crash: nobody was told that it is saved
                continue

    def _take(self, line: bytes) -> None:
        """Take in a line; raises ValidationError."""
        self.entries.append(self._entry.model_validate_json(line))

    @property
    def standing(self) -> list[E]:
        """Those that nobody took back, oldest first."""
        gone = {entry.undoes for entry in self.entries}
        return [each for each in self.entries if each.id not in gone and not each.undoes]

    def find(self, entry_id: str) -> E | None:
        """The entry with this id."""
        return next((each for each in self.entries if each.id == entry_id), None)

    def add(self, entry: E) -> None:
        """Write an entry; it is on the disk when this returns. Raises PagewaveError."""
        append_line(self.file, entry.model_dump_json(exclude_defaults=True))
        self.entries.append(entry)
