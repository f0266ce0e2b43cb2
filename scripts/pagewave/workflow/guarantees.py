"""The other half of the seam to Snakemake (see `internals`): what is ensured whoever loads these
rules, and whatever profile and options are given.

Another workflow may load this one by `include` or as a module, and a person may turn off or on what
`profiles/default` holds. A run begins and ends all the same, and goes on after a crash.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any

from pagewave.errors import ConfigError
from pagewave.workflow.internals import (
    _uses,
    loaded,
    own_names,
    sends_jobs_away,
)
from pagewave.workflow.sayings import snakemake_log
from pagewave.workflow.spared import spare_looks

# Settings

OF_THE_PAST = ("params_changed", "input_changed", "code_changed", "software_stack_changed")
"""What Snakemake is asked about a job that ran before: does it differ from how it is now?"""


@_uses("workflow._prepare_dag, its dag_settings and its persistence")
def ensure_settings(workflow: Any, check: Callable[[], None]) -> None:
    """Have every command make its DAG as this workflow needs it; called while the rules are read.

    `check` is called first, and may end the process.

    - What a crash left incomplete is made again, as by `--rerun-incomplete`.
    - An output of `update` that is in a bucket, and of which no copy is here, is none that could be
      kept (Snakemake would fail).
    - Our files are made again when they are missing, older than what they are made of, or planned
      to: not because code, parameters or the set of inputs are others. (A page's inputs are its
      wave's manifest, which has the run's name in it: with Snakemake's usual triggers each page
      that is there would ask for a manifest that nobody makes.) Nor do files count as unchanged
      that say the same as before: a book tells who read its pages. Rules of other workflows keep
      the triggers that the command line gives them.

    Touches `workflow._prepare_dag`, through which all of Snakemake's commands go, `dag_settings`
    (`force_incomplete`) and of `workflow.persistence` the functions in OF_THE_PAST and
    `input_checksums`, all of which take a job first, and `backup_output`. The options
    `--rerun-triggers mtime` and `--max-checksum-file-size 0` do the same for all rules, but a
    person has to know of them. If they are gone: no run begins.
    """
    prepare = workflow._prepare_dag

    def with_ours(*args: Any, **kwargs: Any) -> None:
        check()
        workflow.dag_settings.force_incomplete = True
        prepare(*args, **kwargs)
        spare_looks(workflow)
        ours = set(own_names(workflow))
        persistence = workflow.persistence
        for name in (*OF_THE_PAST, "input_checksums"):
            setattr(persistence, name, partial(_forget, ours, getattr(persistence, name)))
        backup = persistence.backup_output
        persistence.backup_output = lambda path: backup(path) if path.exists() else None

    workflow._prepare_dag = with_ours


def _forget(
    ours: Collection[str], function: Callable[..., Any], job: Any, *args: Any, **kwargs: Any
) -> Any:
    """What is known of a job's past: of ours nothing (false to Snakemake, and empty)."""
    return () if job.rule.name in ours else function(job, *args, **kwargs)


@_uses("workflow.dag_settings.batch and workflow_settings.cache")
def refuse_options(workflow: Any) -> None:
    """Refuse what our rules can't do.

    Touches `workflow.dag_settings.batch` and `workflow.workflow_settings.cache`. If they are gone:
    nothing is planned, so nothing is sent.

    Raises:
        ConfigError: `--batch` or `--cache` names a rule of ours.
    """
    batch, cache = workflow.dag_settings.batch, workflow.workflow_settings.cache or ()
    ours = own_names(workflow)
    if batch is not None and batch.rulename in ours:
        raise ConfigError(
            "--batch can't divide what pagewave reads: its waves would read the other pages too. "
            "Name books or pages as targets, or lower execution.batch_size_limit."
        )
    if cached := sorted(set(cache) & set(ours)):
        raise ConfigError(
            f"--cache can't keep what rules of pagewave make ({', '.join(cached)}): the ledger "
            "does, and a stored answer is free. Leave them out of --cache."
        )


