"""The part of the seam to Snakemake (see `internals`) for looks at each job of the DAG, which find
what the rules alone tell, or the names of files do.
"""

import os
from collections.abc import Collection
from typing import Any

from pagewave.workflow.internals import is_alone


def spare_looks(workflow: Any) -> None:
    """Have the DAG pass over what can find nothing; called when it is there and not built yet.

    - `update_conda_envs` works out the parameters of all jobs, to ask for their environments.
    - `check_directory_outputs` sorts path objects of all outputs, to find one inside of another.

    Where a rule has an environment, or an output lies in one, Snakemake does as ever; so it does
    where another workflow's rules are among ours. Touches `workflow.dag`, both of these functions,
    `dag.jobs`, `output` of a job and `conda_env` of a rule. It saves time alone (6 % of a dry run
    of 10,000 pages), so if any of it is gone: nothing happens.
    """
    dag = workflow.dag
    environments = getattr(dag, "update_conda_envs", None)
    directories = getattr(dag, "check_directory_outputs", None)
    rules = list(workflow.rules)
    if not (environments and directories) or not is_alone(workflow):
        return
    if all(getattr(rule, "conda_env", "unknown") is None for rule in rules):
        dag.update_conda_envs = lambda: None

    def look_at_names() -> None:
        here = os.getcwd()  # noqa: PTH109  (text: path objects are what takes long)
        if _has_one_inside({os.path.join(here, file) for job in dag.jobs for file in job.output}):  # noqa: PTH118
            directories()

    dag.check_directory_outputs = look_at_names


def _has_one_inside(files: Collection[str]) -> bool:
    """Does one of these paths, which are absolute, lie in another one of them?"""
    folders, new = set[str](), {os.path.dirname(file) for file in files}  # noqa: PTH120
    while new:
        folders |= new
        new = {os.path.dirname(folder) for folder in new} - folders  # noqa: PTH120
    return not folders.isdisjoint(files)
