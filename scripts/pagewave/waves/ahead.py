"""The next wave of a lane, sent as soon as the one before is closed, not when its job begins.

Between the two jobs Snakemake notes how the first one ended, of all its pages, and chooses the
next: a few tenths of a second for which the service would have nothing to do. So the first job ends
once the wave is sent; its own job finds it here and goes on with it, or with the error that ended
it. What no job asks for (the run failed, or was told to stop) is in the ledger as any other batch:
the next run collects it.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from pagewave.gemini.session import Session
from pagewave.ledger import BY_BATCH

T = TypeVar("T")

SENDING_SECONDS = 10.0
"""For which what is being sent is waited for, by the job before and when the run ends: most waves
are sent in one."""


class Ahead(Generic[T]):
    """What was begun of waves whose jobs have not, by lane and number; for all lanes of a head."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._begun: dict[tuple[int, int], Future[T]] = {}

    def may_begin(self, run_id: str) -> bool:
        """May the next wave of a lane be sent before its job begins?

        Where there are more lanes than batches may be in flight, it may be another lane's turn, and
        where roads are chosen the job does it.
        """
        session = self._session
        return (
            session.settings.execution.transport == BY_BATCH
            and session.waits
            and not session.stop.is_set()
            and session.ledger.runs.lanes(run_id) <= session.batch_limit
        )

    def begin(self, lane: int, wave: int, send: Callable[[], T]) -> None:
        """Send a wave, and wait until it is sent, but not long: it may have to pause for hours.

        Were it not waited for, the interpreter would be shared with what Snakemake notes of the
        wave before, which has time: the service is waiting.
        """
        begun = self._begun[lane, wave] = Future[T]()

        def work() -> None:
            try:
                begun.set_result(send())
            except BaseException as error:  # the wave's job raises it
                begun.set_exception(error)

        threading.Thread(target=work, name=f"lane{lane}-wave{wave}", daemon=True).start()
        wait([begun], SENDING_SECONDS)

    def taken(self, lane: int, wave: int) -> T | None:
        """What was begun of a wave, once it is sent; raises what sending it raised."""
        begun = self._begun.pop((lane, wave), None)
        return begun.result() if begun else None

    def finish(self) -> None:
        """Wait for what no job asked for, but not through its pauses: the run is over."""
        if not self._begun:
            return
        if not self._session.stop.is_set():
            # A create call that is broken off has to be looked for by the next run.
            if not wait(self._begun.values(), SENDING_SECONDS).not_done:
                return
            self._session.stop.set()
        wait(self._begun.values())
