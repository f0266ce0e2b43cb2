"""Keeps the terminal readable: a run's own lines, and of Snakemake's only what someone must see.

Snakemake says four lines and more for every wave, and some for every page. Its own `quiet` is no
help: `rules` and `progress` leave half of that, and hide what `-n` is asked for; `all` hides
errors. Everything is in Snakemake's log (`.snakemake/log`), and in the terminal with `--verbose`.
"""

import logging
import os
import sys
from collections.abc import Callable, Collection, Mapping

from pagewave.workflow import sayings
from pagewave.workspace import IS_DEAD


class JobLines(logging.Filter):
    """Refuses what is said of jobs one by one."""

    page_rule = "page"
    """What the workflow calls the rule of pages."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Is the record one to be shown?"""
        if record.levelno < logging.WARNING:
            return False
        text = str(record.msg)
        # A page that dies is told of when its wave ends, and again when the run does. Snakemake
        # says it twice more, and that there is no earlier answer to put back.
        is_death = IS_DEAD in text or text.endswith(sayings.NO_BACKUP)
        return not (is_death or sayings.failed_rule(record) == self.page_rule)


class LookLines(logging.Filter):
    """Refuses what a dry run says of `ours` job by job; those of other workflows' rules are shown.

    A table of waves says it all instead. Of the two counts of jobs, the one at the end stays.
    """

    def __init__(self, ours: Collection[str]) -> None:
        super().__init__()
        self._ours = ours
        self._is_ours = False
        self._has_others = False
        self._counted = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Is the record one to be shown?"""
        rule = sayings.announced_rule(record)
        if rule is not None:
            self._is_ours = rule in self._ours
            self._has_others |= not self._is_ours
            return not self._is_ours
        if sayings.is_of_announced(record):
            return not self._is_ours
        if sayings.is_count(record):
            was_counted, self._counted = self._counted, True
            return was_counted
        return self._has_others or not sayings.is_about_look(record)


class ExpectedStops(logging.Filter):
    """Drops what Snakemake says of waves that were stopped, or are on their way, as of errors.

    `left_open` has what became of each, by its manifest. That a job has failed is dropped as well,
    unless another one has.
    """

    def __init__(self, left_open: Mapping[str, str]) -> None:
        super().__init__()
        self._left_open = left_open
        self._all_is_well = True

    def filter(self, record: logging.LogRecord) -> bool:
        """Is this to be said?"""
        failed = sayings.failed_files(record)
        if failed is not None:
            is_alarm = not failed & set(self._left_open)
            self._all_is_well = self._all_is_well and not is_alarm
            return is_alarm
        text = record.getMessage()
        if sayings.JOB_FAILED in text:
            return not (self._left_open and self._all_is_well)
        return record.levelno < logging.ERROR or not any(
            said in text for said in list(self._left_open.values())
        )


class CalmEnds(logging.Filter):
    """Shows that jobs have failed as no alarm (in red) where all was planned: pages that are dead
    letters, waves that were stopped or are on their way, a budget that was reached.

    `ours`: our rules, as the workflow calls them. `is_planned` is asked once, when Snakemake ends.
    """

    def __init__(self, ours: Collection[str], is_planned: Callable[[], bool]) -> None:
        super().__init__()
        self._ours = ours
        self._ask = is_planned
        self._others_failed = False
        self._is_planned = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record's level, and show it."""
        rule = sayings.failed_rule(record)
        self._others_failed |= rule is not None and rule not in self._ours
        text = str(record.msg)
        if sayings.JOB_FAILED in text:
            self._is_planned = not self._others_failed and self._ask()
        if self._is_planned and (sayings.JOB_FAILED in text or sayings.NOT_ALL in text):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


class PlainWords(logging.Filter):
    """Has Snakemake say of a job that failed what went wrong, without the code that said so."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and show it."""
        if isinstance(record.msg, str):
            record.msg = sayings.without_frames(record.msg)
        return True


_job_lines = JobLines()
_plain_words = PlainWords()


def speak_plainly() -> None:
    """From now on a mistake that a job meets is told without stack frames; a bug keeps its own."""
    sayings.snakemake_log().addFilter(_plain_words)


def drop_expected_stops(left_open: Mapping[str, str]) -> None:
    """From now on Snakemake calls these waves no errors, anywhere."""
    sayings.snakemake_log().addFilter(ExpectedStops(left_open))


def is_for_people() -> bool:
    """Does standard error go to a terminal that a block can be drawn on?"""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def hide(page_rule: str = "page") -> None:
    """From now on Snakemake's lines about jobs stay out of the terminal."""
    _job_lines.page_rule = page_rule
    for handler in sayings.terminals():
        handler.addFilter(_job_lines)


def end_calmly(ours: Collection[str], is_planned: Callable[[], bool]) -> None:
    """From now on an end that was planned is no alarm."""
    sayings.snakemake_log().addFilter(CalmEnds(ours, is_planned))


def hide_look(ours: Collection[str]) -> None:
    """From now on what a dry run says of these rules' jobs one by one stays out of the terminal."""
    for handler in sayings.terminals():
        if not any(isinstance(each, LookLines) for each in handler.filters):
            handler.addFilter(LookLines(ours))


def show() -> None:
    """The run is over: what Snakemake says at last is short."""
    for handler in sayings.terminals():
        handler.removeFilter(_job_lines)