@_uses("workflow.output_settings.quiet")
def only_count_jobs(workflow: Any) -> None:
    """Have a dry run count its jobs and end there, as by `--quiet rules progress`.

    Else Snakemake goes through all of them as in a run, with their order and what it says of each.
    Touches `workflow.output_settings.quiet`, which `--quiet` fills. If it is gone: nothing is
    planned, so nothing is sent.
    """
    from snakemake.settings.enums import Quietness

    settings = workflow.output_settings
    if Quietness.ALL not in (settings.quiet or ()):
        settings.quiet = {Quietness.RULES, Quietness.PROGRESS}


@_uses("workflow.scheduler.keepgoing")
def keep_going(workflow: Any) -> None:
    """Let other lanes go on when a job fails, as by `--keep-going`; called before the first job.

    Touches `workflow.scheduler.keepgoing`. If it is gone: the run does not begin.
    """
    _ = workflow.scheduler.keepgoing
    workflow.scheduler.keepgoing = True


@_uses("workflow.persistence.unlock")
def give_up_lock(workflow: Any) -> None:
    """Take Snakemake's lock from the folder: ours is taken, which ends with its process.

    Else a run that was killed would leave it behind, and the same command be refused. (The option
    `--nolock` does the same, but also where no run of ours is going on.)

    Touches `workflow.persistence.unlock`. If it is gone: the run does not begin.
    """
    workflow.persistence.unlock()


# When a run begins and ends


@_uses("workflow.execute, execution_settings and its three hooks")
def around_jobs(workflow: Any, begin: Callable[[], None], end: Callable[[str], None]) -> None:
    """Call `begin` before the first job and `end` after the last one, with `ok` or `failed`.

    Snakemake has `onstart`, `onsuccess` and `onerror` for this; but of several it keeps the last
    one that was read, it calls none of a module, and `--no-hooks` turns them off. So ours are put
    around those that a workflow has when all of it was read. Where `end` says by SystemExit that
    not all was read though no job failed, their `onerror` is called in place of `onsuccess`.

    Touches `workflow.execute`, `workflow.execution_settings.no_hooks` and `workflow._onstart`,
    `_onsuccess` and `_onerror`. If they are gone: no run begins.
    """
    execute = workflow.execute
    _ = workflow._onstart, workflow._onsuccess, workflow._onerror

    def with_ours(*args: Any, **kwargs: Any) -> Any:
        settings = workflow.execution_settings
        theirs = (workflow._onstart, workflow._onsuccess, workflow._onerror)
        start, success, error = ((lambda log: None,) * 3) if settings.no_hooks else theirs
        settings.no_hooks = False

        def on_start(log: Any) -> None:
            begin()
            start(log)

        ended: list[str] = []

        def end_once(outcome: str) -> None:
            if not ended:
                ended.append(outcome)
                end(outcome)

        def call_gently(hook: Callable[[Any], None], log: Any) -> None:
            """The exit code says what the run ended with, whatever their hook does."""
            try:
                hook(log)
            except Exception as trouble:
                snakemake_log().error(f"onerror failed: {type(trouble).__name__}: {trouble}")

        def on_success(log: Any) -> None:
            try:
                end_once("ok")
            except SystemExit:
                call_gently(error, log)
                raise
            success(log)

        def on_error(log: Any) -> None:
            try:
                end_once("failed")
            except SystemExit:
                call_gently(error, log)
                raise
            error(log)

        workflow._onstart, workflow._onsuccess, workflow._onerror = on_start, on_success, on_error
        try:
            return execute(*args, **kwargs)
        except BaseException:
            # Also where Snakemake itself, or a hook of theirs, has failed or ended the process.
            with suppress(SystemExit):
                end_once("failed")
            raise

    workflow.execute = with_ours


