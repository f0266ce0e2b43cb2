"""What people said of drawn lines in the browser: who, when, and what the line's row said before.

What counts stands in the CSV; this is beside it, so that each answer can be taken back, and comes
back into its row where a spreadsheet that was open all the time saved over it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pagewave.atomic import append_line
from pagewave.errors import PagewaveError
from pagewave.ledger.lock import one_at_a_time
from pagewave.words.audit.answers import Typed, replace, typed

SUFFIX, LOCK = ".review.jsonl", ".review.lock"


class Entry(BaseModel):
    """Somebody said of a line what its row says `now`; or took back the entry that it `undoes`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    at: str
    by: str
    line: str
    was: Typed = Typed()
    now: Typed = Typed()
    undoes: str | None = None


class Said:
    """All entries about the lines of one CSV, beside which it lies. Nothing is ever taken out."""

    def __init__(self, answers: Path) -> None:
        """Read what there is.

        Raises:
            PagewaveError: it can't be read.
        """
        self.file = answers.with_suffix(SUFFIX)
        self._entries: list[Entry] = []
        try:
            lines = self.file.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise PagewaveError(f"{self.file} can't be read: {error.strerror}.") from error
        for line in lines:  # a crash may have left half of one, which nobody was told is saved
            try:
                self._entries.append(Entry.model_validate_json(line))
            except ValidationError:
                continue

    @property
    def standing(self) -> list[Entry]:
        """Those that nobody took back, oldest first."""
        gone = {entry.undoes for entry in self._entries}
        return [each for each in self._entries if each.id not in gone and not each.undoes]

    def find(self, entry_id: str) -> Entry | None:
        """The entry with this id."""
        return next((each for each in self._entries if each.id == entry_id), None)

    def of(self, line: str) -> Entry | None:
        """What was said last of a line, and stands."""
        return next((each for each in reversed(self.standing) if each.line == line), None)

    def add(self, entry: Entry) -> None:
        """Write an entry; it is on the disk when this returns. Raises PagewaveError."""
        append_line(self.file, entry.model_dump_json(exclude_defaults=True))
        self._entries.append(entry)


@contextmanager
def saving(answers: Path) -> Iterator[Said]:
    """What was said; while it lasts nobody else says anything, here or in another process."""
    with one_at_a_time(answers.with_name(LOCK)):
        yield Said(answers)


def bring_back(answers: Path) -> int:
    """Fill the rows that say nothing of lines which were judged in the browser; how many.

    Raises:
        DataError: the CSV can't be read.
        PagewaveError: it can't be written.
    """
    with saving(answers) as known:
        said = {entry.line: entry.now for entry in known.standing}
        empty = {name for name, there in typed(answers).items() if there == Typed()} if said else ()
        lost = [name for name in said if name in empty]
        for name in lost:
            replace(answers, name, Typed(), said[name])
    return len(lost)
