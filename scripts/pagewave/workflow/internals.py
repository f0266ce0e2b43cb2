"""The one seam to Snakemake's insides: all that pagewave uses of it beyond what it documents. (The
other half, what is ensured whoever loads these rules and with whatever options, is `guarantees`.)

Each function names what it touches, what happens if that is gone, and why no interface of Snakemake
does instead. All of them were tested with Snakemake 9.27 (tests/workflow/test_internals.py, where
the three riskiest have a small Snakefile each); another version is told before anything is sent.

No function here, but relied on just as much: **when a checkpoint has ended, Snakemake asks the
input functions of all jobs that wait for it again** (`DAG.update_checkpoint_dependencies`). Its
handbook promises that for functions that call `checkpoints.wave.get()`, which would hide all waves
but the first; here they name the checkpoint's output. So a page that failed learns which wave is
next. Were it gone, such a page would not wait for that wave, and its job fail: the run ends with an
error, nothing is lost, and the same command reads on. Two open changes of Snakemake rework this
place (its pull requests 3864 and 3982).
"""

import re
import signal
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pagewave.command_line import again
from pagewave.config.data import Paths
from pagewave.errors import ConfigError
from pagewave.plan.targets import Command
from pagewave.workflow.sayings import not_forced, snakemake_log

P = ParamSpec("P")
T = TypeVar("T")

OLDEST_TESTED = (9, 27)
NEWEST_TESTED = (9, 27)
"""Major and minor version of Snakemake; the Snakefile refuses what is older than 9.27.1."""
INSTALL_TESTED = "pip install 'snakemake>=9.27.1,<9.28'"


def version() -> str:
    """Snakemake's version, such as `9.27.1`."""
    import snakemake

    return str(snakemake.__version__)


def warning_of_version(installed: str) -> str | None:
    """What to tell a person before anything is sent; None for a version that was tested.

    Raises:
        ConfigError: another major version, whose insides are others for certain.
    """
    found = re.match(r"(\d+)\.(\d+)", installed)
    numbers = (int(found[1]), int(found[2])) if found else None
    if numbers and OLDEST_TESTED <= numbers <= NEWEST_TESTED:
        return None
    tested = ".".join(map(str, NEWEST_TESTED))
    if numbers and numbers[0] != NEWEST_TESTED[0]:
        raise ConfigError(
            f"This is Snakemake {installed}, and pagewave works with {tested}. Nothing was sent. "
            f"To install that: {INSTALL_TESTED}"
        )
    return (
        f"this is Snakemake {installed}, and pagewave was tested with {tested} alone. Nothing paid "
        f"is lost if they don't fit, but a run may stop. Should it: {INSTALL_TESTED}"
    )


