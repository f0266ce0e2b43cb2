"""Where the package meets Snakemake: builds the run from a workflow, and ends it in plain words."""

import atexit
import contextlib
import gc
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pagewave import command_line
from pagewave.config.keys import load_secrets
from pagewave.config.settings import load_settings
from pagewave.errors import ConfigError, PagewaveError, exit_on_error
from pagewave.exports.registry import find_exporters, refuse_unfit
from pagewave.ledger import RunOutcome
from pagewave.ledger.identity import levels_of, refuse_other_levels
from pagewave.ledger.lock import RUN, LockedError, holder
from pagewave.log import log_to_terminal
from pagewave.pages.dataset import Page, scan
from pagewave.prompts.for_embedded import embedded_notices
from pagewave.prompts.registry import load_prompt
from pagewave.redaction import traceback_without_keys
from pagewave.remote.fetch import require_plugins
from pagewave.wording import count
from pagewave.words.book import THREADS
from pagewave.workflow import (
    guarantees,
    internals,
    many_jobs,
    outside,
    terminal,
    typed,
    wave_end,
)
from pagewave.workflow.cluster.apart import refuse_paths
from pagewave.workflow.cluster.job import RemoteJob
from pagewave.workflow.run import RUN_VARIABLE, Run

BATCHES = "gemini_batches"
"""The resource of which a wave takes one (rules/waves.smk): its limit is the batches in flight."""

FETCHES = "fetches"
"""The resource of which a job that fetches takes one (rules/scans.smk): all ask one at a time."""
SITE_BOOKS = "site_books"
"""The resource of which a book of the reading room takes one: threads are there for waves that wait
for the service, and pictures of all books at once would take the processor from them."""

WORDS_BOOKS = "words_books"
"""The resource of which a book whose words are looked for takes one: it uses several threads."""

LOOKS_FOR_CIRCLES = (50_000, 20, 20)
"""After how many new objects Python looks for those that only hold each other (700, 10, 10)."""

NODE_VARIABLE = "PAGEWAVE_NODE"
"""Set in a job on another machine, for processes that it starts for its parts."""


