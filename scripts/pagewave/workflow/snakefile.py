"""Where the package meets Snakemake: builds the run from a workflow, and ends it in plain words."""

import atexit
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pagewave.config.keys import load_secrets
from pagewave.config.settings import load_settings
from pagewave.errors import PagewaveError, exit_on_error
from pagewave.ledger import RunOutcome
from pagewave.pages.dataset import scan
from pagewave.plan.targets import Command
from pagewave.prompts.registry import load_prompt
from pagewave.redaction import traceback_without_keys
from pagewave.workflow.cluster.job import Node
from pagewave.workflow.false_alarms import FalseAlarms
from pagewave.workflow.run import Run
from pagewave.workflow.terminal import quieten, speak_again

NODE_VARIABLE = "PAGEWAVE_NODE"
"""Set in a job on another machine, for processes that it starts for its parts."""


def load(config: Mapping[str, Any], workflow: Any) -> Run | Node:
    """What a Snakefile serves: a run, or in a job on another machine what that job needs of it.

    A user's mistake ends the process with its message.
    """

    def build() -> Run | Node:
        secrets = load_secrets(Path.cwd())  # first, so that no error of the others shows a key
        settings = load_settings(config, Path.cwd())
        dataset = scan(settings)
        prompt = load_prompt(
            settings.prompt.registry_dir, settings.prompt.name, settings.prompt.template_file
        )
        if workflow.remote_exec or NODE_VARIABLE in os.environ:
            os.environ[NODE_VARIABLE] = "1"
            return Node(settings, dataset, prompt)
        for warning in settings.warnings:
            print(f"pagewave: {warning}", file=sys.stderr)
        run = Run(
            settings,
            secrets,
            dataset,
            prompt,
            command=lambda: _command(workflow),
            is_dry=lambda: workflow.dryrun,
            # What -R and -f fill: the one way to have files made again that are there.
            make_again=lambda files: workflow.dag.forcefiles.update(files),
            sends_jobs_away=lambda: workflow.non_local_exec,
        )
        # Snakemake calls no hook when a dry run ends, and ends at once where nothing is to be done.
        atexit.register(lambda: _end_dry_run(run) if workflow.dryrun else None)
        return run

    return exit_on_error(build)


def job(call: Callable[..., None], *arguments: Any) -> None:
    """Carry out a job; a mistake becomes the one-line error that Snakemake prints for it."""
    from snakemake.exceptions import WorkflowError

    try:
        call(*arguments)
    except PagewaveError as error:
        raise WorkflowError(str(error)) from None
    except Exception:
        if hidden := traceback_without_keys():
            raise WorkflowError(hidden) from None
        raise


class Said:
    """A function that a rule's message calls when it is shown: `{name:argument/argument}`."""

    def __init__(self, function: Callable[..., str]) -> None:
        self._function = function

    def __format__(self, arguments: str) -> str:
        return self._function(*arguments.split("/"))


def start(run: Run, workflow: Any) -> None:
    """Begin the run, with a thread for every batch in flight.

    Snakemake gives local jobs `cores` + 5 threads. Waves that wait for days would take them all,
    and neither another wave nor a page could start.
    """

    from snakemake.logging import logger

    def begin() -> None:
        if run.settings.execution.dry_run and not run.plan.is_job:
            run.plan.show_waves()
            show_forecast(run)
            print("execution.dry_run is true: nothing was sent.")
            sys.exit(0)
        logger.addFilter(FalseAlarms(run.left_open))
        scheduler = workflow.scheduler
        run.begin(getattr(scheduler._executor, "run_uuid", None))
        if not workflow.output_settings.verbose:
            quieten()
        executor = scheduler._local_executor or scheduler._executor
        run.stopper.interrupts = scheduler._local_executor is not None
        run.session.most_batches = workflow.global_resources["gemini_batches"].value
        executor.workers += run.session.most_batches
        executor.pool = ThreadPoolExecutor(executor.workers)

    exit_on_error(begin)


def end(run: Run, outcome: str) -> None:
    """End the run; a user's mistake, or a dead letter, ends the process with its exit code."""
    try:
        exit_on_error(lambda: run.end(RunOutcome(outcome)))
    finally:
        speak_again()


def show_forecast(run: Run) -> None:
    """Print what the command would read and cost; nothing where it never came to ask for pages."""
    if run.plan.is_made:
        from pagewave.console import printer
        from pagewave.plan.table import view

        printer().print(view(run.plan.forecast.whole(run.plan.wanted.blocked)))


def _end_dry_run(run: Run) -> None:
    """The forecast; Python is ending, and no exit code can be given any more."""
    try:
        show_forecast(run)
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)


def _command(workflow: Any) -> Command:
    dag = workflow.dag_settings
    return Command(
        targets=dag.targets,
        force_all=dag.forceall,
        force_targets=dag.forcetargets,
        forced=dag.forcerun,
        config_file=_config_file(workflow),
        typed=shlex.join(["snakemake", *sys.argv[1:]]),
    )


def _config_file(workflow: Any) -> str | None:
    """The configuration that the command line names, as it would be typed here."""
    files = [os.path.relpath(file) for file in workflow.config_settings.configfiles]
    return files[0] if len(files) == 1 else None
