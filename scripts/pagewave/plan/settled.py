"""Which books are settled: read, made and up to date, so that nothing of them is to be done.

Their pages are no jobs of the DAG, which would otherwise grow with all that was ever read. That is
only right where none of the jobs would run; so a book is settled only if all of this is seen on
disk, and whatever leaves a doubt leaves the book to Snakemake, which decides as it always did.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterable

from pagewave.pages.dataset import Book
from pagewave.plan.targets import Wanted
from pagewave.workspace import Workspace


def settled_books(
    workspace: Workspace,
    wanted: Wanted,
    made_again: Collection[str],
    incomplete: Callable[[Collection[str]], Collection[str]],
) -> frozenset[str]:
    """Ids of the books of which no job has anything to do.

    Args:
        made_again: files that are made though they are there.
        incomplete: those of some files that a job was writing when it was killed.
    """
    dataset = workspace.dataset
    open_keys = {*wanted.keys, *workspace.dead_letters()}
    is_open = {page.book_id for page in dataset.pages if page.key in open_keys}
    again = set(made_again)
    found = {}
    for book in dataset.books:
        if book.id in is_open:
            continue
        made = [str(file) for file in workspace.book_files(book)]
        read = _page_files(workspace, book)
        if again.isdisjoint(made) and again.isdisjoint(read) and _is_up_to_date(made, read):
            found[book.id] = [*made, *read]
    files = {file: book_id for book_id, files in found.items() for file in files}
    in_doubt = {files[file] for file in incomplete(files)} if files else set()
    return frozenset(found.keys() - in_doubt)


def files_lost(workspace: Workspace) -> set[str]:
    """Those of books' files that are gone while another one of the book is there.

    Snakemake misses only what is asked for by name, and that is `book.json`.
    """
    lost = set()
    for book in workspace.dataset.books:
        files = [str(file) for file in workspace.book_files(book)]
        gone = {file for file in files if not os.path.exists(file)}  # noqa: PTH110  (many)
        lost |= gone if len(gone) < len(files) else set()
    return lost


def _page_files(workspace: Workspace, book: Book) -> list[str]:
    """As `Workspace.page_file` has them; a path object for each page would be most of the time."""
    folder = str(workspace.page_file(book.pages[0]).parent)
    return [f"{folder}/{page.stem}.json" for page in book.pages]


def _is_up_to_date(made: Iterable[str], read: Iterable[str]) -> bool:
    """Are all of these files there, and none of those that were read younger than what was made?

    Of a link it counts what it is and what it leads to: that is stricter than Snakemake.
    """
    try:
        oldest = min(min(_times(file)) for file in made)
        return all(max(_times(file)) <= oldest for file in read)
    except (OSError, _NoFile):
        return False


class _NoFile(Exception):
    """What is there is a folder, a pipe or the like."""


def _times(file: str) -> tuple[int, int]:
    """When a file was changed (ns), of a link also when that was made; raises OSError."""
    here = there = os.lstat(file)
    if stat.S_ISLNK(here.st_mode):
        there = os.stat(file)  # noqa: PTH116  (as above)
    if not stat.S_ISREG(there.st_mode):
        raise _NoFile
    return here.st_mtime_ns, there.st_mtime_ns
