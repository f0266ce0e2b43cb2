"""The exports of a run: which files there are, which are out of date, and how they are written.

Beside the files of a job stands a hidden record of what they were made of and what they held. So
other books, another page model or another exporter make them anew, and what a person changed in
them is kept.
"""

import hashlib
import itertools
import json
import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from pagewave import crash_points as crash
from pagewave.atomic import partial_of, write_atomically
from pagewave.config.citation import Citation
from pagewave.config.data import Paths
from pagewave.errors import PagewaveError
from pagewave.exports.content import Books
from pagewave.exports.exporter import Exporter
from pagewave.exports.program import program_of
from pagewave.exports.schema import schema_of
from pagewave.ledger.lock import one_at_a_time
from pagewave.log import log
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Book, Dataset
from pagewave.wording import count
from pagewave.words.audit import certificate
from pagewave.words.audit.certificate import Audited, Certificate, file_of

NOTES = "notes.txt"
"""What is to be known of a form's files, if there is anything, in their folder."""
EDITED = ".edited"
"""Ends the name of a copy of a file that somebody changed."""


class Form:
    """One form of export: an exporter and where its files go."""

    def __init__(
        self, exporter: Exporter, paths: Paths, model: type[PageModel], citation: Citation
    ) -> None:
        self.exporter = exporter
        self.folder = paths.exports_dir / exporter.name
        self._schema = schema_of(model, paths.tree)
        self._citation = citation
        self._certificate = paths.audit_dir / certificate.FILE

    @property
    def name(self) -> str:
        """What the configuration calls it, or it itself."""
        return self.exporter.name

    @property
    def is_per_book(self) -> bool:
        """Does a job write one book?"""
        return self.exporter.per == "book"

    @property
    def reads_words(self) -> bool:
        """Is it made of trees of words as well?"""
        return self.exporter.reads_words

    def outputs(self, book_id: str) -> list[str]:
        """Its files: of all books, or of one; as a rule has them, where `book_id` is a pattern."""
        if self.is_per_book:
            return [f"{self.folder}/{book_id}{suffix}" for suffix in self.exporter.suffixes]
        names = self.exporter.files(self._schema.tables)
        return [f"{self.folder}/{name}" for name in names]

    def record(self, book: Book | None) -> Path:
        """Where it is noted what its files are made of."""
        if book is None:
            return self.folder / ".pagewave.json"
        return Path(self.outputs(book.id)[0]).with_name(f".{book.folders[-1]}.pagewave.json")

    def made_of(self, books: Sequence[Book]) -> str:
        """A hash of what decides about its files, but for the books' contents."""
        given = [self._program, repr(self._schema), self._citation.model_dump_json()]
        given += [book.id for book in books]
        if self.exporter.carries_certificate and self._certificate.exists():
            given.append(self._certificate.read_text(encoding="utf-8"))
        return hashlib.sha256("\n".join(given).encode()).hexdigest()

    @cached_property
    def _program(self) -> str:
        return program_of(self.exporter)


class Exports:
    """All forms that the configuration names, over the books of a data set."""

    def __init__(
        self,
        paths: Paths,
        dataset: Dataset,
        model: type[PageModel],
        exporters: Sequence[Exporter],
        citation: Citation,
    ) -> None:
        self.forms = [Form(exporter, paths, model, citation) for exporter in exporters]
        self._citation = citation
        self._paths = paths
        self._dataset = dataset
        self._model = model

    def files(self) -> list[str]:
        """All files of all forms."""
        return [file for form, book in self._jobs() for file in _outputs(form, book)]

    def outdated(self) -> set[str]:
        """Files that are there, but of other books or made otherwise than they would be now."""
        return {
            file
            for form, book in self._jobs()
            if (noted := _noted(form.record(book))).get("made_of") is not None
            and noted["made_of"] != form.made_of(self._books(book))
            for file in _outputs(form, book)
        }

    def keep_edited(self) -> None:
        """Keep what somebody changed in any of the files, before all of them are deleted."""
        for form, book in self._jobs():
            files = [Path(file) for file in _outputs(form, book)]
            _keep_edited(files, _noted(form.record(book)))

    def keep_edited_of(self, name: str, book_id: str | None = None) -> None:
        """Keep what somebody changed in the files of a form (of one book, if it is by book)."""
        form, book = self.form(name), self._dataset.book(book_id) if book_id else None
        _keep_edited([Path(file) for file in _outputs(form, book)], _noted(form.record(book)))

    def places(self, name: str, book_id: str | None = None) -> list[Path]:
        """All files that `write` may write."""
        form, book = self.form(name), self._dataset.book(book_id) if book_id else None
        files = [Path(file) for file in _outputs(form, book)]
        return [*files, form.record(book), *([] if form.is_per_book else [form.folder / NOTES])]

    def form(self, name: str) -> Form:
        """The form of this name."""
        return next(form for form in self.forms if form.name == name)

    def write(self, name: str, book_id: str | None = None) -> None:
        """Write the files of a form, all or none of them; of one book, if it is by book.

        Raises:
            DataError: a book's file can't be read.
            PagewaveError: the disk is full, or the exporter fails.
        """
        form = self.form(name)
        book = self._dataset.book(book_id) if book_id else None
        books = Books(
            self._paths.books_dir,
            self._books(book),
            self._model,
            self._citation,
            levels=self._dataset.levels,
            words=self._paths.words_dir,
        )
        if form.exporter.carries_certificate:
            books.audited = self._audited()
        files = [Path(file) for file in _outputs(form, book)]
        record = form.record(book)
        with one_at_a_time(record):  # of another command too
            partials = [partial_of(file) for file in files]
            with _failing_as_a_whole(form, partials):
                form.exporter.write(books, partials)
                for partial in partials:
                    _sync(partial)
                crash.point("file-half-written")
                _keep_edited(files, _noted(record))
                for partial, file in zip(partials, files, strict=True):
                    partial.replace(file)
            noted = {file.name: _noted_of(file) for file in files}
            content = {"made_of": form.made_of(self._books(book)), "files": noted}
            record.write_text(json.dumps(content), encoding="utf-8")  # in place: it is the lock
        if not form.is_per_book:
            _tell(form, [*_missing(books), *books.notes])

    def _audited(self) -> Audited | None:
        found = Certificate.read(self._paths.audit_dir / certificate.FILE)
        return Audited(found, file_of(self._paths, self._dataset)) if found else None

    def _jobs(self) -> Iterator[tuple[Form, Book | None]]:
        for form in self.forms:
            for book in self._dataset.books if form.is_per_book else [None]:
                yield form, book

    def _books(self, book: Book | None) -> Sequence[Book]:
        return [book] if book else self._dataset.books


