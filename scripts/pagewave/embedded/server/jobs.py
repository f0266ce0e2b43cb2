"""Runs the batches: each is one asyncio task, and all share one pool of threads for the reading.

Whatever a task learns it writes to the store at once, so a task of a killed server starts again
from the store and reads only the records that have no result yet.
"""

import asyncio
import math
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pagewave.embedded.server import answers
from pagewave.embedded.server.attachments import images_of
from pagewave.embedded.server.delays import Delays
from pagewave.embedded.server.entities import Batch, Result
from pagewave.embedded.server.events import EventLog
from pagewave.embedded.server.faults import Fault, Faults
from pagewave.embedded.server.input_file import InputFile, Record
from pagewave.embedded.server.page_names import PageNames
from pagewave.embedded.server.store import Store
from pagewave.embedded.server.wire import (
    CANCELLED,
    FAILED_PRECONDITION,
    INTERNAL,
    INVALID_ARGUMENT,
    BadRecord,
    Json,
)

UNKNOWN_STATE = "SOMETHING_NEW"
BAD_REQUEST = "Request contains an invalid argument."


@dataclass(frozen=True)
class Pace:
    """How fast the server is, and how much it takes on. Times in seconds."""

    workers: int = 2  # threads that read
    running: int = 100  # batches worked on at the same time
    active: int = 100  # batches a client may have, running or waiting (Google's limit)
    batch_seconds: float = 0.0  # a batch takes at least so long
    file_seconds: float = 0.05  # processing of an uploaded file that is not an image
    file_lifetime: float = 48 * 3600.0  # Google deletes files after 48 h
    call_seconds: float = 0.0  # half of the single calls take at least so long
    call_sigma: float = 0.8  # log-normal: how far they differ
    seed: int = 0  # of the order of result lines, and of how long calls take


