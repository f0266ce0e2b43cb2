"""Keeps Snakemake from calling a wave an error that was stopped, or is on its way."""

import logging
from collections.abc import Mapping

JOB_ERROR = "job_error"
CLOSING_WORDS = "Exiting because a job execution failed"


class FalseAlarms(logging.Filter):
    """Drops what Snakemake says of these waves: of each, what became of it, by its manifest.

    That a job has failed is dropped as well, unless another one has.
    """

    def __init__(self, left_open: Mapping[str, str]) -> None:
        super().__init__()
        self._left_open = left_open
        self._all_is_well = True

    def filter(self, record: logging.LogRecord) -> bool:
        """Is this to be said?"""
        if getattr(record, "event", None) == JOB_ERROR:
            is_alarm = not set(getattr(record, "output", ())) & set(self._left_open)
            self._all_is_well = self._all_is_well and not is_alarm
            return is_alarm
        text = record.getMessage()
        if CLOSING_WORDS in text:
            return not (self._left_open and self._all_is_well)
        return record.levelno < logging.ERROR or not any(
            said in text for said in list(self._left_open.values())
        )
