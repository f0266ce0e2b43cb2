"""The judging of lines as a Starlette application: the lines, a picture of each, what is saved."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pagewave.commands.browser.audit.judging import Ask, Changed, Judging, Refused
from pagewave.commands.browser.server import MakeApp, saving_app
from pagewave.words.audit.sheet import Sheet


class Audit:
    """The calls that the page makes."""

    def __init__(self, judging: Judging, sheet: Sheet) -> None:
        self._judging = judging
        self._sheet = sheet

    def app(self) -> MakeApp:
        """The application."""
        routes = [Route("/lines", self.lines), Route("/picture", self.picture)]
        return saving_app(routes, __package__, Ask, self.save, what="audit", zoom=False)

    async def lines(self, _: Request) -> Response:
        """All that were drawn, and what was said of them."""
        return JSONResponse(await run_in_threadpool(self._judging.lines))

    async def picture(self, request: Request) -> Response:
        """The scan around a line."""
        unit = self._judging.unit(request.query_params.get("line", ""))
        content = await run_in_threadpool(self._sheet.picture, unit)
        return Response(content, media_type="image/webp")

    def save(self, ask: Ask) -> Response:
        """Save what a person said of a line."""
        try:
            return JSONResponse(self._judging.save(ask))
        except Refused as error:
            return JSONResponse({"problem": str(error), **self._judging.stands()}, 422)
        except Changed as error:
            return JSONResponse({"problem": str(error), **self._judging.stands()}, 409)
