"""What a command asks for: which pages it wants, and which of them it wants read again."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pagewave.pages.changed import changed_images
from pagewave.pages.dataset import Page
from pagewave.pages.remote_scans import RECORD
from pagewave.workspace import Workspace

PAGE_RULES = frozenset({"page", "wave"})
"""Rules whose forced run means that pages are read again."""

EMBEDDED_BEFORE = "the embedded engine read it before"
IMAGE_CHANGED = "its image was changed"
FILE_CHANGED = "the file of its scan was changed; free if the page was not"


@dataclass(frozen=True)
class Command:
    """The parts of Snakemake's command line that decide about pages; `typed` is all of it, to be
    shown."""

    targets: Collection[str] = ()
    force_all: bool = False
    force_targets: bool = False
    forced: Collection[str] = ()
    typed: str = ""


@dataclass(frozen=True)
class Wanted:
    """`chains`: keys to read, as runs of consecutive pages; `forced`: those asked for anew.

    `blocked` are keys that the command wants but that are dead letters or, where those block, stand
    behind one. `reasons` says of pages that have an answer on file why they are read again.
    """

    chains: list[list[str]]
    forced: set[str]
    blocked: list[str]
    reasons: dict[str, str]

    @property
    def keys(self) -> list[str]:
        """All pages that the command has to see to, blocked ones included."""
        return [key for chain in self.chains for key in chain] + self.blocked


def wanted_pages(workspace: Workspace, command: Command, dead: Collection[str]) -> Wanted:
    """The pages that a command has to read.

    A page is settled when its file is there, unless it is to be read again, its image was changed
    or, with engine gemini, the embedded engine read it and nobody corrected it. So is a corrected
    page without a file: that is made of the correction. Settled pages are left alone even where one
    before them is read again: what their context was is on record, and reading them too is a
    decision that costs money.
    """
    targets = {_normal(target) for target in command.targets}
    forced_files = {_normal(name) for name in command.forced}
    force_every_page = command.force_all or bool(PAGE_RULES & set(command.forced))
    rebuilds = workspace.ledger.runs.rebuilds()
    origins = workspace.ledger.files.origins()
    changed = changed_images(workspace.ledger, workspace.dataset.pages, origins)
    corrected = set(workspace.corrections.kept(workspace.dataset.pages))
    by_embedded = {key for key, origin in origins.items() if origin.engine == "embedded"}
    if (workspace.engine == "gemini" and by_embedded) or rebuilds.keys() & set(dead):
        # Here those decide too that become one when the run begins.
        corrected.update(workspace.corrections.corrected(list(workspace.dataset.pages)))
    files: dict[str, str] = {}
    for book in workspace.dataset.books:
        # Once a book: a path object for each page of a large library takes seconds.
        folder = _normal(workspace.page_file(book.pages[0]).parent)
        files |= {page.key: f"{folder}/{page.stem}.json" for page in book.pages}
    page_targets = targets & set(files.values())
    book_targets = {
        _normal(path): book.id
        for book in workspace.dataset.books
        for path in workspace.book_files(book)
    }
    exports_dir = Path(_normal(workspace.settings.paths.exports_dir))
    ids = set(book_targets.values())
    of_books = {target: _book_in(exports_dir, target, ids) for target in targets}
    book_targets |= {target: book_id for target, book_id in of_books.items() if book_id}
    books = {book_targets[target] for target in targets if target in book_targets}
    manifests = {
        os.path.normpath(workspace.images.manifest_file(book.id))
        for book in workspace.dataset.books
    }
    fetched = workspace.settings.paths.fetched_dir
    manifests |= {os.path.normpath(fetched / b.id / RECORD) for b in workspace.dataset.books}
    everything = not targets or not targets <= page_targets | set(book_targets) | manifests

    def is_forced(page: Page) -> bool:
        path = files[page.key]
        return (
            force_every_page
            or path in forced_files
            or (command.force_targets and path in page_targets)
        )

    def is_dead(page: Page) -> bool:
        return page.key in dead and not is_forced(page)

    def reason_to_read(page: Page) -> str | None:
        if not os.path.exists(files[page.key]):  # noqa: PTH110  (as above)
            # A corrected page is made of its correction.
            return None if page in corrected and not is_forced(page) else ""
        if is_forced(page):
            return "forced"
        if page.key in rebuilds:
            # It died since, and a person wrote it.
            is_written = page in corrected and page.key in dead
            return None if is_written else "forced by an earlier run"
        if page.key in changed:
            return FILE_CHANGED if page.leaf else IMAGE_CHANGED
        if workspace.engine == "gemini" and page.key in by_embedded and page not in corrected:
            return EMBEDDED_BEFORE
        return None

    found = Wanted([], set(), [], {})
    for book in workspace.dataset.books:
        for chain in workspace.dataset.chains(book):
            reasons = [reason_to_read(page) for page in chain]
            pending = [reason is not None for reason in reasons]
            # Nothing needs a page that will not come, and it needs nothing itself.
            lost = [workspace.continues_past_dead_letters and is_dead(page) for page in chain]
            wanted = [everything or book.id in books] * len(chain)
            for place in range(len(chain) - 1, -1, -1):
                # What a wanted page needs is the unsettled run of pages right before it.
                followed = place + 1 < len(chain) and wanted[place + 1] and pending[place + 1]
                followed = followed and not lost[place] and not lost[place + 1]
                wanted[place] |= files[chain[place].key] in page_targets or followed
            pages = [page for page, p, w in zip(chain, pending, wanted, strict=True) if p and w]
            found.forced.update(page.key for page in pages if is_forced(page))
            found.reasons.update(
                (page.key, reason)
                for page, reason, w in zip(chain, reasons, wanted, strict=True)
                if w and reason
            )
            _add_runs(
                found,
                pages,
                {page.key for page in pages if is_dead(page)},
                workspace.continues_past_dead_letters,
            )
    return found


def _add_runs(
    found: Wanted, pages: list[Page], dead: set[str], continues_past_dead_letters: bool
) -> None:
    """Cut pages into runs of consecutive numbers; a dead letter ends its run.

    What is behind it is blocked or, if `continues_past_dead_letters`, a run of its own.
    """
    run: list[str] = []
    last: int | None = None
    blocked = False
    for page in pages:
        if last is None or page.number != last + 1 or (blocked and continues_past_dead_letters):
            run, blocked = [], False
            found.chains.append(run)
        last = page.number
        blocked = blocked or page.key in dead
        (found.blocked if blocked else run).append(page.key)
    found.chains[:] = [chain for chain in found.chains if chain]


def _book_in(exports_dir: Path, target: str, ids: Collection[str]) -> str | None:
    """The book of a target such as `results/exports/text/Ohio/Elm/1850.txt`, of what is by book."""
    path = Path(target)
    if not path.is_relative_to(exports_dir):
        return None
    name = "/".join(path.relative_to(exports_dir).parts[1:])  # without the form
    ends = [at for at, sign in enumerate(name) if sign == "." and "/" not in name[at:]]
    # Names may hold dots: of a book and one that begins as it does, the longer is meant.
    return next((name[:end] for end in reversed(ends) if name[:end] in ids), None)


def _normal(name: str | Path) -> str:
    """A target as it would look if typed the shortest way."""
    return os.path.abspath(name)  # noqa: PTH100  (Path.absolute leaves `..` and `.` in it)
