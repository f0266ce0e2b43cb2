"""The judging of lines as a Starlette application: the lines, a picture of each, what is saved."""

from collections.abc import Callable, Collection

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pagewave.commands.browser.audit.judging import Ask, Changed, Judging, Refused
from pagewave.commands.browser.guard import Guard
from pagewave.commands.browser.server import ERRORS, asked, page_routes, trouble
from pagewave.errors import PagewaveError
from pagewave.words.audit.sheet import Sheet


class Audit:
    """The calls that the page makes."""

    def __init__(self, judging: Judging, sheet: Sheet) -> None:
        self._judging = judging
        self._sheet = sheet

    def app(self, token: str, port: int, names: Collection[str], _: Callable[[], bool]) -> Guard:
        """The application, with its guard; `names` are those that it answers to."""
        routes = [
            Route("/lines", self.lines),
            Route("/picture", self.picture),
            Route("/save", self.save, methods=["POST"]),
            *page_routes(__package__, zoom=False, saves=True),
        ]
        errors = {**ERRORS, PagewaveError: trouble}
        return Guard(
            Starlette(routes=routes, exception_handlers=errors), token, port, names, what="audit"
        )

    async def lines(self, _: Request) -> Response:
        """All that were drawn, and what was said of them."""
        return JSONResponse(await run_in_threadpool(self._judging.lines))

    async def picture(self, request: Request) -> Response:
        """The scan around a line."""
        unit = self._judging.unit(request.query_params.get("line", ""))
        content = await run_in_threadpool(self._sheet.picture, unit)
        return Response(content, media_type="image/webp")

    async def save(self, request: Request) -> Response:
        """What a person said of a line."""
        ask = await asked(request, Ask)
        if isinstance(ask, Response):
            return ask
        return await run_in_threadpool(self._save, ask)

    def _save(self, ask: Ask) -> Response:
        try:
            return JSONResponse(self._judging.save(ask))
        except Refused as error:
            return JSONResponse({"problem": str(error), **self._judging.stands()}, 422)
        except Changed as error:
            return JSONResponse({"problem": str(error), **self._judging.stands()}, 409)
