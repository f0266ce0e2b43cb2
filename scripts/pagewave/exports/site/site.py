"""Writes the reading room: a book at a time, then its shelf with the index for searching.

What a file holds is there before a file that names it, and what nobody names any more goes last.
So whoever reads while it is made, or after a kill, finds whole books. A book's record, which is
written last of all, says of what it was made, and what the shelf says of it.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from pydantic import BaseModel, ValidationError

from pagewave.atomic import write_atomically
from pagewave.config.settings import Settings
from pagewave.exports.content import Books
from pagewave.exports.schema import schema_of
from pagewave.exports.site.images import Picture, PictureMaker, files_of
from pagewave.exports.site.room import Shown, image, on_shelf, script, value_of
from pagewave.exports.site.words import book_index, joint_index, ranges
from pagewave.ledger.lock import one_at_a_time
from pagewave.log import log
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Book, Dataset
from pagewave.wording import count, few

ROOM = "reading-room"
"""The folder of the site that holds all that is of no book."""
RECORD = ".pagewave.json"
_BYTES_A_PIXEL = 0.075
"""Of both pictures and the data of a page, for each pixel of a square of `site.longest_side`."""


class Record(BaseModel):
    """What a book of the reading room was made of, and what the shelf says of it."""

    made_of: str
    shelf: dict[str, Any] = {}
    pictures: dict[str, Picture] = {}


class Site:
    """The reading room of a configuration."""

    def __init__(self, settings: Settings, dataset: Dataset, model: type[PageModel]) -> None:
        self.folder = settings.paths.site_dir
        self._options = settings.site
        self._paths = settings.paths
        self._dataset = dataset
        self._model = model
        self._pictures = PictureMaker(settings.site, settings.images.pdf_dpi)

    # What there is

    @property
    def is_made(self) -> bool:
        """Is it wanted, and not too large?"""
        most = self._options.max_gigabytes
        return self._options.enabled and (most is None or self._bytes <= most * 1e9)

    @property
    def _bytes(self) -> float:
        pages = sum(len(book.pages) for book in self._dataset.books)
        return pages * _BYTES_A_PIXEL * self._options.longest_side**2

    @property
    def size(self) -> str:
        """How large it will be, roughly, in words."""
        megabytes = self._bytes / 1e6
        is_large = megabytes >= 1000
        about = f"{megabytes / 1000:.1f} GB" if is_large else f"{math.ceil(megabytes)} MB"
        pages = sum(len(book.pages) for book in self._dataset.books)
        return f"{count(pages, 'page')}, about {about}"

    @property
    def notices(self) -> list[str]:
        """What a person should know before it is made, or why it is not."""
        if not self._options.enabled or self.is_made:
            return []
        return [
            f"no reading room is made: {self.size}, and site.max_gigabytes is "
            f"{self._options.max_gigabytes:g}. Set it higher (or to null), site.longest_side "
            "lower, or site.enabled to false."
        ]

    def book_files(self, book_id: str) -> list[str]:
        """The files that stand for a book, its page and its record; a rule has a pattern of it."""
        return [f"{self.folder}/{book_id}/{name}" for name in ("index.html", RECORD)]

    def shelf_files(self) -> list[str]:
        """The files that stand for the shelf: its page and the index for searching."""
        return [f"{self.folder}/index.html", f"{self.folder}/{ROOM}/search.js"]

    def files(self) -> list[str]:
        """What a run makes of it: the shelf, and each book, which would not be missed if the shelf
        alone were named; nothing where it is off."""
        books = [self.book_files(book.id)[0] for book in self._dataset.books]
        return [*books, self.shelf_files()[0]] if self.is_made else []

    def outdated(self) -> set[str]:
        """Files that are there, but made otherwise than they would be now."""
        if not self.is_made:
            return set()
        made = {book.id: _record(self.folder / book.id) for book in self._dataset.books}
        found = {
            self.book_files(book.id)[0]
            for book in self._dataset.books
            if (record := made[book.id]) and record.made_of != self._made_of([book])
        }
        shelf = _record(self.folder / ROOM)
        if shelf and shelf.made_of != self._made_of(self._dataset.books):
            found.add(self.shelf_files()[0])
        return found

    def _made_of(self, books: Sequence[Book]) -> str:
        """A hash of what decides about its files, but for the books' contents and scans."""
        options = self._options.model_dump_json(exclude={"enabled", "max_gigabytes"})
        given = [_program(), self._schema, options, *(book.id for book in books)]
        return hashlib.sha256("\n".join(given).encode()).hexdigest()

    @cached_property
    def _schema(self) -> str:
        return repr(schema_of(self._model, self._dataset.levels))

    # Books

    def write_book(self, book_id: str) -> None:
        """Write a book, then the shelf as it stands now.

        Raises:
            DataError: the book's file can't be read.
            PagewaveError: the disk is full.
        """
        book = self._dataset.book(book_id)
        folder = self.folder / book.id
        with one_at_a_time(self._lock):
            self._write_assets()
        with one_at_a_time(self.folder / ROOM / f".{_name_of(book.id)}.lock"):
            earlier = _record(folder)
            known = earlier.pictures if earlier else {}
            pictures, _ = self._pictures.make(book, folder / "images", known)
            shelf, named = self._write_pages(book, folder, pictures)
            record = Record(made_of=self._made_of([book]), shelf=shelf, pictures=pictures)
            write_atomically(folder / RECORD, record.model_dump_json())
            _remove_others(folder, named | {folder / RECORD})
        self._write_shelf()

    def _write_pages(
        self, book: Book, folder: Path, pictures: dict[str, Picture]
    ) -> tuple[dict[str, Any], set[Path]]:
        """All files of a book but pictures and record; what the shelf says, and what is named."""
        books = Books(
            self._paths.books_dir,
            [book],
            self._model,
            prices=self._options.prices,
            levels=self._dataset.levels,
        )
        [read] = books
        shown = Shown(books, read)
        stems = {page.number: page.stem for page in book.pages}
        pictured = [pictures.get(stems[page.number]) for page in read.pages]
        named = {
            file for picture in pictures.values() for file in files_of(folder / "images", picture)
        }
        listed = []
        for page, picture in zip(read.pages, pictured, strict=True):
            file = folder / "pages" / f"{page.number}.js"
            content = script(f"page {page.number}", shown.page(page, picture))
            _put(file, content)
            named.add(file)
            entry = {
                "n": page.number,
                "label": shown.label(page),
                "image": image(picture),
                "flags": len(page.flags),
                "corrected": page.corrected,
                "missing": page.answer is None,
                "hash": _hash(content),
            }
            listed.append({name: value for name, value in entry.items() if value})
        index = script("words", book_index(shown.searched(page) for page in read.pages))
        content = script(
            "book",
            {
                **self._place(book),
                **{"site": self._options.title, "pages": listed, "tables": shown.schema()},
                "search": _hash(index),
            },
        )
        to_room = "../" * len(book.folders)
        html = self._html("book.html.jinja", to_room, **self._place(book), data=_hash(content))
        contents = {"search.js": index, "book.js": content, "index.html": html}
        for name, what in contents.items():
            # The page is written even where it is the same: its date says that it is up to date.
            (_put if name != "index.html" else write_atomically)(folder / name, what)
            named.add(folder / name)
        return on_shelf(read, pictured) | {"numbers": ranges(list(stems))}, named

    # The shelf

    def write(self) -> None:
        """Write the shelf and the index for searching, of all books that are there.

        Raises:
            PagewaveError: the disk is full.
        """
        room = self.folder / ROOM
        with one_at_a_time(self._lock):
            self._write_assets()
            found = [(book, record) for book, record in self._on_shelf() if record]
            shards, named = [], set()
            indexes = (value_of((self.folder / b.id / "search.js").read_bytes()) for b, _ in found)
            for words, pages in joint_index(indexes):
                name = hashlib.sha256(pages.encode() + words[0].encode()).hexdigest()[:12]
                file = room / "search" / f"{name}.js"
                if not file.exists():  # its name is that of its content
                    write_atomically(file, script(f"shard {name}", pages))
                named.add(file)
                shards.append([name, " ".join(words)])
            books = [[book.id, record.shelf["numbers"]] for book, record in found]
            content = script("search", {"books": books, "shards": shards})
            write_atomically(room / "search.js", content)
            self._put_shelf(_hash(content))
            record = Record(made_of=self._made_of(self._dataset.books))
            write_atomically(room / RECORD, record.model_dump_json())
            _remove_all_but(room / "search", named)
        self._tell_of_others()

    def _write_shelf(self) -> None:
        """Write the shelf alone, as books are made: what can be searched comes when all are."""
        with one_at_a_time(self._lock):
            search = self.folder / ROOM / "search.js"
            self._put_shelf(_hash(search.read_bytes()) if search.exists() else "", whole=False)

    def _put_shelf(self, search: str, *, whole: bool = True) -> None:
        books = []
        for book, record in self._on_shelf():
            known = record.shelf if record else self._unfinished(book)
            books.append({**self._place(book), **known, "finished": record is not None})
        content = script(
            "shelf",
            {"title": self._options.title, "books": books, "search": search, "whole": whole},
        )
        _put(self.folder / ROOM / "shelf.js", content)
        html = self._html("shelf.html.jinja", "")
        file = self.folder / "index.html"
        if whole or not file.exists():
            write_atomically(file, html)

    def _place(self, book: Book) -> dict[str, Any]:
        """What a book is called: by its folders, by the one that tells most, and by the others."""
        levels = self._dataset.levels
        name, beside = levels.heading(book.folders), levels.beside(book.folders)
        return {"folders": book.folders, "name": name, "beside": beside}

    def _on_shelf(self) -> Iterable[tuple[Book, Record | None]]:
        for book in self._dataset.books:
            is_there = (self.folder / book.id / "index.html").exists()
            yield book, _record(self.folder / book.id) if is_there else None

    def _unfinished(self, book: Book) -> dict[str, Any]:
        """What the shelf says of a book that is not put together yet."""
        folder = self._paths.output_dir / book.id
        there = {file.stem for file in folder.iterdir()} if folder.is_dir() else set()
        return {"pages": len(book.pages), "read": sum(page.stem in there for page in book.pages)}

    def _tell_of_others(self) -> None:
        """Name books of an earlier configuration: they are on no shelf, but would be published."""
        ours = {book.id for book in self._dataset.books}
        there = (
            file.parent for file in self.folder.glob(f"{'*/' * len(self._dataset.levels)}{RECORD}")
        )
        ours.add(ROOM)
        others = [
            name for path in there if (name := str(path.relative_to(self.folder))) not in ours
        ]
        if others:
            log.warning(
                "reading room: %s of an earlier configuration, on no shelf any more (%s), still in "
                "%s: delete their folders if they are not to be published",
                count(len(others), "book"),
                few(sorted(others), 3),
                self.folder,
            )

    # Files

    @property
    def _lock(self) -> Path:
        """Held by who writes what is of no book: books are made side by side."""
        return self.folder / ROOM / ".lock"

    def _write_assets(self) -> None:
        for asset in _assets():
            _put(self.folder / ROOM / asset.name, asset.read_bytes())

    def _html(self, template: str, to_room: str, **values: object) -> bytes:
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        environment.filters["quote"] = quote
        text = (files(__package__) / template).read_text(encoding="utf-8")
        page = environment.from_string(text).render(
            room=f"{to_room}{ROOM}",
            top=to_room,
            title=self._options.title,
            version=_program()[:8],
            **values,
        )
        return f"{page}\n".encode()


