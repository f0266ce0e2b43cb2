"""The pages that lie on the desk: which there are, the most doubtful first, and saving of changes.

A change is in the journal, on the disk, before anything else happens; then it becomes the page's
correction and its page file. The ledger is only looked at, so that a run may go on meanwhile.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from pagewave.command_line import script
from pagewave.commands.browser.review.changes import Ask, Changed, checked, entry_for
from pagewave.commands.browser.review.journal import Entry, Journal
from pagewave.commands.browser.review.opened import Opened
from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.ledger import Ledger
from pagewave.ledger.lock import one_at_a_time
from pagewave.page_model import PageModel
from pagewave.pages.corrections import Corrections
from pagewave.pages.dataset import Dataset, Page, scan
from pagewave.pages.json_files import json_text, problem_of
from pagewave.words.tree import Finding, PageTree, how_to_make
from pagewave.workspace import chosen_prompt

LOCK = "review.lock"
"""In the state folder: two reviews of a project save one after the other."""


class OnPile(NamedTuple):
    """A page of the pile: how doubtful it is, and how much of it a person must look at."""

    key: str
    doubt: float
    left: int
    findings: tuple[str, ...]


class Conflict(Exception):
    """The page is not what the browser saw; `entries` is what people did since, None: unknown."""

    def __init__(self, reason: str, opened: Opened, entries: Sequence[Entry] | None) -> None:
        super().__init__(reason)
        self.opened = opened
        self.entries = entries


class Desk:
    """Opens pages and saves what a person says of them. Safe for threads.

    Args:
        is_chosen: is the page with this key to be reviewed?
        by: who reviews.
        from_doubt: the doubt of a word from which a person must look at it.
    """

    def __init__(
        self, settings: Settings, is_chosen: Callable[[str], bool], by: str, from_doubt: float
    ) -> None:
        self.settings = settings
        self.by = by
        self.from_doubt = from_doubt
        self._is_chosen = is_chosen
        self._lock = threading.Lock()
        self._dataset: Dataset | None = None
        self._known: dict[str, tuple[object, OnPile]] = {}

    def dataset(self) -> Dataset:
        """What is to be read, as it was when review began."""
        with self._lock:
            self._dataset = self._dataset or scan(self.settings)
            return self._dataset

    def tree_file(self, page: Page) -> Path:
        """Where the words of a page stand."""
        return self.settings.paths.words_dir / f"{page.name}.json"

    def pile(self) -> list[OnPile]:
        """All chosen pages that have a tree: those with the most doubt first, and last those of
        which nothing is left to look at.

        Raises:
            DataError: none has.
        """
        model = chosen_prompt(self.settings).page_model
        chosen = [page for page in self.dataset().pages if self._is_chosen(page.key)]
        found = [entry for page in chosen if (entry := self._on_pile(page, model))]
        if not found:
            what = "none of the pages that were chosen" if chosen else "no page that was chosen"
            raise DataError(
                f"{self.settings.paths.words_dir}: {what} has words with places yet. "
                f"{how_to_make()}"
            )
        return sorted(found, key=lambda entry: (not entry.left, -entry.doubt))

    def _on_pile(self, page: Page, model: type[PageModel]) -> OnPile | None:
        journal = Journal.file_of(self.settings.paths.corrections_dir, page)
        touched = (journal, self._correction_file(page))
        stamps = tuple(map(_stamp, (self.tree_file(page), self._page_file(page), *touched)))
        if stamps[0] is None or stamps[1] is None:
            return None
        known = self._known.get(page.key)
        if known is None or known[0] != stamps:
            try:
                is_touched = any(stamps[2:])
                entry = self._touched(page, model) if is_touched else self._untouched(page)
            except DataError:  # who opens it is told
                return None
            known = self._known[page.key] = (stamps, entry)
        return known[1]

    def _touched(self, page: Page, model: type[PageModel]) -> OnPile:
        opened = self._opened(page, model)
        return _on_pile(page, opened.doubt, opened.left, opened.open_findings())

    def _untouched(self, page: Page) -> OnPile:
        """The same of a page that nobody did anything to: its tree says it alone, and sooner."""
        tree, _ = self._tree(page)
        left = sum(word.doubt >= self.from_doubt for word in tree.words()) + len(tree.findings)
        return _on_pile(page, tree.doubt, left, tree.findings)

    def open(self, key: str) -> Opened:
        """A page as it is now.

        Raises:
            DataError: there is no such page, tree or page file, or one of them can't be read.
        """
        page = self.dataset().page(key)
        if not self._is_chosen(page.key):
            raise DataError(f"{page.key} is not among the pages that were chosen.")
        opened = self._opened(page, chosen_prompt(self.settings).page_model)
        if opened.journal.unfinished:
            with self._saving() as corrections:
                return self._finished(opened.page, opened.model, corrections)
        return opened

    def save(self, ask: Ask) -> Opened:
        """Carry out what a browser asks for; what was saved already is not done twice.

        Raises:
            Conflict: the page is another one by now; nothing was saved.
            Refused: it can't be done.
            DataError: as `open`.
            PagewaveError: a file can't be written.
        """
        page = self.dataset().page(ask.key)
        model = chosen_prompt(self.settings).page_model
        with self._saving() as corrections:
            opened = self._finished(page, model, corrections)
            if opened.journal.find(ask.id):
                return opened
            if ask.base != opened.base:
                raise _conflict("The page was changed meanwhile.", opened, ask)
            try:
                entry = entry_for(opened, ask, self.by)
                value = checked(opened, entry) if entry.change else None
            except Changed as error:
                raise _conflict(str(error), opened, ask) from None
            opened.journal.add(entry)
            if entry.change:
                self._put(opened, entry, value, corrections)
            return self._opened(page, model)

    @contextmanager
    def _saving(self) -> Iterator[Corrections]:
        """While it lasts nobody else saves, in this process or in another."""
        paths = self.settings.paths
        with one_at_a_time(paths.state_dir / LOCK):
            ledger = Ledger.peek(paths.ledger)
            try:
                yield Corrections(paths, ledger)
            finally:
                ledger.close()

    def _finished(self, page: Page, model: type[PageModel], corrections: Corrections) -> Opened:
        """A page, once a change is made that a crash came before."""
        opened = self._opened(page, model)
        entry = opened.journal.unfinished
        if entry is None:
            return opened
        if entry.before == opened.sha256:
            self._put(opened, entry, checked(opened, entry), corrections)
        else:
            opened.journal.finish(entry, opened.sha256)
        return self._opened(page, model)

    def _put(self, opened: Opened, entry: Entry, value: Any, corrections: Corrections) -> None:
        corrections.put(opened.page, value, entry.by)
        content = self._page_file(opened.page).read_bytes()
        opened.journal.finish(entry, hashlib.sha256(content).hexdigest())

    def _opened(self, page: Page, model: type[PageModel]) -> Opened:
        paths = self.settings.paths
        try:
            content = self._page_file(page).read_bytes()
        except OSError as error:
            raise DataError(
                f"{self._page_file(page)}: there is nothing to review ({error.strerror}). "
                f"A run reads the page, or writes its file again: {script('run')}"
            ) from None
        try:
            value = json.loads(json_text(content))
        except ValueError as error:
            raise DataError(
                f"{self._page_file(page)}, {error}. Put it in order there; it stays as it is."
            ) from None
        tree, tree_sha256 = self._tree(page)
        return Opened(
            page=page,
            content=content,
            value=value,
            tree=tree,
            tree_sha256=tree_sha256,
            model=model,
            journal=Journal(paths.corrections_dir, page),
            is_corrected=self._correction_file(page).exists(),
            from_doubt=self.from_doubt,
        )

    def _tree(self, page: Page) -> tuple[PageTree, str]:
        """A page's tree, and its file's hash; raises DataError."""
        file = self.tree_file(page)
        try:
            written = file.read_bytes()
            return PageTree.model_validate_json(written), hashlib.sha256(written).hexdigest()
        except (OSError, ValidationError) as error:
            problem = error.strerror if isinstance(error, OSError) else problem_of(error)
            raise DataError(
                f"{file}: the places of the page's words can't be read ({problem}). {how_to_make()}"
            ) from None

    def _page_file(self, page: Page) -> Path:
        return self.settings.paths.output_dir / f"{page.name}.json"

    def _correction_file(self, page: Page) -> Path:
        return self.settings.paths.corrections_dir / f"{page.name}.json"


def _on_pile(page: Page, doubt: float, left: int, findings: Iterable[Finding]) -> OnPile:
    kinds = tuple(dict.fromkeys(str(each.kind) for each in findings))
    return OnPile(page.key, round(doubt, 4), left, kinds)


def _conflict(reason: str, opened: Opened, ask: Ask) -> Conflict:
    return Conflict(reason, opened, opened.journal.since(ask.base.partition("-")[0]))


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
