"""What commands do with a book of remote scans: list it, tell what became of it, and what next."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pagewave.characters import clean
from pagewave.command_line import snakemake
from pagewave.config.settings import Settings
from pagewave.errors import DataError, UnknownName
from pagewave.pages.remote_scans import RemoteBook
from pagewave.remote.lists import Written, book_place, write_list
from pagewave.wording import count

NOT_ALL = 1
"""Exit code where not every book was listed."""
LISTED = 20
"""Remarks that are told of a book; JSON has all."""


@dataclass(frozen=True)
class Listed:
    """A book that was to be listed: what was `written` of it (None in a dry run), or `why_not`."""

    book_id: str
    book: RemoteBook | None
    folder: Path
    written: Written | None
    why_not: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same for `--json`."""
        return {
            "book": self.book_id,
            "pages": len(self.book.pages) if self.book else 0,
            "labels_written": self.written.labels if self.written else 0,
            "was_there": bool(self.written and self.written.was_there),
            "notes": list(self.notes),
            "why_not": self.why_not,
        }

    def tell(self, source: str) -> None:
        """Print what became of it, in lines; `source`: of what it is, as a person knows it."""
        if self.why_not:
            name = f"{self.book_id} of {source}" if self.book_id else source
            print(clean(f"{name}: not taken: {self.why_not}"), file=sys.stderr)
            return
        pages = len(self.book.pages) if self.book else 0
        print(clean(f"{self.book_id}: {count(pages, 'page')} of {source}"))
        if self.book and self.book.rights:
            print(clean(f"  rights: {self.book.rights}"))
        if self.written and self.written.was_there:
            print("  its list is there already, and says the same: nothing was written")
        elif self.written:
            labels = count(self.written.labels, "label")
            print(f"  {labels} written, and the list of its scans in {self.folder}")
        for note in self.notes[:LISTED]:
            print(clean(f"  {note}"))
        if len(self.notes) > LISTED:
            print(f"  and {len(self.notes) - LISTED} more remarks")


def list_book(
    settings: Settings,
    book_id: str,
    book: RemoteBook | None,
    why_not: str = "",
    notes: Iterable[str] = (),
    *,
    dry_run: bool,
) -> Listed:
    """Write a book's labels and the list of its scans, unless it can't be or `dry_run`.

    Args:
        book: None where `why_not` says why there is none.
        notes: what was found out about it before.
    """
    written = None
    if book and not why_not:
        try:
            place = book_place(book_id, settings.paths.tree)
            written = None if dry_run else write_list(settings, place, book)
        except (DataError, UnknownName) as error:
            why_not = str(error)
    all_notes = (*notes, *(written.notes if written else ()))
    folder = settings.paths.image_source_dir / book_id
    return Listed(book_id, book, folder, written, why_not, all_notes)


def tell_what_next(listed: Sequence[Listed], *, dry_run: bool) -> None:
    """Print the commands that read what was listed."""
    if not dry_run and any(not each.why_not for each in listed):
        print(f"\nWhat reading takes: {snakemake('-n', profile=False)}\nTo read: {snakemake()}")


def exit_code(listed: Sequence[Listed]) -> int:
    """NOT_ALL, or 0."""
    return NOT_ALL if any(each.why_not for each in listed) else 0
