"""Writes a book of the reading room: its pictures, the files of its pages, and what names them."""

import hashlib
from pathlib import Path
from typing import Any

from pagewave.atomic import write_atomically
from pagewave.config.settings import Settings
from pagewave.exports import page_view
from pagewave.exports.content import Books
from pagewave.exports.site.images import PictureMaker, files_of
from pagewave.exports.site.made import (
    RECORD,
    ROOM,
    SO_FAR,
    Record,
    html,
    place,
    put,
    read_record,
    remove_all_but,
    short_hash,
)
from pagewave.exports.site.room import Shown, image, on_shelf, script
from pagewave.exports.site.words import book_index, ranges
from pagewave.exports.site.worth import page_doubts, pages_of, told
from pagewave.ledger.lock import one_at_a_time
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Book


class BookWriter:
    """Writes the books of a configuration."""

    def __init__(self, settings: Settings, model: type[PageModel]) -> None:
        self._site = settings.paths.site_dir
        self._settings = settings
        self._model = model
        self._levels = settings.paths.tree
        self._pictures = PictureMaker(settings.site, settings.images.pdf_dpi)

    def write(self, book: Book, made_of: str) -> None:
        """Write a book whose file is there.

        Raises:
            DataError: that file can't be read.
            PagewaveError: the disk is full.
        """
        folder = self._site / book.id
        with one_at_a_time(self._lock(book)):
            shelf = self._write(book, folder)
            record = Record(made_of=made_of, shelf=shelf)
            write_atomically(folder / RECORD, record.model_dump_json())
            (folder / SO_FAR).unlink(missing_ok=True)

    def write_so_far(self, book: Book, made_of: str) -> None:
        """Write what is read of a book that is not finished, if that changed since the last time.

        Of a book that was finished before the whole stays until it is finished again.

        Raises:
            PagewaveError: the disk is full.
        """
        folder, pages = self._site / book.id, self._settings.paths.output_dir / book.id
        with one_at_a_time(self._lock(book)):
            if (folder / RECORD).exists():
                return
            files = (pages / f"{page.stem}.json" for page in book.pages)
            read = [(file.name, at) for file in files if (at := _written_at(file))]
            made_of = hashlib.sha256(f"{made_of} {read}".encode()).hexdigest()
            earlier = read_record(folder / SO_FAR)
            if not read or (earlier and earlier.made_of == made_of):
                return
            record = Record(made_of=made_of, shelf=self._write(book, folder))
            write_atomically(folder / SO_FAR, record.model_dump_json())

    def _lock(self, book: Book) -> Path:
        name = hashlib.sha256(book.id.encode()).hexdigest()[:12]
        return self._site / ROOM / f".{name}.lock"

    def _write(self, book: Book, folder: Path) -> dict[str, Any]:
        """All files of a book but its record; what the shelf says of it."""
        paths, citation = self._settings.paths, self._settings.citation
        books = Books(
            *(paths.books_dir, [book], self._model, citation),
            levels=self._levels,
            pages=paths.output_dir,
        )
        [read] = books
        waiting = {page.number for page in read.pages if page.is_waiting}
        wanted = [page for page in book.pages if page.number not in waiting]
        by_stem = self._pictures.make(wanted, folder)
        stems = {page.number: page.stem for page in book.pages}
        pictures = [by_stem.get(stems[page.number]) for page in read.pages]
        named = {file for each in by_stem.values() for file in files_of(folder / "images", each)}
        shown = Shown(books, read)
        looked_for = read.is_finished and bool(self._settings.words.languages)
        worth = told(read, page_doubts(paths.words_dir, book) if looked_for else {})
        listed = []
        for page, picture in zip(read.pages, pictures, strict=True):
            entry = {
                "n": page.number,
                "label": shown.label(page),
                "image": image(picture),
                "flags": len(page.flags),
                "corrected": page.corrected,
                "missing": page.answer is None and not page.is_waiting,
                "waiting": page.is_waiting,
            }
            if not page.is_waiting:
                file = folder / "pages" / f"{page.number}.js"
                content = script(f"page {page.number}", shown.page(page, picture))
                put(file, content)
                named.add(file)
                entry["hash"] = short_hash(content)
            listed.append({name: value for name, value in entry.items() if value})
        called = place(book, self._levels)
        index = script("words", book_index(shown.searched(page) for page in read.pages))
        content = script(
            "book",
            {
                **called,
                **{"site": self._settings.site.title, "pages": listed, "tables": shown.schema()},
                "search": short_hash(index),
                **({"worth": worth} if worth else {}),
            },
        )
        title, data = self._settings.site.title, short_hash(content)
        view = page_view.markup(zoom=True)
        page_of_book = html(
            "book.html.jinja",
            "../" * len(book.folders),
            title,
            data=data,
            view=view,
            **called,
        )
        files = {"search.js": index, "book.js": content, "index.html": page_of_book}
        for name, what in files.items():
            put(folder / name, what)
        remove_all_but(folder / "images", named)
        remove_all_but(folder / "pages", named)
        facts = on_shelf(read, pictures) | {"numbers": ranges([*stems])}
        return facts | ({"worth": pages_of(worth)} if pages_of(worth) else {})


def _written_at(file: Path) -> int:
    """In nanoseconds; 0 where there is no such file, or none any more: a run may be writing it."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
