"""Writes the shelf of the reading room, and the index by which all books are searched.

`shelf.js` has a line of facts of each book. A book that is done puts its own into it; all are
looked up anew where it is missing or of other books, and when a run has read all.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pagewave.atomic import write_atomically
from pagewave.config.settings import Settings
from pagewave.exports.site.accuracy import Accuracy
from pagewave.exports.site.made import (
    RECORD,
    ROOM,
    SO_FAR,
    assets,
    assets_folder,
    html,
    place,
    put,
    read_record,
    remove_all_but,
    remove_other_assets,
    short_hash,
)
from pagewave.exports.site.room import script, value_of
from pagewave.exports.site.words import joint_index
from pagewave.ledger.lock import one_at_a_time
from pagewave.log import log
from pagewave.pages.dataset import Book
from pagewave.wording import count, few


class Shelf:
    """The shelf of a configuration's books."""

    def __init__(self, settings: Settings, books: Sequence[Book], accuracy: Accuracy) -> None:
        self._site = settings.paths.site_dir
        self._room = self._site / ROOM
        self._pages = settings.paths.output_dir
        self._title = settings.site.title
        self._books = books
        self._accuracy = accuracy
        self._levels = settings.paths.tree
        self._lock = self._room / ".lock"  # books are made side by side

    def write_assets(self) -> None:
        """Write what all pages load, where it is not there."""
        with one_at_a_time(self._lock):
            for name, content in assets().items():
                put(self._room / assets_folder() / name, content)

    def put(self, book: Book) -> None:
        """Put a book that is done onto the shelf, and how far the unfinished ones are."""
        with one_at_a_time(self._lock):
            earlier = self._earlier()
            if earlier is None:
                self._write([self._facts(each) for each in self._books], self._search_on_disk())
                return
            facts, search, accuracy = earlier
            for place, each in enumerate(self._books):
                if each is book:
                    facts[place] = self._facts(each)
                elif not facts[place]["finished"]:
                    facts[place]["read"] = self._read_so_far(each)
            self._write(facts, search, accuracy)

    def write(self) -> None:
        """Write the shelf and the index for searching, of all books that can be opened.

        Raises:
            DataError: the certificate can't be read.
            PagewaveError: the disk is full.
        """
        with one_at_a_time(self._lock):
            facts = [self._facts(each) for each in self._books]
            opened = [
                (each, known)
                for each, known in zip(self._books, facts, strict=True)
                if known["opens"]
            ]
            shards, named, there = [], set(), _names_in(self._room / "search")
            indexes = (value_of((self._site / b.id / "search.js").read_bytes()) for b, _ in opened)
            for words, pages in joint_index(indexes):
                name = hashlib.sha256(pages.encode()).hexdigest()[:12]
                file = self._room / "search" / f"{name}.js"
                if file.name not in there:  # its name is that of its content
                    write_atomically(file, script(f"shard {name}", pages))
                named.add(file)
                shards.append([name, " ".join(words)])
            books = [[book.id, known["numbers"]] for book, known in opened]
            search = script("search", {"books": books, "shards": shards})
            put(self._room / "search.js", search)
            self._write(facts, short_hash(search), self._accuracy.told(), whole=True)
            remove_all_but(self._room / "search", named)

    def _write(
        self,
        facts: Sequence[Mapping[str, Any]],
        search: str,
        accuracy: Mapping[str, Any] | None = None,
        *,
        whole: bool = False,
    ) -> None:
        books = [{name: each[name] for name in each if name != "numbers"} for each in facts]
        told = {"title": self._title, "books": books, "search": search, "whole": whole}
        told |= {"accuracy": accuracy} if accuracy else {}
        put(self._room / "shelf.js", script("shelf", told))
        put(self._site / "index.html", html("shelf.html.jinja", "", self._title))

    def _earlier(self) -> tuple[list[dict[str, Any]], str, dict[str, Any] | None] | None:
        """What the shelf says of each book, what finds words, and how accurate it is, as it was
        said last; None where it is none of these books."""
        try:
            told = value_of((self._room / "shelf.js").read_bytes())
            ids = ["/".join(each["folders"]) for each in told["books"]]
            are_ours = ids == [book.id for book in self._books]
            known = (told["books"], told["search"], told.get("accuracy"))
            return known if are_ours else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _search_on_disk(self) -> str:
        try:
            return short_hash((self._room / "search.js").read_bytes())
        except OSError:
            return ""

    def _facts(self, book: Book) -> dict[str, Any]:
        """What the shelf says of a book; `opens`: it has a page of its own."""
        folder = self._site / book.id
        record = read_record(folder / RECORD)
        so_far = None if record else read_record(folder / SO_FAR)
        known = record or so_far
        opens = known is not None and (folder / "index.html").exists()
        facts = place(book, self._levels)
        facts |= {"pages": len(book.pages)} | (known.shelf if known and opens else {})
        facts |= {"finished": bool(record) and opens, "opens": opens}
        return facts if facts["finished"] else facts | {"read": self._read_so_far(book)}

    def _read_so_far(self, book: Book) -> int:
        folder = self._pages / book.id
        there = {file.stem for file in folder.iterdir()} if folder.is_dir() else set()
        return sum(page.stem in there for page in book.pages)

    def tidy(self) -> None:
        """Remove what only pages of an earlier version load, once all are made anew; name books of
        an earlier configuration, which are on no shelf, but would be published."""
        ours = {book.id for book in self._books}
        folders = "*/" * len(self._levels)
        records = (file for name in (RECORD, SO_FAR) for file in self._site.glob(folders + name))
        there = {file.parent.relative_to(self._site).as_posix() for file in records}
        others = there - ours - {ROOM}
        if others:
            log.warning(
                "reading room: %s of an earlier configuration, on no shelf any more (%s), still in "
                "%s: delete their folders if they are not to be published",
                count(len(others), "book"),
                few(sorted(others), 3),
                self._site,
            )
        else:
            remove_other_assets(self._room)


def _names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()} if folder.is_dir() else set()
