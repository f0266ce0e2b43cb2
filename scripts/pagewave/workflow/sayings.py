"""What Snakemake says, record by record: of the seam to its insides (see `internals`) the part that
is about its log.

Snakemake's interface for this are logger plugins. One would have to be installed as a package,
be named in each profile, write all lines itself that are to be seen as they are today, and take
the place of one that a person chose. A filter leaves all others in peace.
"""

import logging
import re

NO_BACKUP = "no backup found."
"""Ends Snakemake's warning that a failed job with an `update` output had no earlier one."""
JOB_FAILED = "Exiting because a job execution failed"
"""In Snakemake's line when a job has failed."""
NOT_ALL = "At least one job did not complete successfully."
"""In Snakemake's last line then."""


def snakemake_log() -> logging.Logger:
    """Where all of Snakemake goes through.

    Touches `snakemake.logging.logger`, which plugins use too. If it is gone: no run begins.
    """
    from snakemake.logging import logger

    log: logging.Logger = logger
    return log


def terminals() -> list[logging.Handler]:
    """Where Snakemake prints; its log file is another handler.

    Touches the handler's name. If it is another: Snakemake's lines about jobs are shown as well.
    """
    return [each for each in snakemake_log().handlers if each.name == "DefaultStreamHandler"]


def announced_rule(record: logging.LogRecord) -> str | None:
    """The rule of the job that this record announces; None if it announces none.

    Touches the record's `event` (`job_info`) and `rule_name`. If they are gone: a dry run tells of
    each job, as Snakemake does.
    """
    if getattr(record, "event", None) != "job_info":
        return None
    return str(getattr(record, "rule_name", ""))


def is_of_announced(record: logging.LogRecord) -> bool:
    """Does this record say more of the job that was announced last?

    Touches the `event` (`shellcmd`) and the words of `Job.log_info`. If they change: a dry run's
    lines are more.
    """
    is_command = getattr(record, "event", None) == "shellcmd"
    return is_command or str(record.msg).startswith("DAG of jobs will be updated after completion")


def is_count(record: logging.LogRecord) -> bool:
    """Does this record count the jobs by rule? Touches `event` (`run_info`) and `stats`."""
    return getattr(record, "event", None) == "run_info" and hasattr(record, "stats")


def is_about_look(record: logging.LogRecord) -> bool:
    """Does this record explain the list of a dry run's jobs?

    Touches the words of `DAG.print_reasons` and `Workflow.execute`. If they change: they are shown.
    """
    text = str(record.msg)
    return text.startswith(("Reasons:\n", "The run involves checkpoint jobs"))


def failed_files(record: logging.LogRecord) -> frozenset[str] | None:
    """The output files of the job whose failure this record tells; None if it tells of none.

    As they are printed: a file with a flag such as `update` has that behind it, in brackets.

    Touches the record's `event` (`job_error`) and `output`. If they are gone: Snakemake calls a
    wave an error that was stopped.
    """
    if getattr(record, "event", None) != "job_error":
        return None
    return frozenset(map(str, getattr(record, "output", ())))


_ERROR_OF_JOB = re.compile(
    r'RuleException:\nWorkflowError in file "[^"\n]*", line \d+:\n(.*?)(\n  File "[^\n]*)*\s*',
    re.DOTALL,
)


def without_frames(text: str) -> str:
    """What Snakemake says of a WorkflowError in a job, without the stack frames around it.

    Touches the words of `RuleException`. If they change: the frames are shown.
    """
    error = _ERROR_OF_JOB.fullmatch(text)
    return error[1] if error else text


def failed_rule(record: logging.LogRecord) -> str | None:
    """The rule of the job whose failure this record tells; None if it tells of none.

    Touches the record's `event` and `rule_name`. If they are gone: a page that died is told again.
    """
    return getattr(record, "rule_name", None) if failed_files(record) is not None else None


class NotForced(logging.Filter):
    """Says `planned by pagewave` where Snakemake says `forced` of files that nobody forced.

    Touches the words of `DAG.print_reasons` and of `Reason` ("Forced execution"). If they change:
    Snakemake's own are shown.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and show it."""
        if isinstance(record.msg, str) and record.msg.startswith("Reasons:\n"):
            record.msg = record.msg.replace("\n    forced:\n", "\n    planned by pagewave:\n")
        if getattr(record, "reason", None) == "Forced execution":
            record.reason = "Planned by pagewave"
        return True


not_forced = NotForced()
