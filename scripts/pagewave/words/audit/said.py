"""What people said of drawn lines in the browser: who, when, and what the line's row said before.

What counts stands in the CSV; this is beside it, so that each answer can be taken back, and comes
back into its row where a spreadsheet that was open all the time saved over it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ConfigDict

from pagewave.journals import Act, Journal
from pagewave.ledger.lock import one_at_a_time
from pagewave.words.audit.answers import Typed, replace, typed

SUFFIX, LOCK = ".review.jsonl", ".review.lock"


class Entry(Act):
    """Somebody said of a line what its row says `now`; or took back the entry that it `undoes`."""

    model_config = ConfigDict(extra="forbid")

    line: str
    was: Typed = Typed()
    now: Typed = Typed()


class Said(Journal[Entry]):
    """All entries about the lines of one CSV, beside which it lies."""

    def __init__(self, answers: Path) -> None:
        """Read what there is; raises PagewaveError."""
        super().__init__(answers.with_suffix(SUFFIX), Entry)

    def of(self, line: str) -> Entry | None:
        """What was said last of a line, and stands."""
        return next((each for each in reversed(self.standing) if each.line == line), None)


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
