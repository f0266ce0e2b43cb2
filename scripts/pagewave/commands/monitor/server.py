"""The monitor as a Starlette application."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pagewave.commands.browser.guard import Guard
from pagewave.commands.browser.server import ERRORS, page_routes
from pagewave.commands.command import Place
from pagewave.commands.monitor.failure_list import failure_list
from pagewave.commands.monitor.feed import Feed
from pagewave.commands.monitor.page_history import page_history
from pagewave.commands.monitor.past_runs import batch_opened, run_list, run_opened
from pagewave.commands.monitor.reading import Reading
from pagewave.commands.monitor.watching import Watcher
from pagewave.errors import DataError
from pagewave.ledger.lock import holder

LOOK_SECONDS = 0.5
"""How long after a look the ledger is asked whether it changed."""
BUSY_SHARE = 5
"""After a look we rest so many times as long as it took: a large ledger must not keep us busy."""
BEAT_SECONDS = 10.0
"""So long may nothing be said: a browser that is gone is noticed when it is told something."""
MOST_KEYS = 50
MOST_DIGITS = 18
"""Of a batch's number: larger ones SQLite has none."""


class Monitor:
    """The calls that the page makes; `config` are the arguments that name the configuration."""

    def __init__(self, place: Place, config: Sequence[str]) -> None:
        self._place = place
        self._config = config
        self._watcher = Watcher(place)
        self._watcher.look()  # the first look takes longest: before anybody waits for it
        self._reading = Reading(place.settings)
        self._is_ending: Callable[[], bool] = lambda: False

    def app(
        self, token: str, port: int, names: Collection[str], is_ending: Callable[[], bool]
    ) -> Guard:
        """The application, with its guard; `names` are those that it answers to.

        `is_ending` says that the server is about to end, which waits for the streams.
        """
        self._is_ending = is_ending
        routes = [
            Route("/events", self.events),
            Route("/failures", self.failures),
            Route("/keys", self.keys),
            Route("/runs", self.runs),
            Route("/run", self.run),
            Route("/batch", self.batch),
            Route("/page", self.page),
            Route("/image", self.image),
            *page_routes(__package__, zoom=False),
        ]
        # Outermost, so that even an error passes through it.
        app = Starlette(routes=routes, exception_handlers=dict(ERRORS))
        return Guard(app, token, port, names, what="monitor")

    async def events(self, _: Request) -> Response:
        """How the run stands, and again whenever the ledger changed, until the browser leaves."""
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._events(), headers=headers, media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[str]:
        feed = Feed(self._place.settings.execution)
        told, silent = None, 0.0
        while not self._is_ending():
            picture = await run_in_threadpool(self._watcher.look)
            if picture is not told:
                yield f"data: {json.dumps(feed.message(picture))}\n\n"
                told, silent = picture, 0.0
            elif silent > BEAT_SECONDS:
                yield ": nothing new\n\n"
                silent = 0.0
            pause = max(LOOK_SECONDS, BUSY_SHARE * picture.took_seconds)
            await asyncio.sleep(pause)
            silent += pause

    async def failures(self, request: Request) -> Response:
        """Failures by error type, book and text, and the dead letters."""
        query = request.query_params

        def look() -> dict[str, Any]:
            return failure_list(
                self._watcher.ledger(),
                self._place.settings.execution,
                self._config,
                error_type=query.get("error_type", ""),
                book=query.get("book", ""),
                text=query.get("text", ""),
                cleared=query.get("cleared") == "yes",
            )

        return JSONResponse(await run_in_threadpool(look))

    async def runs(self, _: Request) -> Response:
        """All runs of the ledger."""

        def look() -> list[dict[str, Any]]:
            return run_list(self._watcher.ledger(), holder(self._place.state_dir))

        return JSONResponse(await run_in_threadpool(look))

    async def run(self, request: Request) -> Response:
        """One of them."""
        run_id = request.query_params.get("id", "")

        def look() -> Any:
            process = holder(self._place.state_dir)
            return run_opened(self._watcher.ledger(), self._place.settings, run_id, process)

        return JSONResponse(await run_in_threadpool(look))

    async def batch(self, request: Request) -> Response:
        """A batch and its records."""
        number = request.query_params.get("id", "")
        if not (number.isascii() and number.isdecimal() and len(number) < MOST_DIGITS):
            raise DataError("A batch is asked for by its number.")

        def look() -> dict[str, Any]:
            return batch_opened(self._watcher.ledger(), int(number))

        return JSONResponse(await run_in_threadpool(look))

    async def keys(self, request: Request) -> Response:
        """Keys of pages that hold a text."""
        text = request.query_params.get("text", "")
        ledger = await run_in_threadpool(self._watcher.ledger)
        return JSONResponse(await run_in_threadpool(ledger.runs.find_keys, text, MOST_KEYS))

    async def page(self, request: Request) -> Response:
        """All that happened to a page."""
        key = request.query_params.get("key", "")
        ledger = await run_in_threadpool(self._watcher.ledger)
        pages, reading = self._watcher.pages, self._reading
        history = await run_in_threadpool(page_history, ledger, pages, reading, key)
        return JSONResponse(history)

    async def image(self, request: Request) -> Response:
        """The image that is sent for a page."""
        key = request.query_params.get("key", "")
        path, facts = await run_in_threadpool(self._watcher.pages.image, key)
        return FileResponse(path, media_type=facts.mime_type)