class Jobs:
    """All batches that have not ended. Lives on the event loop."""

    def __init__(
        self,
        store: Store,
        log: EventLog,
        faults: Faults,
        read: answers.Read,
        pace: Pace,
        names: PageNames,
    ) -> None:
        self.store = store
        self.log = log
        self.faults = faults
        self.read = read
        self.pace = pace
        self.names = names
        self.delays = Delays()
        self.pool = ThreadPoolExecutor(pace.workers, thread_name_prefix="reader")
        self._slots = asyncio.Semaphore(pace.running)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def resume(self) -> None:
        """Goes on with the batches the last server left, oldest first."""
        for batch in self.store.active_batches():
            # The result is committed before it is logged: catch up on what a kill came between.
            if results := self.store.results(batch.id):
                logged = self.log.inferences(batch.name)
                for result in results:
                    if result.paid and result.line not in logged:
                        self._log_inference(batch, result.line, result.key, result.sha256)
            self.begin(batch)

    def begin(self, batch: Batch, requests: InputFile | None = None) -> None:
        """Starts a batch; `requests` saves looking through its input file again."""
        task = asyncio.get_running_loop().create_task(self._guarded(batch, requests))
        self._tasks[batch.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(batch.id, None))

    async def stop(self, batch: Batch) -> None:
        """Stops the work on a batch, if there is any; its state is left as it is."""
        if task := self._tasks.get(batch.id):
            task.cancel()
            await asyncio.wait([task])

    async def cancel(self, batch: Batch) -> None:
        """Cancels a batch that has not ended. What was read by then is paid, hence delivered.

        As at Google a batch that had begun may end SUCCEEDED, the rest of its records with error
        code 1; one that had not ends CANCELLED, without output.
        """
        await self.stop(batch)
        current = self.store.batch(batch.id)
        if current is None or current.terminal:
            return
        if self.store.results(batch.id):
            # Without the input file nobody can tell which records are missing.
            records: list[Record] = []
            if self.store.path(batch.input).exists():
                with InputFile(self.store.path(batch.input)) as requests:
                    records = requests.records
            self._finish(current, "SUCCEEDED", records, rest=(CANCELLED, "Cancelled."))
        else:
            self._finish(current, "CANCELLED", error=(INTERNAL, "Batch was cancelled."))

    # ---- the story of one batch

    async def _guarded(self, batch: Batch, requests: InputFile | None) -> None:
        try:
            with requests or InputFile(self.store.path(batch.input)) as opened:
                await self._run(batch, opened)
        except BadRecord as error:
            self._finish(batch, "FAILED", error=(INVALID_ARGUMENT, str(error)))
        except FileNotFoundError as error:
            message = f"The input file is gone: {error}"
            self._finish(batch, "FAILED", error=(FAILED_PRECONDITION, message))
        except Exception as error:  # a fault of the server's own must not leave a job for ever
            self._finish(batch, "FAILED", error=(INTERNAL, f"{type(error).__name__}: {error}"))
            raise

    async def _run(self, batch: Batch, requests: InputFile) -> None:
        quirks, records = batch.quirks, requests.records
        if "job-pending" in quirks:
            await self.delays.wait(batch.created, quirks["job-pending"])
        async with self._slots:
            self.store.set_state(batch.id, "RUNNING")
            self.log.write("start", batch=batch.name, display_name=batch.display_name)
            if "job-unknown-state" in quirks:
                self.store.set_state(batch.id, UNKNOWN_STATE)
                await self.delays.wait(batch.created, quirks["job-unknown-state"])
                self.store.set_state(batch.id, "RUNNING")
            least = max(self.pace.batch_seconds, quirks.get("batch-hold", 0.0))
            if "bad-request" in quirks:
                await self.delays.wait(batch.created, least)
                self._finish(batch, "FAILED", error=(int(quirks["bad-request"]), BAD_REQUEST))
                return
            for name in ("failed", "expired", "cancelled"):
                if f"job-{name}" in quirks:
                    todo = _share(records, quirks[f"job-{name}"])
                    await self._read_all(batch, requests, todo)
                    await self.delays.wait(batch.created, least)
                    error = (INTERNAL, f"The batch ended {name}.")
                    self._finish(batch, name.upper(), todo or None, error=error)
                    return
            todo, rest, state = records, None, "SUCCEEDED"
            if "job-partial" in quirks:
                todo = _share(records, quirks["job-partial"])
                rest, state = (INTERNAL, "Not processed."), "PARTIALLY_SUCCEEDED"
            await self._read_all(batch, requests, todo)
            await self.delays.wait(batch.created, least)
            self._finish(batch, state, records, rest=rest)

    async def _read_all(self, batch: Batch, requests: InputFile, records: list[Record]) -> None:
        done = {result.line for result in self.store.results(batch.id)}
        # One iterator for as many consumers as there are threads: a batch of thousands queues only
        # a few at a time, so that other batches get their turn.
        todo = iter([record for record in records if record.line not in done])

        async def consume() -> None:
            for record in todo:
                await self._read_one(batch, requests, record)

        async with asyncio.TaskGroup() as group:
            for _ in range(self.pace.workers):
                group.create_task(consume())

    async def _read_one(self, batch: Batch, requests: InputFile, record: Record) -> None:
        faults = self.draw("record", record.key)
        for fault in faults:
            if fault.name == "record-slow":
                await asyncio.sleep(fault.seconds)
        try:
            request = requests.request(record)
            images = images_of(request, self.store)
            outcome = await asyncio.get_running_loop().run_in_executor(
                self.pool,
                answers.answer,
                *(record.key, request, images, batch.model, self.read),
                *(self.store.readings(record.key) + 1, faults),
            )
        except answers.Refused as refusal:
            outcome = answers.error_line(record.key, refusal.code, refusal.message)
        # Nothing is awaited between the answer and its commit: a cancelled task loses no answer.
        self.store.add_result(batch.id, record.line, record.key, record.sha256, outcome)
        if outcome.paid:
            self._log_inference(batch, record.line, record.key, record.sha256)

    def _finish(
        self,
        batch: Batch,
        state: str,
        records: list[Record] | None = None,
        *,
        rest: tuple[int, str] | None = None,
        error: tuple[int, str] | None = None,
    ) -> None:
        """Ends a batch. With `records` it has output; those not read get the error line `rest`."""
        output: list[str] | None = None
        results: list[Result] = []
        if records is not None:
            results = self.store.results(batch.id)
            output = [line for result in results for line in result.lines]
            if rest:
                read = {result.line for result in results}
                for record in records:
                    if record.line not in read:
                        output += answers.error_line(record.key, *rest).lines
            # Google's order is arbitrary; ours too, but the same in every run.
            random.Random(f"{self.pace.seed}:{batch.display_name}").shuffle(output)
        succeeded = sum(not result.failed for result in results)
        status: Json | None = {"code": error[0], "message": error[1]} if error else None
        self.store.finish(
            batch,
            state,
            output=output,
            lifetime=self.pace.file_lifetime,
            succeeded=succeeded,
            failed=max(0, len(records or ()) - succeeded),
            error=status,
        )
        self.log.write("finish", batch=batch.name, state=state, succeeded=succeeded)

    def draw(self, scope: str, subject: str, call: str = "") -> list[Fault]:
        """The faults that fire now, logged."""
        faults = self.faults.draw(scope, subject, call)
        for fault in faults:
            where = {"call": call} if call else {}
            self.log.write("fault", fault=fault.name, subject=subject, **where)
        return faults

    def _log_inference(self, batch: Batch, line: int, key: str, sha256: str) -> None:
        self.log.write("inference", batch=batch.name, key=key, line=line, sha256=sha256)


def _share(records: list[Record], share: float) -> list[Record]:
    """The first records, as many as this share of all."""
    return records[: math.ceil(len(records) * share)]
