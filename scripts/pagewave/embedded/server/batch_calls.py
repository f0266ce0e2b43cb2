"""The calls of the Batch service."""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pagewave.embedded.server import messages
from pagewave.embedded.server.calls import body_of
from pagewave.embedded.server.entities import Batch
from pagewave.embedded.server.input_file import InputFile
from pagewave.embedded.server.jobs import BAD_REQUEST, Jobs
from pagewave.embedded.server.wire import (
    ApiError,
    BadRecord,
    Json,
    pick,
)


class BatchCalls:
    """Handlers of everything under `batches`."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.store = jobs.store
        self.log = jobs.log
        self.pace = jobs.pace
        self._quota_held = (0.0, 0.0)  # since when (Unix time), for how many seconds

    async def create_batch(self, request: Request) -> Response:
        """models.batchGenerateContent over an input file"""
        batch = pick(await body_of(request), "batch", {})
        file_id = str(pick(pick(batch, "inputConfig"), "fileName") or "").removeprefix("files/")
        if not file_id:
            raise ApiError(400, "batch.input_config.file_name is missing (inline: not supported).")
        if not self.jobs.delays.is_over(*self._quota_held):
            raise ApiError(429, "Quota is still held by a cancelled batch.")
        file = self.store.file(file_id)
        if file is None:
            message = (
                f"You do not have permission to access the File {file_id} or it may not exist."
            )
            raise ApiError(403, message)
        if file.state != "ACTIVE" or "not-active-yet" in request.state.faults:
            message = f"The File {file_id} is not in an ACTIVE state and usage is not allowed."
            raise ApiError(400, message, "FAILED_PRECONDITION")
        active = self.store.count_active()
        if active >= self.pace.active:
            raise ApiError(
                429, f"You have {active} active batch jobs; {self.pace.active} are allowed."
            )
        try:
            requests = InputFile(self.store.path(file_id))
        except BadRecord:
            requests = None  # the job finds it again, and fails as a job
        keys = [record.key for record in requests.records] if requests else []
        display_name = str(pick(batch, "displayName") or "")
        # Drawn once and kept with the job, so that a restart changes nothing.
        bad = [fault for key in keys for fault in self.jobs.draw("member", key)]
        if requests and requests.has_images:
            bad += self.jobs.draw("images", display_name)
        if any(fault.refused for fault in bad):
            raise ApiError(400, BAD_REQUEST)
        quirks = {fault.name: fault.number for fault in self.jobs.draw("job", display_name)}
        if bad:
            quirks["bad-request"] = float(bad[-1].code)
        made = self.store.add_batch(
            f"models/{request.path_params['model']}", display_name, file_id, len(keys), quirks
        )
        self.log.write(
            "create",
            batch=made.name,
            display_name=display_name,
            keys=keys,
            active=active + 1,
        )
        self.jobs.begin(made, requests)
        return JSONResponse(messages.operation(made, self.jobs.delays))

    async def get_batch(self, request: Request) -> Response:
        """batches.get"""
        batch = self._batch(request)
        self.log.write("get", batch=batch.name, state=batch.state)
        return JSONResponse(messages.operation(batch, self.jobs.delays))

    async def list_batches(self, request: Request) -> Response:
        """batches.list"""
        faults = request.state.faults
        without_size = "pageSize" not in request.query_params
        if "list-empty" in faults or ("list-empty-without-page-size" in faults and without_size):
            return JSONResponse({})

        def fetch(behind: int, limit: int, oldest_first: bool) -> list[tuple[int, Json | None]]:
            delays = self.jobs.delays
            return [
                (
                    batch.number,
                    # A batch may be kept out of lists for a while, as in a list that lags behind.
                    messages.operation(batch, delays)
                    if delays.is_over(batch.created, batch.quirks.get("list-delay", 0.0))
                    else None,
                )
                for batch in self.store.batches(behind, limit, oldest_first)
            ]

        body = messages.page(request, "operations", fetch)
        self.log.write("list", what="batches", count=len(body.get("operations", ())))
        return JSONResponse(body)

    async def cancel_batch(self, request: Request) -> Response:
        """batches.cancel; without effect on a job that has ended"""
        batch = self._batch(request)
        self.log.write("cancel", batch=batch.name)
        if "cancel-ignored" in request.state.faults:
            return JSONResponse({})
        await self.jobs.cancel(batch)
        if fault := request.state.faults.get("quota-held"):
            self._quota_held = (time.time(), fault.seconds)
        return JSONResponse({})

    async def delete_batch(self, request: Request) -> Response:
        """batches.delete; stops a job that has not ended"""
        batch = self._batch(request)
        await self.jobs.stop(batch)
        self.store.delete_batch(batch.id)
        self.log.write("delete", batch=batch.name)
        return JSONResponse({})

    def _batch(self, request: Request) -> Batch:
        batch = self.store.batch(request.path_params["batch"])
        if batch is None:
            raise ApiError(404, f"Requested entity was not found: {request.url.path}")
        return batch