def _outputs(form: Form, book: Book | None) -> list[str]:
    return form.outputs(book.id if book else "")


@contextmanager
def _failing_as_a_whole(form: Form, partials: Sequence[Path]) -> Iterator[None]:
    """What was half written goes, now or where a crash left it; the earlier files stay."""

    def remove() -> None:
        for partial in partials:
            # Databases have companions while they are written.
            for left in partial.parent.glob(f"{partial.name}*"):
                left.unlink(missing_ok=True)

    try:
        for partial in partials:
            partial.parent.mkdir(parents=True, exist_ok=True)
        remove()
        yield
    except PagewaveError:
        remove()
        raise
    except Exception as error:  # each writer has errors of its own
        remove()
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise PagewaveError(
            f"exports: {form.name} can't be written to {form.folder}: "
            f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno}). Files that "
            "were there stay. Put that in order (a full disk?), then run the same command again."
        ) from error


def _sync(file: Path) -> None:
    if not file.exists():
        raise PagewaveError(
            f"exports: its exporter has not written {file}: `write` writes each file that it is "
            "given, at that very path."
        )
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _keep_edited(files: Sequence[Path], noted: dict[str, Any]) -> None:
    """Keep what somebody changed in files that are about to be replaced or deleted."""
    for file in files:
        known = noted.get("files", {}).get(file.name)
        if not known or not file.exists() or _is_as_noted(file, known):
            continue
        names = (f"{file.name}{EDITED}{f'-{n}' if n > 1 else ''}" for n in itertools.count(1))
        copy = next(copy for name in names if not (copy := file.with_name(name)).exists())
        file.replace(copy)
        log.warning(
            "%s was changed by hand, and is made of the page files alone; kept as %s. What is "
            "corrected in those stays",
            file,
            copy,
        )


def _noted_of(file: Path) -> list[Any]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns, _sha256(file)]


def _is_as_noted(file: Path, noted: Sequence[Any]) -> bool:
    status = file.stat()
    is_untouched = [status.st_size, status.st_mtime_ns] == noted[:2]
    return is_untouched or (status.st_size == noted[0] and _sha256(file) == noted[2])


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _noted(record: Path) -> dict[str, Any]:
    """What a record says; nothing where there is none, or a crash tore it."""
    try:
        return dict(json.loads(record.read_bytes()))
    except (OSError, ValueError):
        return {}


def _missing(books: Books) -> list[str]:
    """What is not in these files, in words."""
    unread, pages = sum(books.unread.values()), books.page_count
    if not unread:
        return []
    return [
        f"{unread} of {count(pages, 'page')} are not in it, of {count(len(books.unread), 'book')}: "
        "why is in the table of pages, column missing. Once they are read it is made again."
    ]


def _tell(form: Form, notes: Sequence[str]) -> None:
    """Say what is to be known of a form's files, here and beside them."""
    for note in notes:
        log.warning("exports: %s: %s", form.name, note)
    file = form.folder / NOTES
    if notes:
        write_atomically(file, "\n".join(notes) + "\n")
    else:
        file.unlink(missing_ok=True)