def _uses(attribute: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Of a function: that `attribute` is gone becomes an error that says what to do."""

    def guard(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except (AttributeError, ImportError, KeyError) as error:
                raise ConfigError(
                    f"Snakemake {version()} does not have what pagewave uses of it, {attribute} "
                    f"({error}). To install one that does: {INSTALL_TESTED}"
                ) from error

        return guarded

    return guard


# What was asked for


@_uses("workflow.dag_settings")
def command_of(workflow: Any) -> Command:
    """The parts of the command line that decide about pages.

    Touches `workflow.dag_settings` (`targets`, `forceall`, `forcetargets`, `forcerun`), which are
    what Snakemake's own API takes (`snakemake.api.DAGSettings`). A Snakefile has no other way to
    its targets. A forced rule of another workflow is none of ours, whatever its name. If they
    are gone: nothing is planned, so nothing is sent.
    """
    dag = workflow.dag_settings
    ours = own_names(workflow)
    # As a module our rules may have other names, and theirs the ones that ours have here.
    theirs = {rule.name for rule in workflow.rules} & set(ours.values()) - set(ours)
    return Command(
        targets=dag.targets,
        force_all=dag.forceall,
        force_targets=dag.forcetargets,
        forced={ours.get(name, name) for name in dag.forcerun if name not in theirs},
        typed=again(),
    )


@_uses("workflow.config_settings.overwrite_config")
def config_of_command(workflow: Any) -> dict[str, Any]:
    """What `--configfile` and `--config` say, put together.

    Touches `workflow.config_settings.overwrite_config`. If it is gone: no run begins.
    """
    return dict(workflow.config_settings.overwrite_config)


@_uses("workflow.config_settings.configfiles")
def files_of_command(workflow: Any) -> list[Path]:
    """The files that `--configfile` names.

    Touches `workflow.config_settings.configfiles` and `workdir_init`. If they are gone: no run
    begins.
    """
    return [Path(workflow.workdir_init, file) for file in workflow.config_settings.configfiles]


@_uses("workflow.dryrun")
def is_dry_run(workflow: Any) -> bool:
    """Does Snakemake only look (`-n`)? Known once it has read the whole Snakefile.

    Touches `workflow.dryrun`. If it is gone: nothing is planned, so nothing is sent.
    """
    return bool(workflow.dryrun)


@_uses("workflow.touch")
def is_touched(workflow: Any) -> bool:
    """Does Snakemake only mark files as up to date (`--touch`)? Known once it has made its DAG.

    Touches `workflow.touch`. If it is gone: the run does not begin.
    """
    return bool(workflow.touch)


@_uses("workflow.subprocess_exec")
def is_job_process(workflow: Any) -> bool:
    """Is this the process of a single job, which a head on this machine started?

    Touches `workflow.subprocess_exec`. If it is gone: no run begins.
    """
    return bool(workflow.subprocess_exec)


@_uses("workflow.remote_exec")
def is_remote_job(workflow: Any) -> bool:
    """Is this a job that an executor started on another machine?

    Touches `workflow.remote_exec`. If it is gone: no run begins.
    """
    return bool(workflow.remote_exec)


@_uses("workflow.non_local_exec")
def sends_jobs_away(workflow: Any) -> bool:
    """Does an executor such as Slurm's carry jobs to other machines?

    Touches `workflow.non_local_exec`. If it is gone: nothing is planned, so nothing is sent.
    """
    return bool(workflow.non_local_exec)


@_uses("workflow.storage_settings.default_storage_provider")
def is_apart(workflow: Any) -> bool:
    """Do jobs on other machines share no disk with this one (`--default-storage-provider`)?

    Touches `workflow.storage_settings.default_storage_provider`. If it is gone: no run begins.
    """
    return workflow.storage_settings.default_storage_provider is not None


@_uses("workflow.modifier_stack and their path_modifier.apply_default_storage")
def keep_here(workflow: Any, paths: Paths) -> None:
    """Keep what lies in these folders on this machine's disk, where files have a default storage.

    Touches `apply_default_storage` of the `path_modifier` of our rules, and of the main Snakefile,
    by which files are found that are typed as targets. Snakemake's own way is the flag `local`: an
    input function would have to put it on each page's file, and a typed target has none. If it is
    gone: no run begins.
    """
    folders = tuple(f"{getattr(paths, name)}/" for name in paths.folders())

    def keep(path: Any, apply: Callable[[Any], Any]) -> Any:
        return path if isinstance(path, str) and path.startswith(folders) else apply(path)

    for modifier in {
        id(each): each for each in (*workflow.modifier_stack, workflow.modifier)
    }.values():
        ours = modifier.path_modifier
        ours.apply_default_storage = partial(keep, apply=ours.apply_default_storage)


@_uses("workflow.output_settings.verbose")
def is_verbose(workflow: Any) -> bool:
    """Was `--verbose` given?

    Touches `workflow.output_settings`. If it is gone: the run does not begin.
    """
    return bool(workflow.output_settings.verbose)


# Whose rules these are
#
# Another workflow may load this one, by `include` or as a module, and give its rules other names.


@_uses("workflow and its attributes")
def loaded(workflow: Any) -> dict[str, Any]:
    """What was loaded for this workflow: kept with it, as a module's Snakefile may be read twice
    (each `use rule … from` reads it again).

    Touches the workflow's `__dict__`. If it is gone: no run begins.
    """
    kept: dict[str, Any] = vars(workflow).setdefault("_pagewave", {})
    return kept


@_uses("workflow.rules, their snakefile and run_func")
def own_names(workflow: Any) -> dict[str, str]:
    """Our rules: as the workflow calls them (`pw_page`), and as the files here do (`page`).

    Touches of each rule `name`, `snakefile` and `run_func`, the function that Snakemake compiles
    and whose code keeps the rule's first name. No interface tells them. If they are gone: nothing
    is planned, so nothing is sent.
    """
    root = loaded(workflow).get("root")
    return {
        rule.name: rule.run_func.__code__.co_name.removeprefix("__rule_")
        for rule in workflow.rules
        if root is not None
        and rule.run_func
        and Path(rule.snakefile).resolve().is_relative_to(root)
    }


def is_alone(workflow: Any) -> bool:
    """Are all rules of the workflow ours, so that no other workflow loads them?"""
    return {rule.name for rule in workflow.rules} == set(own_names(workflow))


# What is made


@_uses("workflow.dag.forcefiles")
def make_again(workflow: Any, files: Collection[str]) -> None:
    """Have these files made, also those that are there; called while the DAG is built.

    Touches `workflow.dag.forcefiles`, the set that `-R` and `-f` fill: the one way to have a file
    made again without deleting it first, which would lose what a person paid for if the run then
    fails. Snakemake looks at it each time that it works out which jobs are to run. If it is gone:
    the DAG is not built, so nothing is sent.

    Snakemake calls such a job forced. Where the command line forces nothing, its words are changed:
    see `sayings.NotForced`.
    """
    workflow.dag.forcefiles.update(files)
    asked = command_of(workflow)
    if not (asked.force_all or asked.force_targets or asked.forced):
        snakemake_log().addFilter(not_forced)


@_uses("workflow.global_resources")
def set_default_resource(workflow: Any, name: str, value: int) -> None:
    """Let at most `value` of a resource be in use at once, unless `--resources` says otherwise.

    Touches `workflow.global_resources`, a mapping. A profile's `resources:` would do the same, but
    the number is in config/config.yaml. If it is gone: no run begins.
    """
    workflow.global_resources.setdefault(name, value)


@_uses("workflow.global_resources")
def resource(workflow: Any, name: str) -> int:
    """How much of a resource may be in use at once; raises ConfigError if that is gone."""
    return int(workflow.global_resources[name].value)


def fix_parameters(functions: Iterable[Callable[..., Any]]) -> None:
    """Tell Snakemake once what input functions take; else it works that out for every job.

    Touches `snakemake.common.overwrite_function_params`. It saves time alone, so if it is gone:
    nothing happens.
    """
    try:
        from snakemake.common import overwrite_function_params
    except ImportError:
        return
    for function in functions:
        overwrite_function_params(function, signature(function).parameters)


# Who carries it out


@_uses("workflow.scheduler and the pool of its local executor")
def add_threads(workflow: Any, more: int) -> None:
    """Give the executor of local jobs `more` threads; called before the first job.

    Snakemake gives it `cores` + 5. Waves that wait for days would take them all, and neither
    another wave nor a page could start.

    Touches `workflow.scheduler._local_executor` (None without another executor), `._executor`, and
    of the executor `workers` and `pool`, which is replaced while no job is in it. An executor
    plugin of our own would not do: under `--executor slurm`, too, local jobs go to Snakemake's own
    executor `local`, and a plugin has to be installed as a package of a certain name. If it is
    gone: the run does not begin.
    """
    scheduler = workflow.scheduler
    executor = scheduler._local_executor or scheduler._executor
    idle = executor.pool
    workers = executor.workers + more
    executor.workers, executor.pool = workers, ThreadPoolExecutor(workers)
    idle.shutdown(wait=False)


@_uses("workflow.scheduler")
def slurm_name(workflow: Any) -> str | None:
    """The name that Slurm knows all jobs of this run by; None under another executor.

    Touches `workflow.scheduler._executor` and there `run_uuid` of the Slurm plugin (tested with
    2.8). If `run_uuid` is gone: jobs of a run that dies can't be cancelled by name.
    """
    name = getattr(workflow.scheduler._executor, "run_uuid", None)
    return None if name is None else str(name)


def end_gently() -> Callable[..., Any] | None:
    """What ends Snakemake after the jobs that are running, to be called as a signal handler is.

    Touches the handler of SIGTERM (`JobScheduler.exit_gracefully`), which Snakemake sets before its
    first job: ours takes its place and calls it. There is no other way to stop a schedule. If it is
    gone: the process ends as after a crash, `PATIENCE_SECONDS` after the signal.
    """
    handler = signal.getsignal(signal.SIGTERM)
    return handler if callable(handler) else None
