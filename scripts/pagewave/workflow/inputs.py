"""What a run will read, and what each of its jobs needs: what the Snakefile asks.

A function of the data set, the ledger and the command; it changes as waves end. A dry run makes it
and no more.
"""

import itertools
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path

from pagewave.errors import exit_on_error
from pagewave.exports.site.site import Site
from pagewave.ledger import BY_BATCH
from pagewave.ledger.belonging import refuse_foreign
from pagewave.pages.dataset import Book, Page
from pagewave.pages.prepare import manifests_to_make, refuse_broken, scans_to_prepare
from pagewave.pages.remote_scans import RECORD, is_in_bucket
from pagewave.plan.boxes import pages_ahead
from pagewave.plan.forecast import Forecast
from pagewave.plan.pictures import doubtful_pictures
from pagewave.plan.schedule import Schedule, plan
from pagewave.plan.settled import files_lost
from pagewave.plan.targets import Command, Wanted, wanted_pages
from pagewave.remote.fetch import awaited, notices_of_fetching, require_plugins
from pagewave.words.book import BookWords
from pagewave.workflow.cluster.head import RemoteJobs
from pagewave.workflow.cluster.orphans import end_orphans
from pagewave.workflow.corrections import files_behind, refuse_unreadable
from pagewave.workflow.corrections import notices as notices_of_corrections
from pagewave.workflow.messages import notices
from pagewave.workflow.outside import Outside
from pagewave.workspace import REQUESTS, Workspace

NOT_STARTED = "next"
"""Stands for the run's name where there is none yet, in a dry run."""


