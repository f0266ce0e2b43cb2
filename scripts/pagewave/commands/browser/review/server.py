"""Review as a Starlette application: pages by doubt, a page with its scan, and what is saved."""

import io
import json
from functools import lru_cache
from pathlib import Path

from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from pagewave.commands.browser.review import told
from pagewave.commands.browser.review.changes import Ask, Refused
from pagewave.commands.browser.review.desk import Conflict, Desk
from pagewave.commands.browser.review.opened import Opened
from pagewave.commands.browser.server import MakeApp, saving_app
from pagewave.pages import scan_files
from pagewave.pages.dataset import Page
from pagewave.pages.prepared import PreparedImages

LONGEST_SIDE, QUALITY = 2400, 80
"""Of a scan that no browser shows as it is."""


class Review:
    """The calls that the page makes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def app(self) -> MakeApp:
        """The application."""
        routes = [
            Route("/pages", self.pages),
            Route("/page", self.page),
            Route("/image", self.image),
        ]
        return saving_app(routes, __package__, Ask, self.save, what="review", zoom=True)

    async def pages(self, _: Request) -> Response:
        """The pile, and who reviews."""
        pile = await run_in_threadpool(self._desk.pile)
        project = str(self._desk.settings.paths.output_dir.resolve())
        return JSONResponse({"by": self._desk.by, "project": project, "pages": pile})

    async def page(self, request: Request) -> Response:
        """A page."""
        key = request.query_params.get("key", "")
        return Response(await run_in_threadpool(self._page, key), media_type="application/json")

    def _page(self, key: str) -> str:
        return self._told(self._desk.open(key))

    def _told(self, opened: Opened) -> str:
        value = told.page(opened, self._desk.settings.paths, self._desk.from_doubt)
        return json.dumps(value)  # with escapes: a lone surrogate has no other way

    async def image(self, request: Request) -> Response:
        """The scan of a page, as it was delivered where a browser can show that."""
        page = self._desk.dataset().page(request.query_params.get("key", ""))
        return await run_in_threadpool(self._image, page)

    def _image(self, page: Page) -> Response:
        images = PreparedImages(self._desk.settings)
        leaf = images.header(page)
        if leaf.sendable and not page.leaf:
            with Image.open(page.scan) as scan:
                return FileResponse(page.scan, media_type=scan.get_format_mimetype())
        status = page.scan.stat()
        dpi = images.options.pdf_dpi
        content = _drawn(page.scan, max(page.leaf, 1), dpi, status.st_size, status.st_mtime_ns)
        return Response(content, media_type="image/jpeg")

    def save(self, ask: Ask) -> Response:
        """Save what a person said of a page."""
        try:
            opened = self._desk.save(ask)
        except Refused as error:
            return JSONResponse({"problem": str(error)}, 422)
        except Conflict as conflict:
            since = conflict.entries
            answer = {
                "problem": str(conflict),
                "since": None if since is None else told.entries(since),
                "page": json.loads(self._told(conflict.opened)),
            }
            return Response(json.dumps(answer), 409, media_type="application/json")
        return Response(self._told(opened), media_type="application/json")


@lru_cache(maxsize=4)
def _drawn(scan: Path, number: int, pdf_dpi: int, _size: int, _modified_ns: int) -> bytes:
    image = scan_files.load_to_look_at(scan, number, pdf_dpi, LONGEST_SIDE)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    data = io.BytesIO()
    image.convert("RGB").save(data, "JPEG", quality=QUALITY)
    return data.getvalue()
