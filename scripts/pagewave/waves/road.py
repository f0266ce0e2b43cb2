"""The seam between a wave and how its pages travel: a road carries them, in a batch or in calls.

`batch_road` sends the next page of every chain in one batch; `call_road` reads each chain page
after page, in single calls, for as long as a wave may take. A wave looks the same whichever road it
took: its pages have outcomes, and what one road read is free for the other.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pagewave.gemini.session import Session
from pagewave.ledger import MemberOutcome


@dataclass(frozen=True)
class Trip:
    """One wave to be carried: `legs` are the pages that each of its chains has still to read.

    `started_at`: when the wave began (Unix seconds), which may be before its job did (`ahead`).

    `write` puts answers (the numbers of attempts, by key) into the files of their pages, and tells
    which it wrote. A wave writes what it read before its job ends, and calls, which carry several
    pages of a chain, each at once: the page behind is asked with it.
    """

    session: Session
    run_id: str
    lane: int
    number: int
    legs: Sequence[Sequence[str]]
    write: Callable[[Mapping[str, int]], Collection[str]]
    started_at: float

    @property
    def name(self) -> str:
        """What the wave is called in messages."""
        return f"lane {self.lane} wave {self.number}"

    def write_pages(self, outcomes: Iterable[MemberOutcome]) -> Collection[str]:
        """Write the files of pages that were read; where a person's file is in the way, the page's
        own job says so. Returns the keys of those whose files now hold what was read."""
        answers = {each.key: each.attempt_id for each in outcomes if each.attempt_id is not None}
        return self.write(answers) if answers else ()


@dataclass
class Carried:
    """What a wave brought: outcomes of its pages, by key, and the batches (or calls) it took."""

    outcomes: list[MemberOutcome] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)


class Shut(Exception):
    """A road takes nothing at the moment, and carried nothing: another one may be chosen."""


class Road(Protocol):
    """A way for a wave's pages."""

    def carry(self, trip: Trip) -> Carried:
        """Read pages of a wave, as many of each chain as the road takes at once.

        Raises:
            BudgetReached: what is new might cost more than is left; nothing of it was sent.
            ServiceError: the service refuses, or has failed its pages for too long.
            OnItsWay: the run does not wait, and so far there is nothing of any page.
            Stopped: the run was told to stop; the next one goes on from the ledger.
            Shut: the road was chosen for this wave, and takes nothing now.
        """
