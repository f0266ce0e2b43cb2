"""A proxy before the embedded server; what it does to requests and replies, each proxy says."""

import http.client
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

from helpers.embedded_process import NEVER_SECONDS
from helpers.lasting import Lasting


class Call(NamedTuple):
    """A request as it came; `path` with its query."""

    method: str
    path: str
    headers: Mapping[str, str]
    data: bytes


class Reply(NamedTuple):
    """What is answered."""

    code: int
    headers: Mapping[str, str]
    body: bytes


class HandingOn(Lasting, ABC):
    """Listens at `url`, from `with` to its end; each request is answered by `answer`."""

    def __init__(self, target: str) -> None:
        proxy = self
        self._upstream = urlsplit(target).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                data = self.rfile.read(int(self.headers.get("content-length", 0)))
                call = Call(self.command, self.path, dict(self.headers.items()), data)
                reply = proxy.answer(call)
                self.send_response(reply.code)
                for name, value in reply.headers.items():
                    if name.lower() not in ("content-length", "date", "server"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @abstractmethod
    def answer(self, call: Call) -> Reply:
        """What becomes of a request; called from many threads."""

    def hand_on(self, call: Call) -> Reply:
        """The server's own reply."""
        connection = http.client.HTTPConnection(self._upstream, timeout=NEVER_SECONDS)
        connection.request(call.method, call.path, call.data, dict(call.headers))
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return Reply(response.status, dict(response.getheaders()), body)

    def open(self) -> None:
        """Listens."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listens no more."""
        self._server.shutdown()
        self._server.server_close()