@_uses("workflow.dag.needrun_jobs")
def needs_run(workflow: Any) -> bool:
    """Will a job of ours run? Where a checkpoint of others is among the jobs, one may.

    Exports alone need no run: no ledger, key or service. On other machines they do, as their jobs
    have to know whether their head is alive.

    Touches `workflow.dag.needrun_jobs`, and of a job `rule` and `is_checkpoint`. If they are gone:
    the run does not begin.
    """
    ours = own_names(workflow)
    if makes_exports(workflow) and not sends_jobs_away(workflow):
        # `all` has nothing to do.
        apart = _exports(workflow)
        ours = {name: rule for name, rule in ours.items() if name not in apart and rule != "all"}
    return any(job.is_checkpoint or job.rule.name in ours for job in workflow.dag.needrun_jobs())


@_uses("workflow.dag.needrun_jobs")
def makes_exports(workflow: Any) -> bool:
    """Will an export be written? Touches what `needs_run` does."""
    exports = _exports(workflow)
    return any(job.rule.name in exports for job in workflow.dag.needrun_jobs())


def _exports(workflow: Any) -> set[str]:
    """Our rules for exports, as the workflow calls them: those that have no name in their file, as
    each is made for a form; Snakemake numbers them."""
    return {name for name, ours in own_names(workflow).items() if ours.isdecimal()}


# Other commands


@_uses("workflow.delete_output and generate_unit_tests")
def before_commands(
    workflow: Any, delete: Callable[[bool], None], generate_tests: Callable[[], None]
) -> None:
    """Call these before `--delete-all-output` (or `--delete-temp-output`) deletes, and before
    `--generate-unit-tests` writes: they may end the process.

    `delete` is told whether results are really deleted: not temporary files, nor with `-n`.

    Touches `workflow.delete_output`, with its arguments `only_temp` and `dryrun`, and
    `workflow.generate_unit_tests`. No hook runs there. If they are gone: no run begins.
    """
    delete_output, generate = workflow.delete_output, workflow.generate_unit_tests

    def with_deletion(*args: Any, **kwargs: Any) -> Any:
        only_temp, dryrun = (*args, False, False)[:2]
        delete(not (kwargs.get("only_temp", only_temp) or kwargs.get("dryrun", dryrun)))
        return delete_output(*args, **kwargs)

    def with_tests(*args: Any, **kwargs: Any) -> Any:
        generate_tests()
        return generate(*args, **kwargs)

    workflow.delete_output, workflow.generate_unit_tests = with_deletion, with_tests


@_uses("workflow.create_report")
def note_reports(workflow: Any) -> None:
    """Have `makes_report` know when a report is made; called while the rules are read.

    Touches `workflow.create_report`. If it is gone: no run begins.
    """
    create_report = workflow.create_report

    def with_note(*args: Any, **kwargs: Any) -> Any:
        loaded(workflow)["makes_report"] = True
        return create_report(*args, **kwargs)

    workflow.create_report = with_note


def makes_report(workflow: Any) -> bool:
    """Does Snakemake make a report now (`--report`)? See `note_reports`."""
    return bool(loaded(workflow).get("makes_report"))


# Modules


@_uses("workflow.modifier.path_modifier")
def refuse_prefix(workflow: Any) -> None:
    """Refuse a module whose paths are moved: pagewave writes to those of its configuration.

    Touches `workflow.modifier.path_modifier`, and there `prefix`, `_prefix_replacements` and
    `inner_modifier`. If they are gone: no run begins.

    Raises:
        ConfigError: `prefix` or `replace_prefix` is given, here or around.
    """
    modifier = workflow.modifier.path_modifier
    while modifier is not None:
        if modifier.prefix or modifier._prefix_replacements:
            raise ConfigError(
                "A module of pagewave takes no prefix and no replace_prefix: where its files go is "
                "in its configuration (paths.output_dir, books_dir, prepared_dir, logs_dir, "
                "state_dir). Leave it out of the module statement and set those."
            )
        modifier = modifier.inner_modifier


@_uses("workflow.modifier_stack")
def name_in_messages(workflow: Any, names: dict[str, Any]) -> None:
    """Let messages of rules use these names.

    Snakemake looks for names in a message among those of the main Snakefile, also where the rule is
    a module's. Touches the globals of `workflow.modifier_stack[0]`, which is that file's. If it is
    gone: no run begins.
    """
    workflow.modifier_stack[0].globals.update(names)
