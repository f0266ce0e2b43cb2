"""What people said of pages in review, one file of lines a page, beside its correction.

A line is on the disk before anything else is changed: who, when, what. So what was confirmed stays
confirmed, every change can be undone, and one that a crash came between is made at the next look.
Nothing is ever taken out of it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pagewave import journals
from pagewave.atomic import append_line
from pagewave.commands.browser.review.places import Field, value_at, with_value
from pagewave.journals import Act
from pagewave.pages.dataset import Page
from pagewave.words.tree import Box

SUFFIX = ".review.jsonl"


class Change(BaseModel):
    """A field's value, or from character `start` of its text a piece, that became another one."""

    model_config = ConfigDict(frozen=True)

    field: Field
    was: Any
    now: Any
    start: int | None = None

    def made(self, page: Any) -> Any:
        """The page with it.

        Raises:
            ValueError: the page does not say what it changes.
        """
        try:
            value = value_at(page, self.field)
        except (LookupError, TypeError):
            raise ValueError("there is no such field") from None
        now = self.now
        if self.start is not None:
            end = self.start + len(self.was)
            if not isinstance(value, str) or value[self.start : end] != self.was:
                raise ValueError("the text is another one")
            now = value[: self.start] + now + value[end:]
        elif json.dumps(value) != json.dumps(self.was):
            raise ValueError("the field says something else")
        return with_value(page, self.field, now)

    def undone(self) -> Self:
        """The change back."""
        return self.model_copy(update={"was": self.now, "now": self.was})


class Entry(Act):
    """What somebody did to a page whose file had the hash `before`.

    `said` are the words that are right from then on at `box`, or beside the words `around` where
    they have no place.
    """

    before: str
    said: tuple[str, ...] = ()
    box: Box | None = None
    around: tuple[str, str] | None = None
    change: Change | None = None


class _Done(BaseModel):
    """An entry was carried out; the page file's hash then."""

    model_config = ConfigDict(extra="forbid")

    done: str
    after: str


class Journal(journals.Journal[Entry]):
    """The entries of one page."""

    def __init__(self, folder: Path, page: Page) -> None:
        self._after: dict[str, str] = {}
        super().__init__(self.file_of(folder, page), Entry)

    @staticmethod
    def file_of(folder: Path, page: Page) -> Path:
        """Where it lies, `folder` being that of corrections."""
        return folder / f"{page.name}{SUFFIX}"

    def _take(self, line: bytes) -> None:
        try:
            done = _Done.model_validate_json(line)
        except ValidationError:
            super()._take(line)
        else:
            self._after[done.done] = done.after

    @property
    def unfinished(self) -> Entry | None:
        """The newest, if a crash may have come before its change was made."""
        last = self.entries[-1] if self.entries else None
        return last if last and last.change and last.id not in self._after else None

    def since(self, before: str) -> Sequence[Entry] | None:
        """What changed a page since its file had this hash; None where that is not known."""
        changing = [each for each in self.entries if each.change]
        # The same content may have been there more than once: the latest time counts.
        for number in reversed(range(len(changing))):
            if changing[number].before == before:
                return changing[number:]
        return None

    def finish(self, entry: Entry, after: str) -> None:
        """Note that an entry's change was made, and the hash that the page file has since."""
        append_line(self.file, _Done(done=entry.id, after=after).model_dump_json())
        self._after[entry.id] = after
