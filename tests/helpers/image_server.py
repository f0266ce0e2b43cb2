"""A IIIF server on 127.0.0.1: manifests, collections and images, and the troubles of real ones."""

import io
import json
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from helpers.lasting import Lasting

WIDTH, HEIGHT = 120, 160
"""Pixels of its images."""


class ImageServer(Lasting):
    """Serves manifests of `pages` pages, as version 2 and 3, with an image service or static files.

    Paths: `/{2|3}/{service|static}/manifest.json`, `/{2|3}/collection.json`. `troubles` are what
    is done to the next requests of an image by its number: `503` with `retry_after`, any other
    status, `cut` (half of it, then the connection is closed), `html` (a web page with 200). After
    the first `held_after` images none is answered until the end.
    """

    def __init__(self, pages: int, level: int = 2) -> None:
        self.pages = pages
        self.level = level
        self.troubles: dict[int, list[str]] = {}
        self.retry_after = "0"
        self.held_after: int | None = None
        self.asked: Counter[str] = Counter()
        """Requests by method and path."""
        self.extra: dict[str, Any] = {}
        """Further documents by their path."""
        self._lock = threading.Lock()
        self._given = 0
        self._ending = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server._answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.handle_error = lambda *_: None  # who was killed takes no answer
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))

    def open(self) -> None:
        """Listens."""
        self._thread.start()

    def close(self) -> None:
        """Answers whoever still waits, and listens no more."""
        self._ending.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def images_asked(self) -> Counter[int]:
        """How often the image of each page was asked for."""
        asked: Counter[int] = Counter()
        for request, times in self.asked.items():
            if "/image/" in request:
                asked[int(request.partition("/image/")[2].partition("/")[0].split(".")[0])] += times
        return asked

    def manifest(self, version: int, kind: str = "service", **more: Any) -> dict[str, Any]:
        """A manifest as it is served, which a test may change and put into `extra`."""
        canvases = [self._canvas(version, kind, number) for number in range(1, self.pages + 1)]
        address = f"{self.url}/{version}/{kind}/manifest.json"
        if version == 3:
            return {
                "@context": "http://iiif.io/api/presentation/3/context.json",
                "id": address,
                "type": "Manifest",
                "label": {"en": ["Catalog for 1852"]},
                "rights": "http://creativecommons.org/publicdomain/mark/1.0/",
                "items": canvases,
            } | more
        return {
            "@context": "http://iiif.io/api/presentation/2/context.json",
            "@id": address,
            "@type": "sc:Manifest",
            "label": "Catalog for 1852",
            "sequences": [{"@type": "sc:Sequence", "canvases": canvases}],
        } | more

    def _canvas(self, version: int, kind: str, number: int) -> dict[str, Any]:
        service = f"{self.url}/image/{number}"
        address = f"{service}/full/max/0/default.jpg" if kind == "service" else f"{service}.jpg"
        size = {"width": WIDTH, "height": HEIGHT}
        label = f"p. {number + 10}"
        if version == 3:
            body = {"id": address, "type": "Image", "format": "image/jpeg", **size}
            if kind == "service":
                profile = f"level{self.level}"
                body["service"] = [{"id": service, "type": "ImageService3", "profile": profile}]
            canvas = f"{self.url}/canvas/{number}"
            annotation = {"type": "Annotation", "motivation": "painting", "body": body}
            page = {"type": "AnnotationPage", "items": [annotation]}
            named = {"id": canvas, "type": "Canvas", "label": {"none": [label]}}
            return {**named, **size, "items": [page]}
        resource = {"@id": address, "@type": "dctypes:Image", "format": "image/jpeg", **size}
        if kind == "service":
            context = "http://iiif.io/api/image/2/context.json"
            profile = f"http://iiif.io/api/image/2/level{self.level}.json"
            resource["service"] = {"@context": context, "@id": service, "profile": profile}
        annotation = {"@type": "oa:Annotation", "motivation": "sc:painting", "resource": resource}
        named = {"@id": f"{self.url}/canvas/{number}", "@type": "sc:Canvas", "label": label}
        return {**named, **size, "images": [annotation]}

    def _document(self, path: str) -> Any:
        if path in self.extra:
            return self.extra[path]
        version, _, rest = path.strip("/").partition("/")
        if version in ("2", "3") and rest in ("service/manifest.json", "static/manifest.json"):
            return self.manifest(int(version), rest.partition("/")[0])
        return None

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path
        with self._lock:
            self.asked[f"{handler.command} {path}"] += 1
        if not path.startswith("/image/"):
            document = self._document(path)
            if document is None:
                self._send(handler, 404, b"not here", "text/plain")
            else:
                self._send(handler, 200, json.dumps(document).encode(), "application/json")
            return
        number = int(path.split("/")[2].split(".")[0].split("?")[0])
        with self._lock:
            trouble = self.troubles.get(number, [])
            what = trouble.pop(0) if trouble else ""
            self._given += 1
            is_held = self.held_after is not None and self._given > self.held_after
        if is_held:
            self._ending.wait()
        if what == "html":
            self._send(handler, 200, b"<!DOCTYPE html><p>Please log in", "text/html")
        elif what.isdigit():
            headers = {"Retry-After": self.retry_after} if what in ("429", "503") else {}
            self._send(handler, int(what), b"no", "text/plain", headers)
        else:
            self._send(handler, 200, picture(number, path), "image/jpeg", cut=what == "cut")

    def _send(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        content: bytes,
        kind: str,
        headers: dict[str, str] | None = None,
        cut: bool = False,
    ) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            handler.close_connection = True


def picture(number: int, path: str = "") -> bytes:
    """The image of a page, in the size that its address names: noise that no other page has."""
    parts = path.split("/full/")
    size = parts[1].split("/")[0] if len(parts) > 1 else "max"
    asked = size.rstrip(",")
    width = int(asked) if asked.isdigit() else WIDTH
    noise = random.Random(number).randbytes(WIDTH * HEIGHT)
    image = Image.frombytes("L", (WIDTH, HEIGHT), noise).resize((width, width * HEIGHT // WIDTH))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=60)
    return data.getvalue()
