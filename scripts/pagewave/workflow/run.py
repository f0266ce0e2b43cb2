"""One run of the workflow: its beginning and its end. What its rules do is in jobs.py.

While Snakemake only looks (dry run, lint, report) nothing is written and nothing is started. A run
begins in `begin`, just before Snakemake's first job, or else with the first job that needs it: no
job does anything before, and nothing can be sent (`ledger.runs.begun`).
"""

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import IO

from pagewave import crash_points as crash
from pagewave.config.keys import Secrets, forget_keys
from pagewave.config.settings import Settings
from pagewave.embedded.process import EmbeddedServer
from pagewave.errors import (
    BudgetReached,
    LedgerError,
    OnItsWay,
    PagewaveError,
    RunStopped,
    failure,
    is_worse,
)
from pagewave.exports.exporter import Exporter
from pagewave.exports.exports import Exports
from pagewave.exports.site.site import Site
from pagewave.exports.summary import summary_files
from pagewave.gemini.connect import use_service
from pagewave.gemini.retries import Stopped
from pagewave.gemini.session import Session
from pagewave.ledger import DOUBT_SECONDS, Ledger, RunOutcome, Trouble, refuse_network
from pagewave.ledger.belonging import command_to_rebuild, mark_folder
from pagewave.ledger.lock import holder, take_lock
from pagewave.ledger.private import keep_private
from pagewave.log import emit, log_to_terminal, start_run_log, stop_run_log
from pagewave.pages.dataset import Dataset
from pagewave.plan.budget import check_prices
from pagewave.plan.targets import Command, Wanted
from pagewave.prompts.registry import Prompt
from pagewave.redaction import hide_keys
from pagewave.tracking.background import BackgroundDelivery, start_delivery
from pagewave.tracking.service import why_off
from pagewave.tracking.webhook import Notifier, start_notifying
from pagewave.waves.admission import left_for_next_run
from pagewave.waves.ahead import Ahead
from pagewave.waves.chooser import Chooser
from pagewave.waves.lost_ledger import refuse_lost
from pagewave.waves.recover import clear_up, recover
from pagewave.wording import count
from pagewave.words.book import BookWords
from pagewave.workflow.corrections import keep_before_deleting, take_in
from pagewave.workflow.inputs import Plan
from pagewave.workflow.jobs import Jobs
from pagewave.workflow.messages import WHEN_OVER_BUDGET, ending, lost_answers, spending_lines
from pagewave.workflow.outside import Outside
from pagewave.workflow.signals import SignalHandler
from pagewave.workspace import Workspace

RUN_VARIABLE = "PAGEWAVE_RUN"
"""What a head leaves in the environment for jobs that are processes of their own."""


