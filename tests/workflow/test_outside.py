"""Books that are settled are no jobs of the DAG; and nothing that is to be made is left out.

What a person may do between two runs is done to one book each of one library. What the command then
shows and makes is compared with what the whole DAG has: `--until all` cuts nothing, but has it.
"""

import json
import os
import re
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.library import Library

THREADS = "--force-use-threads"
WHOLE = ("--until", "all")
OLD = 1_000_000_000
"""Seconds: long before anything was made here."""


class Book:
    """The files of a book of two pages, to be done something to."""

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.id = f"Ohio/{name}/1850"
        self.pages = [root / f"results/pages/{self.id}/{number}.json" for number in (1, 2)]
        self.made = [root / f"results/books/{self.id}/{file}" for file in ("book.json", "text.txt")]
        self.image = root / f"images/{self.id}/2.jpg"
        self.correction = root / f"corrections/{self.id}/2.json"

    def times(self) -> list[int]:
        """When the files of the book were written."""
        return [file.stat().st_mtime_ns for file in self.made]


def nothing(book: Book) -> None:
    """The book is left as it is."""


def delete_page(book: Book) -> None:
    book.pages[0].unlink()


def delete_pages(book: Book) -> None:
    shutil.rmtree(book.pages[0].parent)


def touch_page(book: Book) -> None:
    book.pages[1].touch()


def edit_page(book: Book) -> None:
    page = json.loads(book.pages[1].read_text())
    page["school_name"] = "Edited"
    book.pages[1].write_text(json.dumps(page))


def edit_page_and_hide_it(book: Book) -> None:
    before = book.pages[1].stat().st_mtime_ns
    edit_page(book)
    os.utime(book.pages[1], ns=(before, before))


def link_page(book: Book) -> None:
    elsewhere = book.root / "elsewhere.json"
    book.pages[1].rename(elsewhere)
    os.utime(elsewhere, (OLD, OLD))
    book.pages[1].symlink_to(elsewhere)


def link_page_that_changed(book: Book) -> None:
    elsewhere = book.root / "changed.json"
    book.pages[1].rename(elsewhere)
    book.pages[1].symlink_to(elsewhere)
    os.utime(book.pages[1], (OLD, OLD), follow_symlinks=False)
    elsewhere.touch()


def delete_book(book: Book) -> None:
    book.made[0].unlink()


def delete_text(book: Book) -> None:
    book.made[1].unlink()


def delete_both(book: Book) -> None:
    shutil.rmtree(book.made[0].parent)


def edit_book(book: Book) -> None:
    book.made[0].write_text("{}")


def make_book_older(book: Book) -> None:
    os.utime(book.made[0], (OLD, OLD))


def make_text_older(book: Book) -> None:
    os.utime(book.made[1], (OLD, OLD))


def change_image(book: Book) -> None:
    book.image.write_bytes((book.root / "images/Ohio/nothing/1850/1.jpg").read_bytes())


def add_page(book: Book) -> None:
    for kind, suffix in (("labels", "json"), ("images", "jpg")):
        folder = book.root / kind / book.id
        shutil.copy(folder / f"2.{suffix}", folder / f"3.{suffix}")


def remove_label(book: Book) -> None:
    (book.root / f"labels/{book.id}/2.json").unlink()


def write_correction(book: Book) -> None:
    page = json.loads(book.pages[1].read_text())
    page["school_name"] = "Corrected"
    book.correction.parent.mkdir(parents=True)
    key = book.id.replace("/", ":")
    correction = {"key": f"{key}:2", "corrected_at": "2026-01-01T00:00:00Z", "page": page}
    book.correction.write_text(
        json.dumps(correction | {"corrects": None, "read": None, "fields_changed": ["school_name"]})
    )


def crash_in_book(book: Book) -> None:
    mark_incomplete(book, book.made[0])


def crash_in_page(book: Book) -> None:
    mark_incomplete(book, book.pages[0])


def mark_incomplete(book: Book, file: Path) -> None:
    """As Snakemake does before a job writes it, and undoes once it has."""
    name = urlsafe_b64encode(str(file.relative_to(book.root)).encode()).decode()
    (book.root / ".snakemake/incomplete" / name).write_text('{"external_jobid": null}')


