"""The words of a book: a tree for each of its pages, made again where page file or scan changed.

Needs neither ledger, key nor network. Trees are written page by page, the record that a rule names
last of all: after a kill what is there stays, and what is missing is made.
"""

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from pagewave.atomic import write_atomically
from pagewave.config.settings import Settings
from pagewave.errors import ConfigError, DataError
from pagewave.log import log
from pagewave.page_model import PageModel
from pagewave.pages import image_files, scan_files
from pagewave.pages.dataset import Book, Dataset, Page
from pagewave.pages.json_files import json_text, problem_of
from pagewave.words.tree import RECORD, PageTree

if TYPE_CHECKING:  # numpy is loaded where it is needed: see tests/workflow/test_imports.py
    from pagewave.words.eyes import TesseractEye

THREADS = 4
"""Of a job (rules/words.smk): so many pages of a book are looked at side by side."""
_MADE_WITH = ("cleaning.py", "blobs.py", "leaders.py")
"""Files of the embedded reader that decide what is seen."""


class Record(BaseModel):
    """Of what the trees of a book were made."""

    made_of: str
    scans: dict[str, tuple[int, int]]
    """Size in bytes and time of change (Unix ns) of each page's scan, by stem."""
    unseen: dict[str, str] = {}
    """Why a page has no tree, by stem."""