class Run(Jobs):
    """A run, or the look at one; shared by all threads of the process.

    `is_part`: this process is that of a single job, whose head has begun the run. `is_apart`: jobs
    on other machines share no disk with this one.
    """

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        dataset: Dataset,
        prompt: Prompt,
        command: Callable[[], Command],
        is_dry: Callable[[], bool],
        make_again: Callable[[Collection[str]], None],
        sends_jobs_away: Callable[[], bool] = lambda: False,
        books_outside: Callable[[Workspace, Wanted], Outside] = lambda *_: Outside(),
        *,
        is_part: bool = False,
        is_apart: bool = False,
        exporters: Sequence[Exporter] = (),
    ) -> None:
        self.settings = settings
        self.dataset = dataset
        self._secrets = secrets
        self._lock_file: IO[str] | None = None
        self._server: EmbeddedServer | None = None
        self._delivery: BackgroundDelivery | None = None
        self._notifier: Notifier | None = None
        self._head_id = os.environ.get(RUN_VARIABLE)
        self._is_part = is_part
        self._beginning = threading.Lock()
        self._started = False
        self._not_begun: PagewaveError | None = None
        self._ended = False
        self._trouble: LedgerError | None = None
        self._written = {}
        ledger = self._open_ledger()
        ledger.answers.keeps_log_rows = settings.tracking.keep_rows or why_off(secrets) is None
        waits = settings.execution.wait
        self.session = Session(settings, dataset, ledger, prompt, waits=waits)
        self.chooser = Chooser(self.session)
        self.ahead = None if self._head_id or is_part else Ahead(self.session)
        self.exports = Exports(
            settings.paths, dataset, prompt.page_model, exporters, settings.citation
        )
        self.site = Site(settings, dataset, prompt.page_model)
        self.words = BookWords(settings, dataset, prompt.page_model)
        self.plan = Plan(
            self.session,
            self._head_id,
            command,
            is_dry,
            make_again,
            sends_jobs_away,
            self.exports.outdated,
            self.site,
            self.words,
            books_outside,
            is_apart,
        )
        calls_seconds = settings.calls.stop_seconds if self.plan.is_by_calls else 0.0
        self.stopper = SignalHandler(self.session.stop, calls_seconds)
        self.left_open: dict[str, str] = {}
        if self._head_id:
            if holder(settings.paths.state_dir) is None:
                raise LedgerError("The run that this job belongs to is over. Nothing was sent.")
            ledger.runs.join(self._head_id)
            self.session.images.scans_may_change = True
            log_to_terminal()
            start_run_log(settings.paths.logs_dir, self._head_id)
            self._server = use_service(self.session, secrets)

    def _open_ledger(self) -> Ledger:
        """The ledger: only looked at, until the run begins; written to in a job of its own."""
        path = self.settings.paths.ledger
        if self._head_id:
            return Ledger.open(path)
        if not self.settings.execution.allow_network_state:
            refuse_network(path.parent)
        ledger = Ledger.peek(path)
        ledger.check()  # what a run plans and pays follows from it
        return ledger

    def ensure_begun(self) -> None:
        """Begin the run, if that was not done yet: each job asks for it first.

        What can't begin is not tried again: every job has the same reason to say.

        Raises:
            PagewaveError: as for `begin`.
        """
        with self._beginning:
            if self._not_begun:
                raise self._not_begun
            if not self._started:
                try:
                    self.begin()
                except PagewaveError as error:
                    self._not_begun = error
                    raise

    def begin(self, slurm_name: str | None = None) -> None:
        """Make the run real: called once, before the first job.

        Args:
            slurm_name: what Slurm knows the jobs of this run by, if it carries them out.

        Raises:
            PagewaveError: another run is going on, or something it needs is missing or broken.
            RunStopped: a signal came before all was in order.
        """
        if self._head_id:
            return
        if self._is_part:
            raise PagewaveError(
                "Nothing was sent: this job is a process of its own, and no run was begun before "
                "it. Run the same command with --force-use-threads."
            )
        if self.settings.execution.dry_run:
            raise PagewaveError("execution.dry_run is true: nothing was sent.")
        log_to_terminal()
        self.stopper.install()  # first: Snakemake would take a signal for a job that failed
        self._lock_file = take_lock(self.settings.paths.state_dir)
        check_prices(self.session.ledger, self.session.settings)
        self.plan.refuse_foreign()
        start_run_log(self.settings.paths.logs_dir, self.plan.id)
        self.session.ledger.start_writing()
        self._keep_private()
        self._server = use_service(self.session, self._secrets)
        try:
            if self.session.stop.is_set():
                raise Stopped
            refuse_lost(self.session, command_to_rebuild())
            recover(self.session)
            take_in(self.session)
        except Stopped:
            raise RunStopped("stopped before the first job. The same command goes on.") from None
        self.session.ledger.identity.note_levels(self.session.dataset.levels)
        self.session.ledger.runs.start(
            self.plan.id,
            self.settings.engine,
            self.settings.model.name,
            self.plan.schedule.pages,
            self.plan.wanted.forced,
        )
        self._started = True
        self._mark_folder()
        self.session.images.scans_may_change = True
        crash.point("run-begun")
        os.environ[RUN_VARIABLE] = self.plan.id
        if self.plan.remote_jobs:
            forget_keys()  # Slurm hands on the environment
            self.plan.remote_jobs.announce(slurm_name)
        self._delivery = start_delivery(self.settings.tracking, self._secrets, self.session.ledger)
        notify, webhook = self.settings.notify, self._secrets.pagewave_webhook
        self._notifier = start_notifying(notify, webhook, self.plan.id)
        self._say_the_start()

    def _mark_folder(self) -> None:
        paths = self.settings.paths
        mark_folder(self.session.ledger, paths.ledger, paths.output_dir, self.plan.id)

    def _keep_private(self) -> None:
        paths = self.settings.paths
        keep_private(
            paths.state_dir, self.settings.execution.state_access, paths.is_state_dir_shared
        )

    def keep_before_deleting(self) -> None:
        """Before Snakemake deletes all outputs: keep what people wrote into them."""
        log_to_terminal()
        keep_before_deleting(self.session)
        self.exports.keep_edited()

    def look_for_doubtful(self) -> None:
        """Where nothing is to be read no run begins; what may be at the service is looked for.

        So it is when the key is back with which something was sent that others were asked for.

        Raises:
            PagewaveError: another run is going on, or the service can't be asked.
        """
        begins = self._head_id or self._lock_file or not self.plan.is_made
        if begins or self.plan.schedule.pages or self.session.engine != "gemini":
            return
        if self.settings.execution.dry_run:
            return
        batches = self.session.ledger.batches
        since = time.time() - DOUBT_SECONDS
        known = [*batches.open("gemini"), *batches.open_calls("gemini")]
        if not (known or batches.doubtful("gemini", since)):
            return
        with take_lock(self.settings.paths.state_dir):
            log_to_terminal()
            self.session.ledger.start_writing()
            use_service(self.session, self._secrets)
            recover(self.session)
            self.session.ledger.close()

    def _say_the_start(self) -> None:
        pages, waves = self.plan.schedule.pages, self.plan.schedule.waves()
        books = {self.session.dataset.page(page.key).book_id for page in pages}
        parts = [count(len(pages), "page") + f" of {count(len(books), 'book')} to read"]
        parts += [count(sum(waves.values()), "wave") + f" in {count(len(waves), 'lane')}"]
        emit(
            "run_started",
            f"run {self.plan.id}: {', '.join(parts)}, engine {self.settings.engine}",
            engine=self.settings.engine,
            model=self.settings.model.name,
            pages=len(pages),
            books=len(books),
            waves=sum(waves.values()),
            lanes=len(waves),
            process=os.getpid(),
        )

    def end(self, outcome: RunOutcome) -> None:
        """Close the run, and say what it brought and what is left to do.

        Raises:
            LedgerError: the ledger can't be written, now or earlier in the run.
            BudgetReached: not all was sent.
            OnItsWay: `execution.wait` is false, and all that is left are batches and their pages.
            RunStopped: it was told to stop.
            ServiceError, ConfigError, DataError: a job failed so, see `errors.WORST_FIRST`.
            PagewaveError: no job failed, but there are dead letters: with a book as target, nothing
                asked for their pages any more.
        """
        self.stopper.interrupts = False
        if not self._started or self._ended:
            return
        self._ended = True
        is_stopped = self.session.stop.is_set()
        if self.ahead:
            self.ahead.finish()
        lost: set[str] = set()
        over_budget: str | None = None
        trouble: Trouble | None = None
        try:
            if outcome == RunOutcome.OK:
                wanted = {page.key for page in self.plan.schedule.pages}
                wanted.update(self.plan.wanted.blocked)
                lost = wanted & self.session.dead_letters()
            if lost:
                outcome = RunOutcome.FAILED
            over_budget = self.session.ledger.spending.over_budget(self.plan.id)
            if over_budget:
                outcome = RunOutcome.OVER_BUDGET
            elif outcome == RunOutcome.FAILED and self._is_on_its_way():
                outcome = RunOutcome.ON_ITS_WAY
            if outcome != RunOutcome.OK and is_stopped and not self._trouble:
                outcome = RunOutcome.STOPPED
            if not is_stopped:
                clear_up(self.session)
            if self._delivery:
                seconds = self.settings.tracking.wait_at_end_seconds
                self._delivery.finish(seconds, self.session.stop)
            left = left_for_next_run(self.session.ledger, self.session.engine)
            self._say_the_end(outcome)
            trouble = self.session.ledger.runs.trouble(self.plan.id)
            self.session.ledger.runs.end(self.plan.id, outcome)
            with contextlib.suppress(PagewaveError):  # the mark of the beginning stays
                self._mark_folder()
            self._write_summary()
            if self.plan.remote_jobs and outcome != RunOutcome.STOPPED:
                self.plan.remote_jobs.withdraw()
            crash.point("run-ended")
        except LedgerError as error:
            self._trouble = self._trouble or error
            emit("run_ended", str(error), level=logging.DEBUG, outcome=RunOutcome.FAILED)
        finally:
            if self._notifier:
                self._notifier.finish(self.settings.notify.wait_at_end_seconds, self.session.stop)
            stop_run_log()
            self.session.ledger.close()
            if self._server:
                self._server.close()
            self._keep_private()
        if self._trouble:
            raise self._trouble
        if outcome == RunOutcome.STOPPED:
            raise RunStopped("stopped. The same command goes on.")
        if (
            trouble
            and outcome != RunOutcome.OK
            and is_worse(trouble.exit_code, BudgetReached.exit_code)
        ):
            raise failure(trouble.exit_code, trouble.message)
        if outcome == RunOutcome.ON_ITS_WAY:
            raise OnItsWay(left)
        if over_budget:
            raise BudgetReached(f"{over_budget} {WHEN_OVER_BUDGET}")
        if lost:
            raise PagewaveError(f"not all was read: dead letters, named above ({len(lost)}).")

    def ends_as_planned(self) -> bool:
        """Has nothing failed but dead letters, and what a budget was too small for?"""
        if self._trouble:
            return False
        trouble = self.session.ledger.runs.trouble(self.plan.id)
        return trouble is None or trouble.exit_code == BudgetReached.exit_code

    def _is_on_its_way(self) -> bool:
        """Did this run leave waves to the next one, and is nothing else wrong than dead letters?"""
        return (
            not self.session.waits
            and any(self.plan.schedule.waves().values())
            and not self.session.ledger.runs.has_trouble(self.plan.id)
            and all(Path(manifest).exists() for manifest in self.plan.manifests_to_make)
        )

    def _write_summary(self) -> None:
        from pagewave.exports.summary.summary import write_summary

        write_summary(self.session)

    def summary_files(self) -> dict[str, str]:
        """The files of the summary by name; none until a run has ended."""
        files = summary_files(self.settings.paths.logs_dir)
        if not all(path.exists() for path in files.values()):
            return {}
        return {name: str(path) for name, path in files.items()}

    def _say_the_end(self, outcome: RunOutcome) -> None:
        """What the run brought and what to do next: for the terminal, the log and the webhook."""
        more = spending_lines(self.session, self.plan.id, self.plan.schedule)
        more += lost_answers(self.session.ledger, self.plan.id)
        more += self._delivery.summary() if self._delivery else []
        end = ending(self.session, self.plan.id, outcome, self.plan.command(), more)
        print(hide_keys("\n".join([f"pagewave {end.headline}", *end.details])), file=sys.stderr)
        emit("run_ended", end.headline, level=logging.DEBUG, **end.facts)