LEAVES: tuple[Callable[[Book], None], ...] = (nothing, edit_book, remove_label)
MAKES: tuple[Callable[[Book], None], ...] = (
    delete_page,
    delete_pages,
    touch_page,
    edit_page,
    edit_page_and_hide_it,
    link_page,
    link_page_that_changed,
    delete_book,
    delete_text,
    delete_both,
    make_book_older,
    make_text_older,
    change_image,
    add_page,
    write_correction,
    crash_in_book,
    crash_in_page,
)
"""After these the book is made anew; after those above it is not."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that was read: a book for each thing that is done to one."""
    root = tmp_path_factory.mktemp("finished")
    with Library(root, {f"Ohio/{does.__name__}/1850": 2 for does in LEAVES + MAKES}) as library:
        library.run(THREADS, profile=False)
    return root


@pytest.fixture
def read(tmp_path: Path, finished: Path) -> Iterator[Library]:
    """A copy of it, with its dates."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    with Library(tmp_path, {}) as library:
        yield library


def go(library: Library, *arguments: str) -> str:
    return library.run(THREADS, *arguments, profile=False)


def jobs(shown: str) -> dict[str, set[str]]:
    """Which jobs a dry run shows, and why each would run."""
    found = re.findall(r"^Job \d+: (.+)\n(?:Reason: (.+))?", shown, re.M)
    assert found
    return {what: set(re.split(": |, ", why)) for what, why in found}


def pages_in_dag(library: Library, *arguments: str) -> int:
    """How many jobs for pages the DAG has, to run or not."""
    shown = go(library, "-n", "--debug-dag", *arguments)
    return len([line for line in shown.splitlines() if line.strip() == "selected job page"])


def test_nothing_that_is_to_be_made_is_left_out(read: Library) -> None:
    books = {does: Book(read.root, does.__name__) for does in LEAVES + MAKES}
    assert pages_in_dag(read) == 0
    assert pages_in_dag(read, *WHOLE) == 2 * len(books)
    before = {does: book.times() for does, book in books.items()}
    for does, book in books.items():
        does(book)
        if does in (edit_book, make_book_older, make_text_older):
            before[does] = book.times()
    assert jobs(go(read, "-n", "--verbose")) == jobs(go(read, "-n", "--verbose", *WHOLE))
    go(read)
    made = {does for does, book in books.items() if book.times() != before[does]}
    assert {does.__name__ for does in made} == {does.__name__ for does in MAKES}
    assert "Edited" in books[edit_page].made[0].read_text()
    assert "Corrected" in books[write_correction].made[0].read_text()
    # What was made is settled: nothing that was done is done twice, or for ever.
    assert "Nothing to be done" in go(read) and pages_in_dag(read) == 0
    assert "Nothing to be done" in go(read, *WHOLE)
    # Of a corrected page it is the correction that counts.
    books[edit_page].pages[1].unlink()
    assert jobs(go(read, "-n", "--verbose")) == jobs(go(read, "-n", "--verbose", *WHOLE))


def test_whoever_asks_about_outputs_or_forces_rules_has_the_whole_dag(read: Library) -> None:
    pages = 2 * len(LEAVES + MAKES)
    assert go(read, "--summary").count("results/pages/") == pages
    assert go(read, "--delete-all-output", "-n").count("results/pages/") == pages
    for forced in (("-R", "book"), ("-F",), ("-f",)):
        assert pages_in_dag(read, *forced) >= pages  # those that others need are shown again
    book = Book(read.root, "nothing")
    made = str(book.made[0].relative_to(read.root))
    assert "book Ohio/nothing/1850" in go(read, "-n", "--verbose", "-R", made)
    # By name a book is there as it was; that it is up to date is seen without its pages.
    assert "Nothing to be done" in go(read, made) and pages_in_dag(read, made) == 0
    assert pages_in_dag(read, "-F", made) >= 2


def test_exports_of_all_books_bring_no_pages_into_the_dag(read: Library) -> None:
    read.config["exports"] = ["text"]
    read.configure()
    go(read)
    texts = sorted((read.root / "results/exports").rglob("*.txt"))
    assert len(texts) >= len(LEAVES + MAKES)
    assert "Nothing to be done" in go(read) and pages_in_dag(read) == 0
    book = Book(read.root, "nothing")
    book.pages[0].touch()
    shown = jobs(go(read, "-n", "--verbose"))
    assert shown == jobs(go(read, "-n", "--verbose", *WHOLE)) and len(shown) >= 2
