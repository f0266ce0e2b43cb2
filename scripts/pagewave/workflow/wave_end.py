"""The part of the seam to Snakemake (see `internals`) for what follows when a wave has ended.

Snakemake makes all jobs that depend on a checkpoint anew, and works out for every job of the DAG
whether it needs to run: of 10,000 pages that is seconds of CPU for each wave. Where a wave ended as
predicted, nothing would come out otherwise.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pagewave.workflow.internals import _uses


@_uses("workflow.dag.update_checkpoint_dependencies and what it does to jobs")
def keep_what_stays(
    workflow: Any, rule: str, needs: Mapping[str, Callable[[Any], list[str]]] | None = None
) -> None:
    """Leave the DAG as it is when a checkpoint of this rule has ended and changed no job's inputs.

    Args:
        needs: of some rules, what a job with these wildcards needs, told more quickly than by
            Snakemake, which is asked where that is not what the job has.

    Its dependents are asked for their inputs, as Snakemake does. If any has others than it had, or
    for any other checkpoint, everything is worked out anew, as ever: no edge is moved here.

    No interface does it (docs/scaling.md has what to report upstream). Touches
    `workflow.dag.update_checkpoint_dependencies`, which is replaced, `.depending`, and of jobs
    `rule.expand_input`, `wildcards_dict`, `input`, `output`, `is_checkpoint`; and
    `workflow.checkpoints.created_output`. If they are gone: the run does not begin.
    """
    dag, created = workflow.dag, workflow.checkpoints.created_output
    update = dag.update_checkpoint_dependencies
    quickly = needs or {}

    def changed(job: Any) -> bool:
        needed = quickly.get(job.rule.name)
        is_as_it_was = needed is not None and needed(job.wildcards) == list(map(str, job.input))
        return not is_as_it_was and _changed(dag, job)

    async def update_what_changed(jobs: Collection[Any] | None = None) -> bool:
        ended = [job for job in jobs or () if job.is_checkpoint]
        if not ended or any(job.rule.name != rule for job in ended):
            return bool(await update(jobs))
        if any(changed(job) for ended_job in ended for job in dag.depending[ended_job]):
            return bool(await update(jobs))
        for job in ended:
            created.update(job.output)
        return False

    dag.update_checkpoint_dependencies = update_what_changed


def _changed(dag: Any, job: Any) -> bool:
    """Does a job need other files than it was made for?"""
    groupid = dag.workflow.group_settings.local_groupid
    now, _, _, incomplete = job.rule.expand_input(job.wildcards_dict, groupid=groupid)
    return bool(incomplete) or list(map(str, now)) != list(map(str, job.input))
