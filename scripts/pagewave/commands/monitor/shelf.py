"""The books with how each of their pages stands, and what of it needs a person."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from pagewave.command_line import script, snakemake
from pagewave.config.settings import Settings
from pagewave.ledger import Ledger
from pagewave.pages.dataset import Dataset
from pagewave.waves.status import RunStatus
from pagewave.wording import command_to_clear, count

DONE, IN_FLIGHT, FLAGGED, FAILED, WAITING = "d", "i", "f", "x", "w"
"""How a page stands. Flagged: it was read, and a person should look at it. Failed: it was given up;
what failed once and is asked again is waiting."""


class BookRow(NamedTuple):
    """A book: the numbers of its pages, and of each one letter that says how it stands.

    `name` is the folder that tells most, `beside` are the others.
    """

    folders: tuple[str, ...]
    name: str
    beside: tuple[str, ...]
    pages: tuple[int, ...]
    stand: str


class Need(NamedTuple):
    """Something that a person should do: why, what to type, if anything, and where to look.

    `view` is a part of the page, such as `failures`. `is_bad`: nothing goes on without it.
    """

    text: str
    command: str | None = None
    view: str | None = None
    is_bad: bool = False


def books(
    ledger: Ledger, settings: Settings, dataset: Dataset, run_id: str | None, engine: str
) -> tuple[BookRow, ...]:
    """All books of the data set, of the newest run and of what is on file, in their order.

    Args:
        engine: whose failures count.
    """
    levels = dataset.levels
    numbers: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for page in dataset.pages:
        numbers[page.folders].add(page.number)
    planned = [page.key for page in ledger.runs.pages(run_id)] if run_id else []
    read = ledger.overview.read()
    for key in {*planned, *read}:
        numbers[levels.folders(key)].add(int(key.rpartition(":")[2]))
    limits = settings.execution
    stand = dict.fromkeys(read - ledger.runs.rebuilds().keys(), DONE)
    stand |= dict.fromkeys(stand.keys() & ledger.overview.in_doubt(), FLAGGED)
    dead = ledger.failures.dead_letters(engine, limits.max_retries, limits.max_batch_failures)
    stand |= dict.fromkeys(dead, FAILED)
    stand |= dict.fromkeys(ledger.overview.in_flight(), IN_FLIGHT)
    return tuple(
        BookRow(
            book,
            levels.heading(book),
            tuple(levels.beside(book)),
            tuple(of_book),
            _letters(":".join(book), of_book, stand),
        )
        for book, found in sorted(
            numbers.items(), key=lambda found: tuple(levels.values(found[0]).values())
        )
        for of_book in [sorted(found)]
    )


def _letters(prefix: str, pages: Iterable[int], stand: dict[str, str]) -> str:
    return "".join(stand.get(f"{prefix}:{number}", WAITING) for number in pages)


def needs(
    ledger: Ledger,
    status: RunStatus | None,
    rows: Iterable[BookRow],
    goes_on: bool,
    problem: str | None,
) -> list[Need]:
    """What a person should do, what stops everything first.

    Args:
        problem: what is wrong with the data set.
    """
    found = [Need(problem, is_bad=True)] if problem else []
    if status is not None and not goes_on:
        found += _of_run(ledger, status)
    elif status is not None and status.over_budget:
        found.append(Need(status.over_budget, is_bad=True))
    letters = "".join(row.stand for row in rows)
    if failed := letters.count(FAILED):
        behind = status.pages_blocked if status else 0
        wait = f"; {count(behind, 'page')} behind can't be read" if behind else ""
        text = (
            f"{count(failed, 'page')} failed for good{wait}. Once that is mended, try again with:"
        )
        found.append(Need(text, command_to_clear(["--all"]), "failures", is_bad=True))
    if flagged := letters.count(FLAGGED):
        doubt = "is in doubt" if flagged == 1 else "are in doubt"
        text = f"{count(flagged, 'page')} {doubt}: compare scan and text."
        found.append(Need(text, script("flags"), "flagged"))
    return found


def _of_run(ledger: Ledger, status: RunStatus) -> list[Need]:
    """What a run that ended, or broke off, leaves to a person."""
    again = snakemake()
    if status.ended_at is None:
        text = "The run broke off. The same command goes on where it stood:"
        return [Need(text, again, is_bad=True)]
    found = []
    if status.over_budget:
        found.append(Need(status.over_budget, is_bad=True))
    elif trouble := ledger.runs.trouble(status.id):
        text = f"The run ended with code {trouble.exit_code}: {trouble.message}"
        found.append(Need(text, is_bad=True))
    if status.batches:
        one = len(status.batches) == 1
        what = "1 batch is" if one else f"{len(status.batches)} batches are"
        text = f"{what} at the service still. The same command takes in what comes of it:"
        found.append(Need(text, again))
    return found