@cache
def _assets() -> tuple[Any, ...]:
    folder = files(__package__) / "assets"
    return tuple(sorted(folder.iterdir(), key=lambda file: file.name))


@cache
def _program() -> str:
    """A hash of all that makes the reading room, beside its data."""
    ours = [f for f in files(__package__).iterdir() if f.name.endswith((".py", ".jinja"))]
    hashed = hashlib.sha256()
    for file in sorted([*ours, *_assets()], key=lambda file: file.name):
        hashed.update(file.read_bytes())
    return hashed.hexdigest()


def _record(folder: Path) -> Record | None:
    """What a record says; nothing where there is none, or it is of another version."""
    try:
        return Record.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def _put(file: Path, content: bytes) -> None:
    """Write a file, unless it holds just that."""
    try:
        if file.read_bytes() == content:
            return
    except OSError:
        pass
    write_atomically(file, content)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def _name_of(book_id: str) -> str:
    return hashlib.sha256(book_id.encode()).hexdigest()[:12]


def _remove_others(folder: Path, named: set[Path]) -> None:
    """Remove what was made of a book and is not named any more, and what crashes left."""
    _remove_all_but(folder / "images", named)
    _remove_all_but(folder / "pages", named)


def _remove_all_but(folder: Path, named: set[Path]) -> None:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path not in named and path.is_file():
            path.unlink(missing_ok=True)
