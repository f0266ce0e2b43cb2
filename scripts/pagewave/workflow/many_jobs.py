"""The part of the seam to Snakemake (see `internals`) for many jobs that are ready at once: they
are chosen in one go, those of a rule carried out together, and what they take is worked out once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from itertools import zip_longest
from typing import Any

from pagewave.workflow.internals import _uses, sends_jobs_away

TOGETHER = 16
"""So many jobs of a run_together are one: several of these wait for the disk at once."""

OWN_LIMIT = (100, 1)
"""So many jobs in so many seconds Snakemake starts where nobody says otherwise."""

OWN_TMPDIR = "system_tmpdir"
"""What Snakemake has for `tmpdir` where nobody gave another: Python's own, the same for all."""


def start_at_once(workflow: Any) -> None:
    """Have all jobs started that are ready, where none goes to another machine; called before the
    first.

    Snakemake starts 100 a second, if nobody says otherwise, to spare the schedulers of clusters:
    the books of a large library, ready at the same time, are looked through again each second, with
    all their pages, and each look has a timer that the end of the run waits for. A limit that
    somebody gave stays.

    `--max-jobs-per-timespan` can't be told to have none, and a shorter time than a second is
    misread (ms as minutes). Touches `workflow.scheduler.job_rate_limiter`, which is None in a dry
    run, its `max_jobs` and `timespan`. It saves time alone, so if it is gone: nothing happens.
    """
    limiter = getattr(workflow.scheduler, "job_rate_limiter", None)
    limit = getattr(limiter, "max_jobs", None), getattr(limiter, "timespan", None)
    if limit == OWN_LIMIT and not sends_jobs_away(workflow):
        workflow.scheduler.job_rate_limiter = None


@_uses("the run_jobs of the scheduler's local executor")
def run_together(workflow: Any, rule: str, carry: Callable[[list[Any]], list[bool]]) -> None:
    """Have jobs of a rule that are ready together carried out together; called before the first.

    Args:
        carry: does what jobs with these wildcards do, and says of each whether it did. Of what it
            didn't, or where it fails, each job runs as any other, and tells what is wrong. What it
            writes must be whole or not there at all: Snakemake marks nothing as begun.

    Snakemake's interface for this is an executor's `run_jobs`, which is told all that is ready and
    may carry it out as it likes; but an executor of our own would not do, see `add_threads`. So
    that of the executor there is wrapped. Touches of it `use_threads`, `pool`, `run_jobs`,
    `run_job`, `run_job_pre`, `report_job_success` and `_callback`. If they are gone: the run does
    not begin.
    """
    from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

    scheduler = workflow.scheduler
    executor = scheduler._local_executor or scheduler._executor
    run_jobs = executor.run_jobs
    _ = executor.run_job, executor.run_job_pre, executor.report_job_success, executor._callback
    if not executor.use_threads:
        return  # each job is a process, which the ones of a wave can't share

    def is_ours(job: Any) -> bool:
        return not job.is_group() and bool(job.rule.name == rule)

    def run(jobs: list[Any]) -> None:
        ours = [job for job in jobs if is_ours(job)]
        run_jobs([job for job in jobs if not is_ours(job)])
        for job in ours:
            executor.run_job_pre(job)
        for at in range(0, len(ours), TOGETHER):
            executor.pool.submit(run_part, ours[at : at + TOGETHER])

    def run_part(jobs: list[Any]) -> None:
        done: list[bool] = []
        with suppress(Exception):  # each job's own run meets it again
            done = carry([job.wildcards for job in jobs])
        for job, is_done in zip_longest(jobs, done[: len(jobs)], fillvalue=False):
            told = SubmittedJobInfo(job=job)
            try:
                executor.report_job_success(told) if is_done else executor.run_job(job)
            except Exception as error:  # else it would be waited for without an end
                failed = Future[None]()
                failed.set_exception(error)
                executor._callback(told, failed)

    executor.run_jobs = run


@_uses("a rule's resources and expand_resources")
def same_resources(workflow: Any, rule: str) -> None:
    """Have what jobs of a rule take worked out once, where it is the same for all of them; called
    before the first.

    Snakemake evaluates `tmpdir` for each job, though it is the same in a process unless a person
    gave another expression. Where any other resource is a function, each job is asked as ever.

    No interface does it. Touches `workflow.rules`, and of the rule `name`, `expand_resources`,
    which is replaced, and `resources`, with `is_evaluable` and `raw` of each. If they are gone: the
    run does not begin.
    """
    found = next((each for each in workflow.rules if each.name == rule), None)
    if found is None:
        return  # another workflow took some of our rules alone
    expand, known = found.expand_resources, dict[frozenset[str], Any]()
    if any(each.is_evaluable() and each.raw != OWN_TMPDIR for each in found.resources.values()):
        return

    def expand_once(
        wildcards: Any, given: Any, attempt: int, skip_evaluation: Collection[str] | None = None
    ) -> Any:
        skipped = frozenset(skip_evaluation or ())
        if skipped not in known:
            known[skipped] = expand(wildcards, given, attempt, skip_evaluation=skipped)
        once = known[skipped]
        return type(once)(fromdict=dict(once.items()))  # a job may add to its own

    found.expand_resources = expand_once


@_uses("workflow.scheduler and what selects its jobs")
def choose_at_once(workflow: Any) -> None:
    """Have jobs chosen as Snakemake's `greedy` does, but in one go; called before the first job.

    Greedy takes the job with the highest priority that still fits, and looks through all others
    again for each one that it takes: of 10,000 that are ready (pages of one batch) that is a
    minute. Sorted once, the same ones are taken. Another scheduler stays as it is.

    Snakemake's interface for this are scheduler plugins. One would have to be installed as a
    package of a certain name, and `scheduler: greedy` in a profile name it, so that without it no
    command works. Touches `workflow.scheduler._scheduler` (its class's module, `job_reward`) and
    `_job_selector`. If they are gone: the run does not begin.
    """
    scheduler = workflow.scheduler
    greedy, _ = scheduler._scheduler, scheduler._job_selector
    if type(greedy).__module__ != "snakemake.scheduling.greedy":
        return
    if greedy.settings.greediness == 1:

        def select(
            jobs: Sequence[Any],
            remaining: Sequence[Any],
            available: Mapping[str, Any],
            input_sizes: dict[Any, int],
        ) -> list[Any]:
            rewards = {job: greedy.job_reward(job, input_sizes) for job in jobs}
            return fitting(sorted(jobs, key=rewards.__getitem__, reverse=True), available)

        scheduler._job_selector = select


def fitting(jobs: Sequence[Any], available: Mapping[str, Any]) -> list[Any]:
    """The jobs that the resources are enough for, if each takes what the ones before it left."""
    left, chosen = dict(available), []
    for job in jobs:
        needs = {name: amount for name, amount in job.scheduler_resources.items() if name in left}
        if all(amount <= left[name] for name, amount in needs.items() if amount > 0):
            chosen.append(job)
            for name, amount in needs.items():
                left[name] -= amount
    return chosen
