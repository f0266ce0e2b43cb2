"""Where the package meets Snakemake: builds the run from a workflow, and ends it in plain words."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .dataset import scan
from .demand import Command
from .errors import PagewaveError, exit_on_error
from .prompting import load_prompt
from .quiet import quieten, speak_again
from .redaction import traceback_without_keys
from .run import RUN_VARIABLE, Run
from .settings import load_secrets, load_settings


def load(config: Mapping[str, Any], workflow: Any) -> Run:
    """The run that a Snakefile serves; a user's mistake ends the process with its message."""

    def build() -> Run:
        if workflow.remote_exec:
            # A job on another machine makes images: ledger and service are not its business.
            os.environ.pop(RUN_VARIABLE, None)
        secrets = load_secrets(Path.cwd())  # first, so that no error of the others shows a key
        settings = load_settings(config, Path.cwd())
        for warning in settings.warnings:
            print(f"pagewave: {warning}", file=sys.stderr)
        dataset = scan(settings)
        prompt = settings.prompt
        return Run(
            settings,
            secrets,
            dataset,
            load_prompt(prompt.registry_dir, prompt.name, prompt.template_file),
            command=lambda: _command(workflow),
            is_dry=lambda: workflow.dryrun,
            # What -R and -f fill: the one way to have files made again that are there.
            make_again=lambda files: workflow.dag.forcefiles.update(files),
        )

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


def start(run: Run, workflow: Any) -> None:
    """Begin the run, with a thread for every batch in flight.

    Snakemake gives local jobs `cores` + 5 threads. Waves that wait for days would take them all,
    and neither another wave nor a page could start.
    """

    def begin() -> None:
        run.begin()
        if not workflow.output_settings.verbose:
            quieten()
        scheduler = workflow.scheduler
        executor = scheduler._local_executor or scheduler._executor
        executor.workers += workflow.global_resources["gemini_batches"].value
        executor.pool = ThreadPoolExecutor(executor.workers)

    exit_on_error(begin)


def end(run: Run, outcome: str) -> None:
    """End the run; a user's mistake, or a dead letter, ends the process with its exit code."""
    try:
        exit_on_error(lambda: run.end(outcome))
    finally:
        speak_again()


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
