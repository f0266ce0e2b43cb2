"""The failures that a person asks for, and the dead letters with what brings them back."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pagewave.command_line import option, snakemake
from pagewave.commands.failures import dead_letters
from pagewave.commands.selection import EVERYTHING
from pagewave.config.service import Execution
from pagewave.ledger import Ledger
from pagewave.wording import command_to_clear

MOST_FAILURES = 200
MOST_DEAD_LETTERS = 200
MOST_BOOKS = 500
"""Names of books offered for the filter."""


def failure_list(
    ledger: Ledger,
    execution: Execution,
    config: Sequence[str],
    *,
    error_type: str = "",
    book: str = "",
    text: str = "",
    cleared: bool = False,
) -> dict[str, Any]:
    """Failures that pass the filters (an empty one passes all), newest first, and dead letters.

    Args:
        config: the arguments that name the configuration in a command, if any.
        book: part of `state/school/year`, or of what the levels are.
        text: part of the message, or of what the model wrote.
        cleared: also failures that were forgiven, as by a later good answer.
    """
    with ledger.snapshot():
        total, found = ledger.failures.find(
            error_type, book.replace("/", ":"), text, cleared, MOST_FAILURES
        )
        keys = ledger.failures.keys(cleared)
        kinds = ledger.failures.kinds(cleared)
        letters = dead_letters(ledger, execution, EVERYTHING)
        levels = ledger.identity.levels()
    books = sorted({"/".join(levels.folders(key)) for key in keys})
    return {
        "kinds": kinds,
        "books": books[:MOST_BOOKS],
        "total": total,
        "failures": [failure._asdict() for failure in found],
        "dead_letters": {
            "total": len(letters),
            "letters": [
                asdict(letter) | {"command": command_to_clear(option("--page", letter.key), config)}
                for letter in letters[:MOST_DEAD_LETTERS]
            ],
            "clear_all": command_to_clear(["--all"], config),
            "then": snakemake(config=config),
        },
    }
