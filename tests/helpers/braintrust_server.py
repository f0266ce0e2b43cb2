"""A local server that speaks Braintrust's protocol, in a thread, with the trouble tests ask for.

It keeps rows as the service does by its client's word: a row replaces the one with its id, unless
it says that it is to be merged into it.
"""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from helpers.embedded_process import NEVER_SECONDS, wait_for
from helpers.lasting import Lasting

KEY = "sk-" + "test" * 10
PROJECT = "catalogs"

Row = dict[str, Any]
Trouble = Callable[[list[Row]], str | None]
"""What happens to a POST of these rows: None, "hang", "cut", "store-cut", or a status as text."""


class BraintrustServer(Lasting):
    """The server, from `with` to its end; `stop` and `start` are for an outage in between.

    `trouble` decides on each POST of rows. Held requests ("hang": stored, never answered) end with
    `release`.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.posts: list[int] = []
        self.logins = 0
        self.other_calls: list[str] = []
        self.trouble: Trouble = lambda rows: None
        self.key = KEY
        self.held = 0
        self._release = threading.Event()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        """Where it listens, or would."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What points a process at this server."""
        return {
            "BRAINTRUST_API_KEY": KEY,
            "BRAINTRUST_PROJECT_NAME": PROJECT,
            "BRAINTRUST_APP_URL": self.url,
            "BRAINTRUST_API_URL": self.url,
        }

    def open(self) -> None:
        """Starts."""
        self.start()

    def close(self) -> None:
        """Lets held requests go, and stops."""
        self.release()
        self.stop()

    def start(self) -> None:
        """Listen, always on the same port."""
        routes = [
            Route("/api/apikey/login", self._login, methods=["POST"]),
            Route("/v1/project", self._project, methods=["POST"]),
            Route("/version", self._version),
            Route("/logs3", self._logs, methods=["POST"]),
            Route("/{path:path}", self._other, methods=["GET", "POST", "PUT"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes),
            port=self.port,
            http="h11",
            lifespan="off",
            log_level="critical",
            timeout_keep_alive=int(NEVER_SECONDS),  # else a busy machine's client finds it closed
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_for(lambda: self._server.started)

    def stop(self) -> None:
        """Listen no more: connections are refused."""
        self._server.force_exit = self._server.should_exit = True
        self._thread.join(10)

    def release(self) -> None:
        """Let held requests go, and hold none from now on."""
        self._release.set()

    def _refuses(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {self.key}":
            return None
        return JSONResponse({"error": "Invalid API key"}, 401)

    async def _login(self, request: Request) -> Response:
        self.logins += 1
        organization = {"id": "org", "name": "local", "api_url": self.url, "proxy_url": self.url}
        return self._refuses(request) or JSONResponse({"org_info": [organization]})

    async def _project(self, request: Request) -> Response:
        name = (await request.json())["name"]
        return self._refuses(request) or JSONResponse({"id": f"project-{name}", "name": name})

    async def _version(self, request: Request) -> Response:
        return JSONResponse({})

    async def _other(self, request: Request) -> Response:
        self.other_calls.append(request.url.path)
        return JSONResponse({"error": "not served here"}, 404)

    async def _logs(self, request: Request) -> Response:
        body = json.loads(await request.body())
        if refusal := self._refuses(request):
            return refusal
        rows = body["rows"]
        trouble = self.trouble(rows)
        if trouble and trouble.isdigit():
            return JSONResponse({"error": f"trouble {trouble}"}, int(trouble))
        if trouble != "cut":
            self._store(rows)
        if trouble == "hang":
            self.held += 1
            while not self._release.is_set():
                await asyncio.sleep(0.01)
        elif trouble:
            self._cut(request)
        return JSONResponse({"ids": [row["id"] for row in rows]})

    def _store(self, rows: list[Row]) -> None:
        self.posts.append(len(rows))
        for row in rows:
            if row.get("_is_merge"):
                self.rows[row["id"]] = self.rows.get(row["id"], {}) | row
            else:
                self.rows[row["id"]] = row

    def _cut(self, request: Request) -> None:
        for connection in self._server.server_state.connections:
            if isinstance(connection, H11Protocol) and connection.client == request.scope["client"]:
                with contextlib.suppress(OSError):
                    connection.transport.abort()
