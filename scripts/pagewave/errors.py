"""The errors a person sees: each says what is wrong, where, and what to do next.

Anything else that reaches the top is a bug and keeps its traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import ClassVar, Literal, TypeVar

from pagewave.characters import clean
from pagewave.redaction import hide_keys, traceback_without_keys

T = TypeVar("T")

ErrorType = Literal[
    "APIError",
    "AccountLimited",
    "AnswerLost",
    "BadBatch",
    "BadRequest",
    "BatchCancelled",
    "BatchExpired",
    "BatchFailed",
    "Blocked",
    "BrokenOff",
    "Echo",
    "EmptyAnswer",
    "EmptyOnInk",
    "FileNotFound",
    "JSONDecodeError",
    "MissingResponse",
    "Recitation",
    "Repetition",
    "ServiceRefused",
    "ServiceTrouble",
    "TextOnBlank",
    "Truncated",
    "UploadFailed",
    "ValidationError",
]
"""Why an attempt may fail; a retry can change the model's settings by it."""

BATCH_ERROR_TYPES = frozenset(
    {
        *("ServiceTrouble", "ServiceRefused", "AccountLimited", "BadBatch", "BadRequest"),
        *("BatchFailed", "BatchExpired", "BatchCancelled", "UploadFailed", "FileNotFound"),
        "AnswerLost",
    }
)
"""Failures before or outside of the reading of the record: they don't use up its attempts."""


class PagewaveError(Exception):
    """Base of all errors meant for the user; `exit_code` is what a command ends with."""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        # A service may repeat the key in what it says, and say it in whatever characters.
        return clean(hide_keys(super().__str__()))


class ConfigError(PagewaveError):
    """The configuration, `.env` or a prompt is not usable."""

    exit_code = 2


class UnknownName(PagewaveError):
    """An argument of a command names what does not exist; as argparse, it ends with 2."""

    exit_code = 2


class DataError(PagewaveError):
    """A label or an image is missing, unreadable or badly named."""

    exit_code = 3


class LedgerError(PagewaveError):
    """The ledger cannot be opened, or does not hold what it must."""

    exit_code = 4


class ServiceError(PagewaveError):
    """Gemini refused for good: key, model name, quota. Repeating the call would not help."""

    exit_code = 5


class DeadLetter(PagewaveError):
    """A page was given up; the message says why, and how it is tried again."""


class RunStopped(PagewaveError):
    """The run was told to stop (Ctrl-C, SIGTERM); the same command goes on from there."""

    exit_code = 6


class OnItsWay(PagewaveError):
    """Nothing failed, but `execution.wait` is false and there is something to wait for."""

    exit_code = 7


class BudgetReached(PagewaveError):
    """What is left of the budget might not do for the next wave: nothing more is sent."""

    exit_code = 8


WORST_FIRST = (4, 6, 5, 2, 3, 8, 7, 1)
"""Exit codes of a run in which several things went wrong: it ends with the first of these. What
stops every run comes first, then what a person has to mend, then what mends itself."""


def is_worse(exit_code: int, than: int) -> bool:
    """Does a run end with this exit code rather than with the other?"""
    return WORST_FIRST.index(exit_code) < WORST_FIRST.index(than)


def failure(exit_code: int, message: str) -> PagewaveError:
    """The error that ends a run as one of its jobs did."""
    kinds = (ConfigError, DataError, LedgerError, ServiceError)
    kind = next((kind for kind in kinds if kind.exit_code == exit_code), PagewaveError)
    return kind(message)


def exit_on_error(call: Callable[[], T]) -> T:
    """Call, and turn a user's mistake into its message and exit code."""
    try:
        return call()
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception:
        if hidden := traceback_without_keys():
            print(hidden, file=sys.stderr)
            sys.exit(PagewaveError.exit_code)
        raise
