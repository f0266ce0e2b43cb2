"""Keeps the terminal readable: a run's own lines, and of Snakemake's only what someone must see.

Snakemake says four lines and more for every wave, and some for every page. Its own `quiet` is no
help: `rules` and `progress` leave half of that, and hide what `-n` is asked for; `all` hides
errors. Everything is in Snakemake's log (`.snakemake/log`), and in the terminal with `--verbose`.
"""

import logging

from pagewave.workspace import IS_DEAD


class _Chatter(logging.Filter):
    """Refuses what is said of jobs one by one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Is the record one to be shown?"""
        if record.levelno < logging.WARNING:
            return False
        text = str(record.msg)
        # A page that dies is told of when its wave ends, and again when the run does. Snakemake
        # says it twice more, and that there is no earlier answer to put back.
        is_death = IS_DEAD in text or text.endswith("no backup found.")
        of_page = getattr(record, "event", None) == "job_error" and _rule(record) == "page"
        return not (is_death or of_page)


def _rule(record: logging.LogRecord) -> str | None:
    return getattr(record, "rule_name", None)


_chatter = _Chatter()


def quieten() -> None:
    """From now on Snakemake's chatter stays out of the terminal."""
    for handler in _terminals():
        handler.addFilter(_chatter)


def speak_again() -> None:
    """The run is over: what Snakemake says at last is short."""
    for handler in _terminals():
        handler.removeFilter(_chatter)


def _terminals() -> list[logging.Handler]:
    """Where Snakemake prints; its log file is another handler."""
    from snakemake.logging import logger

    return [handler for handler in logger.handlers if handler.name == "DefaultStreamHandler"]
