"""What the rules do: each method is one job of the run that `Run` begins and ends."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from pagewave import crash_points as crash
from pagewave.atomic import write_atomically
from pagewave.errors import (
    DeadLetter,
    LedgerError,
    OnItsWay,
    PagewaveError,
    RunStopped,
)
from pagewave.exports.book import write_book
from pagewave.exports.exports import Exports
from pagewave.exports.facts import facts_of, write_facts
from pagewave.exports.site.site import Site
from pagewave.gemini.retries import Stopped
from pagewave.gemini.session import Session
from pagewave.ledger import WrittenFile
from pagewave.log import log
from pagewave.pages.dataset import Page
from pagewave.pages.json_files import is_as_noted, written_file
from pagewave.pages.prepare import prepare_book
from pagewave.redaction import hide_keys
from pagewave.remote.fetch import by_address, fetch_book
from pagewave.waves.ahead import Ahead
from pagewave.waves.chooser import Chooser
from pagewave.waves.wave import Begun, run_wave
from pagewave.words.book import BookWords
from pagewave.workflow.cluster.apart import Apart, of_name
from pagewave.workflow.cluster.images import take_over
from pagewave.workflow.cluster.parcels import EXPORTS, IMAGES, WORDS
from pagewave.workflow.corrections import (
    book_file_name,
    copies_of_edited,
    take_in_book,
    take_in_page,
    tell_of_copies,
)
from pagewave.workflow.inputs import Plan
from pagewave.workflow.messages import dead_letter


class Jobs(ABC):
    """The jobs of a run, called from all of its threads."""

    session: Session
    chooser: Chooser
    plan: Plan
    exports: Exports
    site: Site
    words: BookWords
    ahead: Ahead[Begun] | None
    """What is sent of waves whose jobs have not begun; None in the process of a single job."""
    left_open: dict[str, str]
    """Manifests of waves that go on in a later run, and what was said of each."""
    _trouble: LedgerError | None
    """Why the ledger can't be written any more, if it can't."""
    _written: dict[str, tuple[WrittenFile, int]]
    """Page files that this process wrote, by key, and the attempts in them."""

    @abstractmethod
    def ensure_begun(self) -> None:
        """Begin the run, if that was not done yet."""

    def fetch_scans(self, book_id: str, brought: Iterable[str]) -> None:
        """Fetch the scans of a book that lie elsewhere; `brought`: files of storage plugins."""
        self.ensure_begun()
        objects = by_address(self.plan.objects_to_fetch(book_id), brought)
        book, settings = self.session.dataset.book(book_id), self.session.settings.fetch
        with self._noting_trouble():
            fetch_book(book, settings, objects, self.session.stop)

    def prepare_book(self, book_id: str) -> None:
        """Make the images of a book, or take over what a job elsewhere made."""
        self.ensure_begun()
        book = self.session.dataset.book(book_id)
        with self._noting_trouble():
            if report := self.plan.remote_jobs and self.plan.remote_jobs.report(book):
                take_over(self.session.images, book, report)
            else:
                prepare_book(self.session.images, book, self.session.stop)

    # Jobs on machines that share no disk with this one

    @cached_property
    def apart(self) -> Apart | None:
        """What they are given and give back; None where there are none."""
        jobs, folder = self.plan.remote_jobs, self.plan.runs_folder / self.plan.id
        if not (self.plan.is_apart and jobs):
            return None
        return Apart(self.session, folder, jobs, self.exports, self.words)

    def pack_parcel(self, kind: str, name: str, parcel: str) -> None:
        """Pack what a job needs that is called so."""
        self.ensure_begun()
        with self._noting_trouble():
            self._the_apart().pack(kind, of_name(name), Path(parcel))

    def make_images(self, number: int, report: str, made: str) -> None:
        """Take over images, and the report on them, that a job made; its books' jobs read it."""
        with self._noting_trouble():
            self._the_apart().put_in_place(IMAGES, [str(number)], Path(made))

    def _the_apart(self) -> Apart:
        if self.apart is None:
            raise PagewaveError("No job of this run goes to a machine that shares no disk with it.")
        return self.apart

    # The jobs

    def read_wave(self, lane: int, wave: int, manifest: str) -> None:
        """Carry out one wave."""
        with self._while_ledger_works():
            run_id, schedule, path = self.plan.id, self.plan.schedule, Path(manifest)
            try:
                run_wave(
                    self.session,
                    self.chooser,
                    *(run_id, lane, wave, schedule, path),
                    write=self._write_answers,
                    ahead=self.ahead,
                )
            except Stopped:
                left = "What was sent stays at the service; the same command collects it."
                if self.plan.is_by_calls:
                    left = "The same command goes on."
                error = RunStopped(f"lane {lane} wave {wave}: stopped. {left}")
                self.left_open[manifest] = str(error)
                raise error from None
            except OnItsWay as error:
                self.left_open[manifest] = str(error)
                raise

    def write_page(self, page: Page) -> None:
        """Write a page's answer from the ledger to its file.

        Raises:
            PagewaveError: the page is a dead letter.
        """
        ledger = self.session.ledger
        with self._while_ledger_works():
            attempt_id = ledger.runs.answer(self.plan.id, page.key)
            if attempt_id is None and page.key not in self.session.dead_letters():
                # Snakemake may want a settled page again, as for an edited rule, or because a crash
                # came between the page and Snakemake's own note of it: nothing is read.
                attempt_id = ledger.runs.latest_answer(page.key) or ledger.files.answer(page.key)
            if attempt_id is not None and self._stands(page.key, attempt_id):
                return
            take_in_page(self.session, page)
            corrections = self.session.corrections
            # A corrected page that nobody wants read is made of its correction, if need be alone.
            is_corrected = page.key not in self.plan.schedule and corrections.file(page).exists()
            if attempt_id is None and not is_corrected:
                error = DeadLetter if page.key in self.session.dead_letters() else PagewaveError
                raise error(self._why_unread(page))
            self._write_file(page, attempt_id)

    def write_pages(self, pages: Sequence[Page]) -> list[bool]:
        """Do what `write_page` does for pages whose answers this run found, with one transaction.

        Says of each page whether it was done; what is anything else is left to its own job.
        """
        with self._while_ledger_works():
            run_id, runs = self.plan.id, self.session.ledger.runs
            answers = {page.key: runs.answer(run_id, page.key) for page in pages}
            done = self._write_answers({key: answer for key, answer in answers.items() if answer})
        return [page.key in done for page in pages]

    def _write_answers(self, answers: Mapping[str, int]) -> set[str]:
        """Write the files of pages from these attempts, with one transaction; says of which it did.

        A wave does so before it ends, as the page behind is asked with what it says, and each
        page's job once more: what still holds what the wave wrote is left as it is. What does not
        go, as a person's file is in the way, is left to the page's own job, which says so.
        """
        written = dict[str, tuple[WrittenFile, int]]()
        standing = {key for key, attempt_id in answers.items() if self._stands(key, attempt_id)}
        for key in answers.keys() - standing:
            page = self.session.dataset.page(key)
            try:
                take_in_page(self.session, page)
                written[key] = self._put_down(page, answers[key]), answers[key]
            except LedgerError:
                raise
            except PagewaveError:
                continue
        if written:
            self._mark(written)
            self._written |= written
        return standing | written.keys()

    def _stands(self, key: str, attempt_id: int) -> bool:
        """Is a page's file as this process wrote it from this very attempt?"""
        file, of = self._written.get(key, (None, None))
        if file is None or of != attempt_id:
            return False
        try:
            return is_as_noted(self.session.page_file(self.session.dataset.page(key)), file)
        except OSError:
            return False

    def _write_file(self, page: Page, attempt_id: int | None) -> None:
        """Write what was read, with what a person corrected of it."""
        self._mark({page.key: (self._put_down(page, attempt_id), attempt_id)})

    def _put_down(self, page: Page, attempt_id: int | None) -> WrittenFile:
        """The file alone; the ledger doesn't know yet."""
        answer = self.session.page_text(attempt_id) if attempt_id else ""
        path = self.session.page_file(page)
        content = self.session.corrections.content_for(page, answer)
        write_atomically(path, content)
        crash.point("page-written")
        return written_file(path, content)

    def _mark(self, written: Mapping[str, tuple[WrittenFile, int | None]]) -> None:
        """Tell the ledger of files that were written, by key, and of the attempts in them."""
        ledger = self.session.ledger
        with ledger.transaction():
            ledger.page_files.note({key: file for key, (file, _) in written.items()})
            for key, (_, attempt_id) in written.items():
                if attempt_id:
                    ledger.files.mark_written(key, attempt_id)
        crash.point("page-marked")

    def write_book(self, book_id: str) -> None:
        """Write a book's files from its pages."""
        with self._while_ledger_works():
            book = self.session.dataset.book(book_id)
            take_in_book(self.session, book)
            copies = copies_of_edited(self.session, book)
            try:
                write_book(self.session, book, facts_of(self.session, book))
                crash.point("book-written")
            finally:
                tell_of_copies(copies)
            self.session.ledger.page_files.note(
                {
                    book_file_name(book, path): written_file(path, path.read_bytes())
                    for path in self.session.book_files(book)
                }
            )

    def write_facts(self, book_id: str, file: str) -> None:
        """Hand over what the ledger knows of a book's pages to the job that writes its files."""
        with self._while_ledger_works():
            book = self.session.dataset.book(book_id)
            take_in_book(self.session, book)
            for path, copy in copies_of_edited(self.session, book).items():
                log.warning("%s was changed by hand, and is made anew; kept as %s", path, copy)
            names = [book_file_name(book, path) for path in self.session.book_files(book)]
            self.session.ledger.page_files.forget(names)
            write_facts(Path(file), facts_of(self.session, book))

    def write_export(self, form: str, book_id: str | None, made: str = "") -> None:
        """Write an export, of all books or of one; it needs neither ledger nor service.

        So where nothing else is to be done no run is begun for it. `made`: by a job elsewhere.
        """
        with self._noting_trouble():
            if made:
                self._the_apart().put_in_place(
                    EXPORTS, [form, *filter(None, [book_id])], Path(made)
                )
            else:
                self.exports.write(form, book_id)

    def write_site(self, book_id: str | None = None) -> None:
        """Write a book of the reading room, or its shelf; needs as little as an export does."""
        with self._noting_trouble():
            self.site.write_book(book_id) if book_id else self.site.write()

    def write_words(self, book_id: str, threads: int, made: str = "") -> None:
        """Write where the words of a book stand; needs as little as an export does."""
        with self._noting_trouble():
            if made:
                self._the_apart().put_in_place(WORDS, [book_id], Path(made))
            else:
                self.words.write_book(book_id, threads)

    @contextmanager
    def _while_ledger_works(self) -> Iterator[None]:
        """No further job is begun, and no wave waits on, once the ledger can't be written.

        A job that fails is noted: then the run has failed, whatever else is on its way.
        """
        self.ensure_begun()
        if self._trouble:
            raise LedgerError("Not begun, because the ledger can't be written any more.")
        try:
            with self._noting_trouble():
                yield
        except LedgerError as error:
            self._trouble = self._trouble or error
            self.session.stop.set()
            raise

    @contextmanager
    def _noting_trouble(self) -> Iterator[None]:
        """Why a job fails is written down: the run ends with its exit code."""
        try:
            yield
        except (DeadLetter, OnItsWay, RunStopped, Stopped):
            raise
        except Exception as error:
            code = error.exit_code if isinstance(error, PagewaveError) else PagewaveError.exit_code
            with contextlib.suppress(LedgerError):  # the end of the run meets it again
                self.session.ledger.runs.note_trouble(self.plan.id, code, hide_keys(str(error)))
            raise

    def _why_unread(self, page: Page) -> str:
        if self.session.why_dead(page.key) is None:
            return f"{page.key}: no wave of this run read this page. Run the same command again."
        return dead_letter(self.session, page.key)