class Plan:
    """The plan of a run; shared by all threads of the process.

    `head_id` is the run's name in the process of one of its jobs, which goes by what the head put
    into the ledger. `command`, `is_dry` and `sends_jobs_away` are known only once Snakemake has
    read the whole workflow; `make_again` has it make files that are there. `is_apart`: jobs on
    other machines share no disk with this one.
    """

    def __init__(
        self,
        workspace: Workspace,
        head_id: str | None,
        command: Callable[[], Command],
        is_dry: Callable[[], bool],
        make_again: Callable[[Collection[str]], None],
        sends_jobs_away: Callable[[], bool],
        outdated_exports: Callable[[], set[str]],
        site: Site,
        words: BookWords,
        books_outside: Callable[[Workspace, Wanted], Outside],
        is_apart: bool = False,
    ) -> None:
        self.workspace = workspace
        self.is_apart = is_apart
        self.command = command
        self._head_id = head_id
        self._is_dry = is_dry
        self._make_again = make_again
        self._sends_jobs_away = sends_jobs_away
        self._outdated_exports = outdated_exports
        self._site = site
        self._words = words
        self._books_outside = books_outside

    # What is read

    @cached_property
    def id(self) -> str:
        """The run's name: when it started, in UTC; numbered if one of this second is known."""
        if self._head_id:
            return self._head_id
        if self._is_dry():
            return NOT_STARTED
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        names = itertools.chain([now], (f"{now}-{number}" for number in itertools.count(2)))
        return next(name for name in names if not self.workspace.ledger.runs.exists(name))

    @cached_property
    def wanted(self) -> Wanted:
        """What the command asks for; known only once Snakemake has read its targets."""
        if not self._is_dry() and not self._head_id:
            # Before anything looks which files are there.
            exit_on_error(
                lambda: end_orphans(self.runs_folder, self.workspace.settings.paths.state_dir)
            )
        return exit_on_error(
            lambda: wanted_pages(self.workspace, self.command(), self.workspace.dead_letters())
        )

    @cached_property
    def schedule(self) -> Schedule:
        """The waves of this run."""
        if self._head_id:
            pages = self.workspace.ledger.runs.pages(self._head_id)
        else:
            # Here, not in `begin`: a dry run does it too. Snakemake would dress the error up.
            workspace = self.workspace
            exit_on_error(self.refuse_foreign)
            exit_on_error(
                lambda: refuse_broken(workspace.images, workspace.dataset, self._wanted_pages)
            )
            found = exit_on_error(lambda: workspace.corrections.look(list(workspace.dataset.pages)))
            exit_on_error(lambda: refuse_unreadable(workspace, found, self.wanted))
            said = notices(self.workspace, self.wanted, with_not_read=not self._is_dry())
            said += exit_on_error(lambda: notices_of_corrections(workspace, found, self.wanted))
            said += notices_of_fetching(self.workspace, self.books_to_fetch)
            said += doubtful_pictures(workspace, self._wanted_pages, sample=self._is_dry())
            for notice in said:
                print(f"pagewave: {notice}", file=sys.stderr)
            again = self._files_behind(self.wanted.keys) | self.manifests_to_make
            again |= files_behind(workspace, found) | self._outdated_exports()
            again |= self.fetches_to_make
            again |= self._site.outdated() | self._words.outdated() | files_lost(workspace)
            self._make_again(again)
            in_flight = (
                {}
                if workspace.settings.execution.wait
                else workspace.ledger.batches.in_flight(workspace.engine)
            )
            lane_size = self.workspace.settings.execution.batch_size_limit
            pages = plan(self.wanted.chains, lane_size, in_flight)
        workspace, began = self.workspace, None
        if self._head_id:
            began = workspace.ledger.runs.started_at(self._head_id)
        return Schedule(
            workspace.ledger,
            self.id,
            pages,
            workspace.continues_past_dead_letters,
            pages_ahead(workspace.ledger, workspace.settings, began),
        )

    @cached_property
    def outside(self) -> Outside:
        """The books that stay outside of the DAG, as nothing of them is to be done."""
        if self._head_id:
            return Outside()
        _ = self.schedule  # here at the latest it is settled which files are made again
        return exit_on_error(lambda: self._books_outside(self.workspace, self.wanted))

    def refuse_foreign(self) -> None:
        """Make sure that the output folder is this ledger's; raises LedgerError."""
        paths = self.workspace.settings.paths
        refuse_foreign(
            self.workspace.ledger,
            paths.output_dir,
            paths.state_dir / REQUESTS,
            paths.tree,
        )

    @property
    def is_job(self) -> bool:
        """Is this the process of one job, and the run another's?"""
        return self._head_id is not None

    @property
    def is_made(self) -> bool:
        """Did Snakemake ask for pages, so that it is known what the command wants?"""
        return not self.is_job and "schedule" in self.__dict__

    @cached_property
    def forecast(self) -> Forecast:
        """Tokens and price of waves to come."""
        forced = set() if self._head_id else self.wanted.forced
        return Forecast(self.workspace, self.schedule, forced)

    # What each job needs

    def page(self, book_id: str, stem: str) -> Page:
        """The page that a job's wildcards name."""
        return self._pages[book_id, stem]

    @cached_property
    def _pages(self) -> dict[tuple[str, str], Page]:
        return {(page.book_id, page.stem): page for page in self.workspace.dataset.pages}

    def page_file(self, page: Page) -> str:
        """Path of a page's answer."""
        return str(self.workspace.page_file(page))

    def _files_behind(self, keys: Iterable[str]) -> set[str]:
        """The files of pages and of their books; those that exist, Snakemake would not miss."""
        pages = [self.workspace.dataset.page(key) for key in keys]
        books = [
            self.workspace.dataset.book(book_id) for book_id in {page.book_id for page in pages}
        ]
        return {self.page_file(page) for page in pages} | {
            str(file) for book in books for file in self.workspace.book_files(book)
        }

    def books_of_all(self) -> Sequence[Book]:
        """The books that the default target names; one at least, as it would run without any."""
        books = self.workspace.dataset.books
        if self.outside.are_named:
            return books
        return [book for book in books if book.id not in self.outside.books] or books[:1]

    def pages_of_book(self, book_id: str) -> list[str]:
        """The answers that a book is put together from.

        Where dead letters do not block, it waits for the last wave of each chain too: Snakemake
        asks again what a job needs only when a wave that it waits for has ended.
        """
        book = exit_on_error(lambda: self.workspace.dataset.book(book_id))  # somebody typed it
        if book.id in self.outside.books:
            return []
        files = [self.page_file(page) for page in book.pages if not self.workspace.is_missing(page)]
        if self.workspace.continues_past_dead_letters:
            read = [page.key for page in book.pages if page.key in self.schedule]
            for key in sorted({self.schedule.last_of_chain(key) for key in read}):
                files.append(self.wave_file(self.schedule.lane_of(key), self.schedule.wave_of(key)))
        return files

    def needs_of_exports(self) -> list[str]:
        """What exports of all books are made of: the books, but for those that can't be finished.

        Such a book has a dead letter. Which pages died is known when waves have ended, so exports
        wait for the last one of each lane: then Snakemake asks again.
        """
        return self._needs_of_all(lambda book: [self.book_file(book.id)])

    def needs_of_site(self) -> list[str]:
        """What the shelf of the reading room is made of: its books, as exports are of books."""
        return self._needs_of_all(lambda book: [self._site.book_file(book.id)])

    def needs_of_words(self) -> list[str]:
        """The words of all books, for whoever asks for them alone."""
        return self._needs_of_all(lambda book: [self._words.book_file(book.id)])

    def _needs_of_all(self, files_of: Callable[[Book], list[str]]) -> list[str]:
        if not self._head_id:
            _ = self.schedule
        books, waves = self.workspace.dataset.books, dict[int, int]()
        lost = set() if self.workspace.continues_past_dead_letters else self._books_lost()
        for chain in self.schedule.chains:
            lane, last = self.schedule.lane_of(chain[-1]), self.schedule.wave_of(chain[-1])
            waves[lane] = max(last, waves.get(lane, 0))
        files = [file for book in books if book.id not in lost for file in files_of(book)]
        return files + [self.wave_file(lane, wave) for lane, wave in waves.items()]

    def _books_lost(self) -> set[str]:
        """Books that this run can't finish, as one of their pages is a dead letter."""
        dead = self.workspace.dead_letters()
        pages = (page for page in self.workspace.dataset.pages if page.key in dead) if dead else ()
        return {page.book_id for page in pages if not self.is_settled(page)}

    def book_file(self, book_id: str) -> str:
        """Path of a book's file that exports are made of."""
        return str(self.workspace.book_files(self.workspace.dataset.book(book_id))[0])

    def words_to_export(self, book_id: str) -> list[str]:
        """What forms are made of that say where words stand: the book's file and its trees."""
        return [self.book_file(book_id), self._words.book_file(book_id)]

    def pages_that_may_die(self) -> list[str]:
        """Pages that the default target names beside the books.

        A book that does without a dead letter does not ask for it; its job has to fail all the
        same, so that the run does.
        """
        keys = self.wanted.keys if self.workspace.continues_past_dead_letters else []
        return [self.page_file(self.workspace.dataset.page(key)) for key in keys]

    def previous_file(self, page: Page) -> str | None:
        """The answer that this page's prompt draws on."""
        before = self.workspace.dataset.previous(page)
        return self.page_file(before) if before and not self.workspace.is_missing(before) else None

    def previous_needed(self, page: Page) -> str | None:
        """The same where the page waits for it. A settled page stays so when the one before it is
        written again. (`ancient` would not do: it does not count while that file is missing.)"""
        return None if self.is_settled(page) else self.previous_file(page)

    def needs_of_page(self, page: Page) -> list[str]:
        """All that a page's job waits for."""
        return [file for file in (self.previous_needed(page), self.wave_of(page)) if file]

    def is_settled(self, page: Page) -> bool:
        """Is the page's answer there, and not to be read again by this run?"""
        if page.key in self.schedule or page.key in self._blocked:
            return False
        corrections = self.workspace.corrections
        return corrections.page_file(page).exists() or corrections.file(page).exists()

    def why_again(self, page: Page) -> str:
        """Why a page that has an answer is read again, in brackets; else nothing."""
        reason = None if self._head_id else self.wanted.reasons.get(page.key)
        return f" ({reason})" if reason else ""

    @cached_property
    def _blocked(self) -> set[str]:
        return set() if self._head_id else set(self.wanted.blocked)

    def wave_file(self, lane: int, wave: int) -> str:
        """Path of a wave's manifest."""
        return str(self.runs_folder / self.id / f"lane{lane}-wave{wave}.json")

    @property
    def runs_folder(self) -> Path:
        """Where the manifests of all runs are."""
        return self.workspace.settings.paths.logs_dir / "waves"

    def wave_of(self, page: Page) -> str | None:
        """The manifest that the page waits for; None where no wave of this run carries it."""
        if page.key not in self.schedule:
            return None
        return self.wave_file(self.schedule.lane_of(page.key), self.schedule.wave_of(page.key))

    def waits_for(self, lane: int, wave: int) -> list[str]:
        """What a wave needs before it may start: the wave before, which has written its pages, and
        the images of its members that are to be made.

        It waits for no page: then what it needs stays the same as long as all goes as predicted,
        and Snakemake has nothing to work out anew (`wave_end`).
        """
        before = [self.wave_file(lane, wave - 1)] if wave > 1 else []
        if not self.manifests_to_make:
            return before
        members = self.schedule.members(lane, wave)
        books = {self.workspace.dataset.page(key).book_id for key in members}
        manifests = {str(self.workspace.images.manifest_file(book_id)) for book_id in books}
        return [*before, *sorted(manifests & self.manifests_to_make)]

    @property
    def is_by_calls(self) -> bool:
        """May pages travel in single calls, so that a wave carries several of each chain?"""
        return self.workspace.settings.execution.transport != BY_BATCH

    def batches_of_wave(self) -> int:
        """How many of the batches that may be in flight at once a wave takes; calls take none.

        Nor does a wave whose road is not known yet: one by batch is counted when it is sent.
        """
        return 0 if self.is_by_calls else 1

    @cached_property
    def manifests_to_make(self) -> set[str]:
        """Manifests of the books of which this run needs images that are not there."""
        if self._head_id:
            return set()  # the head had them made before it started this job
        return manifests_to_make(self.workspace.images, self._wanted_pages)

    @cached_property
    def books_to_fetch(self) -> list[Book]:
        """Books of which this run needs scans that lie elsewhere, and are not fetched yet."""
        if self._head_id:
            return []
        dataset = self.workspace.dataset
        wanted = {page.book_id for page in self._wanted_pages if page.is_awaited}
        return [book for book in dataset.books if book.id in wanted]

    @cached_property
    def fetches_to_make(self) -> set[str]:
        """The records of what is fetched of these books."""
        return {self._fetch_record(book.id) for book in self.books_to_fetch}

    def _fetch_record(self, book_id: str) -> str:
        return str(self.workspace.settings.paths.fetched_dir / book_id / RECORD)

    def objects_to_fetch(self, book_id: str) -> list[str]:
        """Addresses of a book's scans that a storage plugin brings; the others a job asks for."""
        urls = awaited(self.workspace.dataset.book(book_id).pages).values()
        objects = sorted({url for url in urls if is_in_bucket(url)})
        exit_on_error(lambda: require_plugins(objects))
        return objects

    @property
    def _wanted_pages(self) -> list[Page]:
        return [self.workspace.dataset.page(key) for chain in self.wanted.chains for key in chain]

    def needs_of_preparation(self, book_id: str) -> list[str]:
        """The scans of which a book's images are made, and what a job elsewhere made of them."""
        book = self.workspace.dataset.book(book_id)
        report = self.remote_jobs and self.remote_jobs.report(book)
        # Snakemake would dress the error up.
        scans = exit_on_error(lambda: scans_to_prepare(self.workspace.images, book))
        scans += {self._fetch_record(book_id)} & self.fetches_to_make
        return [*scans, str(report)] if report else scans

    def waves_of_book(self, book_id: str) -> int:
        """How many waves wait for a book's images: those of its longest lane."""
        pages = self.workspace.dataset.book(book_id).pages
        lanes = {self.schedule.lane_of(p.key) for p in pages if p.key in self.schedule}
        return max((self.schedule.waves_left(lane, 1) for lane in lanes), default=0)

    # Jobs on other machines

    @cached_property
    def remote_jobs(self) -> RemoteJobs | None:
        """What is sent to other machines, if anything is."""
        if not self._sends_jobs_away():
            return None
        books = [
            book
            for book in self.workspace.dataset.books
            if str(self.workspace.images.manifest_file(book.id)) in self.manifests_to_make
        ]
        books.sort(key=lambda book: -self.waves_of_book(book.id))
        return RemoteJobs(self.workspace, self.runs_folder / self.id, books)

    def needs_of_images(self, number: int) -> list[str]:
        """The scans of which a job elsewhere makes images."""
        jobs = self.remote_jobs
        if not jobs:
            return []
        fetched = {self._fetch_record(book.id) for book in jobs.books(number)}
        return [*exit_on_error(lambda: jobs.scans(number)), *(fetched & self.fetches_to_make)]

    def waves_of_images(self, number: int) -> int:
        """How many waves wait for the images that a job elsewhere makes."""
        books = self.remote_jobs.books(number) if self.remote_jobs else []
        return max((self.waves_of_book(book.id) for book in books), default=0)

    def needs_of_book(self, book_id: str) -> list[str]:
        """What a book is put together from; elsewhere, what the ledger knows comes in a file."""
        is_outside = book_id in self.outside.books
        return [*self.pages_of_book(book_id), *([] if is_outside else self.facts_of_book(book_id))]

    def facts_of_book(self, book_id: str) -> list[str]:
        """The file with what the ledger knows, where books are put together elsewhere."""
        jobs = None if self.is_apart else self.remote_jobs
        return [str(jobs.facts(self.workspace.dataset.book(book_id)))] if jobs else []
