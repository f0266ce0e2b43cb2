"""Runs an application for the browsers of this machine, and serves the files of its page."""

import secrets
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeVar

import jinja2
import uvicorn
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pagewave.commands.browser.address import Listening
from pagewave.commands.browser.guard import TOKEN, Guard
from pagewave.errors import DataError, LedgerError, PagewaveError
from pagewave.exports import page_view
from pagewave.loopback import ADDRESS, OWN_NAMES

ASSET_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}

MOST_BYTES = 1_000_000
"""Of what a browser sends."""
Asked = TypeVar("Asked", bound=BaseModel)

MakeApp = Callable[[str, int, Collection[str], Callable[[], bool]], ASGIApp]
"""Makes an application of its token, port and names, and of what says that the server is about to
end, which waits for streams."""


def saving_app(
    routes: Iterable[Route],
    package: str,
    ask: type[Asked],
    save: Callable[[Asked], Response],
    *,
    what: str,
    zoom: bool,
) -> MakeApp:
    """An application whose page saves what people do, behind its guard.

    Args:
        routes: its calls but for `/save`.
        package: as `page_routes` has it, as `zoom`.
        ask: what the page sends to be saved.
        save: saves it; called in a thread of its own.
        what: it is called by the guard.
    """

    async def answer(request: Request) -> Response:
        asked = await _asked(request, ask)
        return asked if isinstance(asked, Response) else await run_in_threadpool(save, asked)

    def make(token: str, port: int, names: Collection[str], _: Callable[[], bool]) -> ASGIApp:
        ours = [*routes, Route("/save", answer, methods=["POST"])]
        app = Starlette(
            routes=[*ours, *page_routes(package, zoom=zoom, saves=True)],
            # A file that can't be written, or the like: the browser keeps what was typed.
            exception_handlers={**ERRORS, PagewaveError: _explained(503)},
        )
        return Guard(app, token, port, names, what=what)

    return make


def page_routes(package: str, *, zoom: bool, saves: bool = False) -> list[Route]:
    """The page of a package (`page.html.jinja`) with its `assets`, and those of the page view.

    Args:
        zoom: as `page_view.markup` has it.
        saves: does it save what people do? There are files for that.
    """
    folder = files(package)
    ours = {file.name: file.read_bytes() for file in (folder / "assets").iterdir()}
    if saves:
        ours |= {file.name: file.read_bytes() for file in (files(__package__) / "assets").iterdir()}
    routes = [Route("/", _asset(_page(folder, zoom), "html"))]
    for name, content in {**page_view.assets(), **ours}.items():
        routes.append(Route(f"/{name}", _asset(content, name.rpartition(".")[2])))
    return routes


def _page(folder: Traversable, zoom: bool) -> bytes:
    text = (folder / "page.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(text).render(view=page_view.markup(zoom=zoom)).encode()


def _asset(content: bytes, suffix: str) -> Callable[[Request], Awaitable[Response]]:
    """The call that answers with a file of the page, as it is."""

    async def answer(_: Request) -> Response:
        return Response(content, media_type=ASSET_TYPES[suffix])

    return answer


async def _asked(request: Request, model: type[Asked]) -> Asked | Response:
    """What a browser sent to be saved, or the answer that it is nothing of the kind."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return JSONResponse({"problem": "JSON is wanted."}, 415)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return JSONResponse({"problem": "That is too much."}, 413)
    try:
        return model.model_validate_json(body)
    except ValidationError:
        return JSONResponse({"problem": "It is not what the page sends."}, 422)


def _explained(code: int) -> Callable[[Request, Exception], Response]:
    def answer(_: Request, error: Exception) -> Response:
        return JSONResponse({"problem": str(error)}, code)

    return answer


ERRORS: Mapping[type[Exception], Callable[[Request, Exception], Response]] = {
    DataError: _explained(404),
    LedgerError: _explained(503),
}
"""What a call answers that could not do what it was asked."""


class Server(uvicorn.Server):
    """uvicorn, which says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(make_app: MakeApp, listening: Listening) -> None:
    """Serve until a signal ends it; the address that is told has the token in it."""
    token = secrets.token_urlsafe(24)
    port = listening.bound.getsockname()[1]
    server: Server | None = None
    app = make_app(
        token,
        port,
        OWN_NAMES.union(listening.names),
        lambda: server is not None and server.should_exit,
    )
    config = uvicorn.Config(app, http="h11", ws="none", log_level="error", access_log=False)
    name = [*listening.names, ADDRESS][0]
    server = Server(config, lambda: listening.ready(f"http://{name}:{port}/?{TOKEN}={token}"))
    with listening.bound:
        server.run(sockets=[listening.bound])
