"""Runs an application for the browsers of this machine, and serves the files of its page."""

import secrets
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

import jinja2
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pagewave.commands.browser.address import Listening
from pagewave.commands.browser.guard import TOKEN
from pagewave.errors import DataError, LedgerError
from pagewave.exports import page_view
from pagewave.loopback import ADDRESS, OWN_NAMES

ASSET_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}

MakeApp = Callable[[str, int, Collection[str], Callable[[], bool]], ASGIApp]
"""Makes an application of its token, port and names, and of what says that the server is about to
end, which waits for streams."""


def page_routes(package: str, *, zoom: bool) -> list[Route]:
    """The page of a package (`page.html.jinja`) with its `assets`, and those of the page view."""
    folder = files(package)
    ours = {file.name: file.read_bytes() for file in (folder / "assets").iterdir()}
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