class BookWords:
    """The trees of a configuration's books."""

    def __init__(self, settings: Settings, dataset: Dataset, model: type[PageModel]) -> None:
        """Find the languages' models, where any are wanted.

        Raises:
            ConfigError: one is not installed; says what to install.
        """
        self._languages = settings.words.languages
        self._paths = settings.paths
        self._pdf_dpi = settings.images.pdf_dpi
        self._dataset = dataset
        self._model = model
        if self._languages:
            from pagewave.embedded.reader.tessdata import tessdata_folder

            if importlib.util.find_spec("tesserocr") is None:
                raise ConfigError(
                    "words.languages: words are found by Tesseract, which is not installed. "
                    "Install it with: pip install 'pagewave[embedded]'; or leave words.languages "
                    "out for a run without it"
                )
            tessdata_folder(self._languages)

    def book_file(self, book_id: str) -> str:
        """The file that stands for a book whose pages all have their trees; a rule has a pattern of
        it."""
        return f"{self._paths.words_dir}/{book_id}/{RECORD}"

    def page_file(self, page: Page) -> Path:
        """Where the tree of a page is."""
        return self._paths.words_file(page.name)

    def files(self) -> list[str]:
        """What a run makes; nothing where no language is named."""
        return [self.book_file(book.id) for book in self._dataset.books] if self._languages else []

    def outdated(self) -> set[str]:
        """Records of books that would be made otherwise now, or whose scans were changed."""
        if not self._languages:
            return set()
        return {
            self.book_file(book.id)
            for book in self._dataset.books
            if (record := _read_record(Path(self.book_file(book.id))))
            and not self._is_current(book, record)
        }

    def _is_current(self, book: Book, record: Record) -> bool:
        if record.made_of != self._made_of:
            return False
        return all(
            record.scans.get(page.stem) == _as_it_is(page.scan)
            and (page.stem in record.unseen or self.page_file(page).exists())
            for page in book.pages
        )

    @cached_property
    def _made_of(self) -> str:
        """A hash of what decides about trees, but for page files and scans."""
        given = [_program(), *self._languages, str(self._pdf_dpi)]
        return hashlib.sha256("\n".join(given).encode()).hexdigest()[:16]

    # Written

    def write_book(self, book_id: str, threads: int) -> None:
        """Write the trees of a book's pages that are read, and its record.

        A scan that can't be shown leaves its page without a tree, which is logged.

        Args:
            threads: pages that are looked at at the same time.

        Raises:
            DataError: a page file can't be read.
            ConfigError: Tesseract is not installed.
            PagewaveError: the disk is full.
        """
        from pagewave.words.eyes import TesseractEye
        from pagewave.words.findings import with_the_book

        book, eye = self._dataset.book(book_id), TesseractEye(self._languages)
        record = Record(
            made_of=self._made_of, scans={page.stem: _as_it_is(page.scan) for page in book.pages}
        )
        scans = {scan: _hash_of(scan) for scan in {page.scan for page in book.pages}}
        made: dict[str, PageTree] = {}

        def tree(page: Page) -> tuple[PageTree | None, str]:
            try:
                return self._tree(page, scans[page.scan], eye), ""
            except (_UnseenError, OSError) as error:
                return None, str(error)

        with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
            for page, (found, why) in zip(book.pages, pool.map(tree, book.pages), strict=True):
                if found:
                    made[page.key] = found
                else:
                    record.unseen[page.stem] = why
                    log.warning("words: %s has none: %s", page.key, why)
        for key, whole in with_the_book(made).items():
            if whole != made[key]:
                whole.write(self.page_file(self._dataset.page(key)))
        self._tidy(book, {f"{page.stem}.json" for page in book.pages if page.key in made})
        write_atomically(Path(self.book_file(book_id)), record.model_dump_json())

    def _tree(self, page: Page, scan_sha256: str, eye: "TesseractEye") -> PageTree:
        """The tree of a page as it is: that on file, or one that is made and written."""
        from pagewave.words.page import tree_of

        text, reading_sha256 = self._reading(page)
        file = self.page_file(page)
        if (known := _read_tree(file)) and (
            (known.reading_sha256, known.scan_sha256, known.made_by, known.key)
            == (reading_sha256, scan_sha256, self._made_of, page.key)
        ):
            return known
        try:
            image = scan_files.load(page.scan, max(page.leaf, 1), self._pdf_dpi, None)
        except DataError as error:
            raise _UnseenError(str(error)) from None
        tree = tree_of(
            page.key,
            text,
            eye.see(image),
            eye,
            reading_sha256=reading_sha256,
            scan_sha256=scan_sha256,
        ).model_copy(update={"made_by": self._made_of})
        tree.write(file)
        return tree

    def _reading(self, page: Page) -> tuple[str, str]:
        """The text of a page's file, and the hash of its bytes."""
        path = self._paths.page_file(page.name)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise _UnseenError("it was not read") from None
        try:
            answer = self._model.model_validate_json(json_text(content))
        except ValueError as error:
            raise DataError(
                f"{path}, {problem_of(error)}. The file stays as it is: put it in order there."
            ) from error
        return answer.text(), hashlib.sha256(content).hexdigest()

    def _tidy(self, book: Book, kept: set[str]) -> None:
        """Remove trees of pages that are gone."""
        for path in (self._paths.words_dir / book.id).glob("*.json"):
            if path.name not in kept and path.name != RECORD and path.is_file():
                path.unlink(missing_ok=True)


class _UnseenError(Exception):
    """A page can have no tree."""


def _read_record(file: Path) -> Record | None:
    try:
        return Record.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _read_tree(file: Path) -> PageTree | None:
    try:
        return PageTree.read(file)
    except (OSError, ValidationError):
        return None


def _as_it_is(scan: Path) -> tuple[int, int]:
    """Size and time of change of a file; zeros where there is none."""
    try:
        status = scan.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _hash_of(scan: Path) -> str:
    """Of a file; nothing where it can't be read: whoever needs it says why."""
    try:
        return image_files.content(scan).sha256
    except DataError:
        return ""


@cache
def _program() -> str:
    """A hash of all that makes trees, beside their data."""
    hashed = hashlib.sha256()
    for content in _sources():
        hashed.update(content)
    return hashed.hexdigest()


def _sources() -> Iterator[bytes]:
    ours: Sequence[Path] = [Path(str(file)) for file in files(__package__).iterdir()]
    for file in sorted(ours):
        if file.suffix in (".py", ".json"):
            yield file.read_bytes()
    for name in _MADE_WITH:
        yield (files("pagewave.embedded.reader") / name).read_bytes()
