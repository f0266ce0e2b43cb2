"""Which books stay outside of the DAG; a part of the seam to Snakemake (see `internals`).

A book that is settled (`plan/settled.py`) is there for whoever names it, but its pages are no jobs,
and the default target does not name it. That is so where Snakemake carries out jobs or shows what
it would carry out, by files' dates: whoever asks about outputs (`--summary`, `--report`,
`--delete-all-output`, …), forces rules or cuts the DAG gets the whole of it.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pagewave.plan.settled import settled_books
from pagewave.plan.targets import Wanted
from pagewave.workflow.internals import _uses, is_alone, loaded
from pagewave.workspace import Workspace


@dataclass(frozen=True)
class Outside:
    """Books outside of the DAG by id; `are_named`: the default target names them all the same, as
    its files are those of another workflow's rule too."""

    books: frozenset[str] = frozenset()
    are_named: bool = True


@_uses("workflow.execute")
def note_execution(workflow: Any) -> None:
    """Have `books_outside` know when jobs are carried out or shown; called while the rules are
    read.

    Touches `workflow.execute`, which no command calls that asks about outputs. If it is gone: no
    run begins.
    """
    execute = workflow.execute

    def with_note(*args: Any, **kwargs: Any) -> Any:
        loaded(workflow)["executes"] = True
        return execute(*args, **kwargs)

    workflow.execute = with_note


@_uses("workflow.dag.forcefiles and workflow.dag_settings")
def books_outside(workflow: Any, workspace: Workspace, wanted: Wanted) -> Outside:
    """What stays outside; called while the DAG is built, once it is known what is made again.

    Touches `workflow.dag.forcefiles`, which `-R` and `internals.make_again` fill. If it is gone:
    the DAG is not built, so nothing is sent.
    """
    if not _is_plain(workflow):
        return Outside()
    again = {str(file) for file in workflow.dag.forcefiles}
    books = settled_books(workspace, wanted, again, lambda files: _incomplete(workflow, files))
    # A rule of theirs may have the inputs of our default target, and is given all of them.
    return Outside(books, are_named=not is_alone(workflow))


def _is_plain(workflow: Any) -> bool:
    """Are jobs carried out or shown, and does nothing but their files decide which?

    Touches `workflow.touch`, `storage_settings.default_storage_provider` and of
    `workflow.dag_settings` what forces rules (`forceall`, `forcetargets`, `forcerun`) or says which
    jobs count (`until`, `omit_from`, `allowed_rules`, `target_jobs`, `batch`).
    """
    dag = workflow.dag_settings
    rules = {rule.name for rule in workflow.rules}
    forces = dag.forceall or dag.forcetargets or rules & set(dag.forcerun)
    cuts = dag.until or dag.omit_from or dag.allowed_rules or dag.target_jobs or dag.batch
    elsewhere = workflow.storage_settings.default_storage_provider
    executes = loaded(workflow).get("executes", False) and not workflow.touch
    return bool(executes and not forces and not cuts and not elsewhere)


def _incomplete(workflow: Any, files: Collection[str]) -> set[str]:
    """Those of the files that a job was writing when it was killed.

    Touches `workflow.persistence._filter_incomplete_keys`, which `persistence.incomplete` asks for
    the outputs of a job; here there is no job yet. And `_incomplete_path`, which saves time alone.
    """
    persistence = workflow.persistence
    folder = getattr(persistence, "_incomplete_path", None)
    if folder and not any(marks for _, _, marks in os.walk(folder)):
        return set()  # mostly so, and to work out the name of each file's mark takes longer
    return set(persistence._filter_incomplete_keys(list(files)))