def load(config: Mapping[str, Any], workflow: Any, root: Path) -> Run | RemoteJob:
    """What a Snakefile serves: a run, or in a job on another machine what that job needs of it.

    `root` is the folder of the Snakefile. As a module it is read once for each `use rule`
    statement, and all are served the same run. A user's mistake ends the process with its message.
    """

    def build() -> Run | RemoteJob:
        known = internals.loaded(workflow)
        if not known:
            # Next to nothing of what a start makes is in circles; to look for some takes a tenth.
            gc.set_threshold(*LOOKS_FOR_CIRCLES)
            # Nor at the end: all goes with the process, and to look takes a quarter of a start.
            atexit.register(gc.freeze)
            command_line.remember(folder=typed.working_directory(workflow))
        terminal.speak_plainly()
        guarantees.refuse_prefix(workflow)
        given = json.dumps(config, sort_keys=True, default=str)
        if known and known["config"] != given:
            raise ConfigError(
                "This workflow loads pagewave twice, with different settings. One Snakemake can "
                "run one of them: make two workflows of it."
            )
        if not known:
            known |= {"config": given, "root": root.resolve()}
            known["run"] = new()
        run: Run | RemoteJob = known["run"]
        return run

    def new() -> Run | RemoteJob:
        secrets = load_secrets(Path.cwd())  # first, so that no error of the others shows a key
        # A module without `config:` is given none by Snakemake, not even the command line's.
        of_command = internals.config_of_command(workflow)
        files = internals.files_of_command(workflow)
        settings = load_settings(config or of_command, Path.cwd(), files)
        typed.remember_command(workflow, config or of_command, settings.paths.ledger, root)
        refuse_other_levels(levels_of(settings.paths.ledger), settings.paths.tree)
        dataset = scan(settings)
        prompt = load_prompt(
            settings.prompt.registry_dir, settings.prompt.name, settings.prompt.template_file
        )
        exporters = find_exporters(settings.exports, Path.cwd())
        refuse_unfit(exporters, bool(settings.words.languages), settings.citation.url)
        require_plugins([settings.exports_to] if settings.exports_to else [])
        # Config is the one source of the limit; --resources gemini_batches=N still wins.
        internals.set_default_resource(workflow, BATCHES, settings.execution.max_concurrent_batches)
        internals.set_default_resource(workflow, FETCHES, 1)
        internals.set_default_resource(workflow, SITE_BOOKS, os.cpu_count() or 1)
        books_at_once = max(1, (os.cpu_count() or 1) // THREADS)
        internals.set_default_resource(workflow, WORDS_BOOKS, books_at_once)
        if internals.is_remote_job(workflow) or NODE_VARIABLE in os.environ:
            os.environ[NODE_VARIABLE] = "1"
            return RemoteJob(settings, dataset, prompt, exporters)
        is_apart = internals.is_apart(workflow)
        if is_apart:
            refuse_paths(settings)
            internals.keep_here(workflow, settings.paths)
        is_part = internals.is_job_process(workflow)
        if not is_part:
            os.environ.pop(RUN_VARIABLE, None)  # of a run that carries out this very command
        of_reader = [] if is_part else embedded_notices(settings, prompt)
        for warning in [*_of_version(), *settings.warnings, *prompt.notices, *of_reader]:
            print(f"pagewave: {warning}", file=sys.stderr)
        run = Run(
            settings,
            secrets,
            dataset,
            prompt,
            command=lambda: internals.command_of(workflow),
            is_dry=lambda: internals.is_dry_run(workflow),
            make_again=lambda files: internals.make_again(workflow, files),
            sends_jobs_away=lambda: internals.sends_jobs_away(workflow),
            books_outside=partial(outside.books_outside, workflow),
            is_part=is_part,
            is_apart=is_apart,
            exporters=exporters,
        )
        for notice in [] if is_part else run.site.notices:
            print(f"pagewave: {notice}", file=sys.stderr)
        guarantees.ensure_settings(workflow, lambda: before_dag(workflow))
        guarantees.note_reports(workflow)
        outside.note_execution(workflow)
        guarantees.before_commands(
            workflow,
            lambda results: exit_on_error(lambda: before_deleting(run, results=results)),
            lambda: exit_on_error(refuse_unit_tests),
        )
        if not is_part:
            guarantees.around_jobs(
                workflow, lambda: start(run, workflow), lambda outcome: end(run, workflow, outcome)
            )
        # Snakemake calls no hook when a dry run ends, and ends at once where nothing is to be done.
        folder = Path.cwd()
        atexit.register(lambda: _end_without_hook(run, internals.is_dry_run(workflow), folder))
        return run

    return exit_on_error(build)


def before_dag(workflow: Any) -> None:
    """Refuse what our rules can't do; and have a dry run show waves, not each of its jobs."""
    exit_on_error(lambda: guarantees.refuse_options(workflow))
    if internals.is_dry_run(workflow) and not internals.is_verbose(workflow):
        if internals.is_alone(workflow):
            guarantees.only_count_jobs(workflow)
        else:
            terminal.hide_look(set(internals.own_names(workflow)))


def job(call: Callable[..., None], *arguments: Any) -> None:
    """Carry out a job; a mistake becomes the one-line error that Snakemake prints for it."""
    from snakemake_interface_common.exceptions import WorkflowError

    try:
        call(*arguments)
    except PagewaveError as error:
        raise WorkflowError(str(error)) from None
    except Exception:
        if hidden := traceback_without_keys():
            raise WorkflowError(hidden) from None
        raise


class Lazily:
    """A function that a rule's message calls when it is shown: `{name:argument/argument}`.

    Messages are formatted for every job, but seen in a dry run alone: empty in any other.
    """

    def __init__(self, workflow: Any, function: Callable[..., str]) -> None:
        self._workflow = workflow
        self._function = function

    def __format__(self, arguments: str) -> str:
        # Of a dry run's jobs nothing is shown but with --verbose.
        workflow = self._workflow
        if not (internals.is_dry_run(workflow) and internals.is_verbose(workflow)):
            return ""
        return self._function(*arguments.split("/"))


def use_in_messages(workflow: Any, **functions: Callable[..., str]) -> None:
    """Let the messages of rules call these functions by their names."""
    named = {name: Lazily(workflow, function) for name, function in functions.items()}
    guarantees.name_in_messages(workflow, named)


def start(run: Run, workflow: Any) -> None:
    """Begin the run, with a thread for every batch in flight."""

    def begin() -> None:
        if internals.is_touched(workflow):
            refuse_touch(run)
            return
        if not guarantees.needs_run(workflow):
            if guarantees.makes_exports(workflow):
                log_to_terminal()
                guarantees.give_up_lock(workflow)
            return
        if run.settings.execution.dry_run:
            show_forecast(run)
            print("execution.dry_run is true: nothing was sent.")
            sys.exit(0)
        terminal.drop_expected_stops(run.left_open)
        terminal.end_calmly(set(internals.own_names(workflow)), run.ends_as_planned)
        most = internals.resource(workflow, BATCHES)
        run.session.most_batches = most
        # A wave of calls takes none of the slots of batches.
        lanes = len(run.plan.schedule.lanes) if run.plan.is_by_calls else 0
        internals.add_threads(workflow, max(most, lanes))
        names = {ours: name for name, ours in internals.own_names(workflow).items()}
        many_jobs.start_at_once(workflow)
        many_jobs.choose_at_once(workflow)
        page = names.get("page", "page")
        needs = {page: lambda job: run.plan.needs_of_page(page_of(run, job))}
        wave_end.keep_what_stays(workflow, names.get("wave", "wave"), needs)
        many_jobs.same_resources(workflow, page)
        many_jobs.run_together(workflow, page, partial(write_pages, run))
        guarantees.give_up_lock(workflow)
        run.begin(internals.slurm_name(workflow))
        guarantees.keep_going(workflow)
        gc.freeze()  # Snakemake's jobs stay to the end: no need to go through them each time
        run.stopper.interrupts = internals.sends_jobs_away(workflow)
        if not internals.is_verbose(workflow):
            terminal.hide(page)
            if terminal.is_for_people():
                from pagewave.workflow.live import LiveBlock

                block = internals.loaded(workflow)["block"] = LiveBlock(run.settings, most)
                block.start()

    exit_on_error(begin)


def of_this_machine(workflow: Any) -> int:
    """How much a job takes of what there is only so much of on this machine: nothing where it is
    done on another one."""
    return 0 if internals.sends_jobs_away(workflow) else 1


def page_of(run: Run, job: Any) -> Page:
    """The page that a job's wildcards name."""
    book_id = "/".join(getattr(job, level) for level in run.dataset.levels.names)
    return run.plan.page(book_id, job.page)


def write_pages(run: Run, jobs: Iterable[Any]) -> list[bool]:
    """Write the pages that these jobs' wildcards name; says of each whether it was done."""
    return run.write_pages([page_of(run, job) for job in jobs])


def end(run: Run, workflow: Any, outcome: str) -> None:
    """End the run; a user's mistake, or a dead letter, ends the process with its exit code."""
    if block := internals.loaded(workflow).pop("block", None):
        block.stop()
    try:
        exit_on_error(lambda: run.end(RunOutcome(outcome)))
    finally:
        terminal.show()


def before_deleting(run: Run, *, results: bool) -> None:
    """Files of a run that goes on are not deleted under its hands, nor what people wrote in them.

    Raises:
        LedgerError: somebody holds the lock.
        DataError: a page file that a person changed can't be read, so that it can't be kept.
    """
    state_dir = run.settings.paths.state_dir
    process = holder(state_dir)
    if process is not None:
        raise LockedError(state_dir, process, RUN)
    if results:
        run.keep_before_deleting()


def refuse_unit_tests() -> None:
    """Snakemake's unit tests carry out single jobs, and ours are parts of a run.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(
        "pagewave's jobs are parts of a run and can't be carried out alone: there is nothing for "
        "--generate-unit-tests to write. Nothing was sent. How it is tested: tests/README.md"
    )


def refuse_touch(run: Run) -> None:
    """`--touch` marks what is there as up to date; what is not read yet it can't stand for.

    Raises:
        ConfigError: it asks for pages that are to be read.
    """
    unread = len(run.plan.schedule.pages) if run.plan.is_made else 0
    if unread:
        raise ConfigError(
            f"--touch only marks files as up to date, and {count(unread, 'page')} would have to be "
            "read first. Nothing was sent. Run the same command without --touch, or name files "
            "that are there."
        )


def show_forecast(run: Run) -> None:
    """Print what the command would read and cost; nothing where it never came to ask for pages."""
    if run.plan.is_made:
        from pagewave.console import printer
        from pagewave.plan.table import roads_view, view
        from pagewave.plan.wave_rows import wave_rows, waves_view

        plan = run.plan
        waves = wave_rows(plan.workspace, plan.schedule, plan.forecast)
        forecast = plan.forecast.whole(plan.wanted.blocked)
        is_free = forecast.engine == "embedded"
        printer().print(waves_view(waves, is_free_here=is_free), view(forecast))
        printer().print(roads_view(forecast))
        if run.site.is_due:
            print(f"Reading room: {run.site.size}.")


def _end_without_hook(run: Run, is_dry: bool, folder: Path) -> None:
    """The forecast, or a look for what is in doubt where nothing was to be done.

    Python is ending, and no exit code can be given any more; and Snakemake is back in the folder
    where it was called, while paths of the configuration start at the workflow's (`folder`).
    """
    try:
        with contextlib.chdir(folder):
            if is_dry:
                show_forecast(run)
            else:
                run.look_for_doubtful()
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)


def _of_version() -> list[str]:
    """What to tell of this version of Snakemake; nothing in the process of a single job."""
    warning = internals.warning_of_version(internals.version())
    return [warning] if warning and RUN_VARIABLE not in os.environ else []
