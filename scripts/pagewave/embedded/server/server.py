"""The server as a Starlette application: which address is which call."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pagewave.embedded.server.batch_calls import BatchCalls
from pagewave.embedded.server.calls import Call, Cut, Handler
from pagewave.embedded.server.faults import FaultError
from pagewave.embedded.server.file_calls import FileCalls
from pagewave.embedded.server.jobs import Jobs
from pagewave.embedded.server.model_calls import ModelCalls
from pagewave.embedded.server.single_calls import SingleCalls
from pagewave.embedded.server.wire import ApiError
from pagewave.loopback import is_own_host


class _Version(Convertor[str]):
    """The API versions of the path. google-genai 3 says v1, all public documents say v1beta."""

    regex = "v1beta|v1alpha|v1"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("api", _Version())

BROWSER_HEADERS = frozenset((b"origin", b"sec-fetch-site", b"sec-fetch-mode"))


class OwnName:
    """Refuses what was sent to another name than the server's own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_call = scope["type"] == "http"
        if is_call and not is_own_host(Request(scope).headers.get("host", "")):
            refusal = ApiError(400, "This server does not go by that name.")
            await JSONResponse(refusal.body(), refusal.code)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class NoBrowsers:
    """Refuses what a browser sends, from whatever page: only programs have business here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and BROWSER_HEADERS & {name for name, _ in scope["headers"]}:
            refusal = ApiError(403, "Requests from browsers are not served here.")
            await JSONResponse(refusal.body(), refusal.code)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class Dated:
    """Tells in each answer what time it is here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                wrong = scope.get("state", {}).get("faults", {}).get("wrong-date")
                date = wrong.told if wrong else formatdate(time.time(), usegmt=True)
                message["headers"] = [*message.get("headers", ()), (b"date", date.encode())]
            await send(message)

        await self.app(scope, receive, dated)


class ControlCalls:
    """What Google does not have: the faults in force, and a look behind the scenes."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.store = jobs.store

    async def faults(self, request: Request) -> Response:
        """The faults in force; a POSTed JSON list of specs replaces them"""
        if request.method == "POST":
            try:
                specs = json.loads(await request.body())
                if not isinstance(specs, list):
                    raise FaultError("send a JSON list of faults")
                self.jobs.faults.replace([str(spec) for spec in specs])
            except ValueError as error:
                raise ApiError(400, str(error)) from error
        return JSONResponse(self.jobs.faults.specs)

    async def pages(self, request: Request) -> Response:
        """Folders of images, a POSTed JSON list: by them single calls are told what they show"""
        for folder in json.loads(await request.body()):
            self.jobs.names.add(Path(str(folder)))
        return JSONResponse({})

    async def delays(self, request: Request) -> Response:
        """DELETE ends all that have begun: what is held, pending or late is so no more"""
        self.jobs.delays.end()
        return JSONResponse({})

    async def stats(self, request: Request) -> Response:
        """What was read so far, and how much there is of everything"""
        by_key = self.store.inferences()
        return JSONResponse(
            {
                "inferences": sum(by_key.values()),
                "by_key": by_key,
                "active_batches": self.store.count_active(),
                "batches": self.store.count("batches"),
                "files": self.store.count("files"),
            }
        )


def build_app(jobs: Jobs, token: str, cut: Cut) -> Starlette:
    """The application. `token` is what x-goog-api-key must say; `cut` cuts a connection."""
    files, batches, control = FileCalls(jobs), BatchCalls(jobs), ControlCalls(jobs)
    models, single = ModelCalls(jobs), SingleCalls(jobs)

    def call(method: str, path: str, name: str, handler: Handler) -> Route:
        return Route(path, Call(name, handler, jobs, token, cut), methods=[method])

    api, model = "/{api:api}", "/{api:api}/models/{model}"
    tuned = "/{api:api}/tunedModels/{model}"
    routes = [  # the busiest first: they are tried in turn
        call("GET", api + "/batches/{batch}", "get", batches.get_batch),
        call("POST", "/upload" + api + "/files", "upload", files.upload),
        call("GET", api + "/files/{file}:download", "download", files.download_file),
        call("GET", "/download" + api + "/files/{file}:download", "download", files.download_file),
        call("GET", api + "/files/{file}", "get", files.get_file),
        call("DELETE", api + "/files/{file}", "delete", files.delete_file),
        call("GET", api + "/files", "list", files.list_files),
        call("GET", api + "/batches", "list", batches.list_batches),
        call("POST", api + "/batches/{batch}:cancel", "cancel", batches.cancel_batch),
        call("DELETE", api + "/batches/{batch}", "delete", batches.delete_batch),
        call("POST", model + ":batchGenerateContent", "create", batches.create_batch),
        call("POST", tuned + ":batchGenerateContent", "create", batches.create_batch),
        call("POST", model + ":generateContent", "generate", single.generate),
        call("POST", tuned + ":generateContent", "generate", single.generate),
        call("GET", model, "model", models.get_model),
        call("GET", tuned, "model", models.get_model),
        call("GET", api + "/models", "list", models.list_models),
        call("POST", "/control/faults", "", control.faults),
        call("GET", "/control/faults", "", control.faults),
        call("POST", "/control/pages", "", control.pages),
        call("DELETE", "/control/delays", "", control.delays),
        call("GET", "/control/stats", "", control.stats),
    ]

    async def unknown(request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 500
        refusal = ApiError(code, f"{request.method} {request.url.path} is not served here.")
        return JSONResponse(refusal.body(), code)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        jobs.resume()
        yield

    return Starlette(
        routes=routes,
        middleware=[Middleware(OwnName), Middleware(NoBrowsers), Middleware(Dated)],
        exception_handlers={HTTPException: unknown},
        lifespan=lifespan,
    )
