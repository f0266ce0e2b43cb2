"""A service that repeats its client's keys: a proxy before the embedded server."""

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from helpers.embedded_process import NEVER_SECONDS
from helpers.lasting import Lasting

ECHOES = (
    b"made by the echo reader",  # in every answer
    b"An internal error has occurred",  # in an error line
    b"The batch ended failed",  # in a failed batch
)
"""Words of the embedded server in whose place the keys are put."""


class EchoingProxy(Lasting):
    """Hands requests on to the server at `target`, and puts keys into the replies.

    With `refusal`, it answers everything itself with that code instead; 200 stands for garbage.
    """

    def __init__(self, target: str, keys: str, refusal: int | None = None) -> None:
        proxy = self
        self.refusal = refusal
        self.echoed = 0
        upstream = urlsplit(target).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                data = self.rfile.read(int(self.headers.get("content-length", 0)))
                if proxy.refusal:
                    proxy.echoed += 1
                    error = {"code": proxy.refusal, "message": f"No: {keys}", "status": "REFUSED"}
                    body = json.dumps({"error": error}).encode()
                    if proxy.refusal == 200:
                        body = f"<html>{keys}".encode()
                    self.reply(proxy.refusal, {"content-type": "application/json"}, body)
                    return
                connection = http.client.HTTPConnection(upstream, timeout=NEVER_SECONDS)
                connection.request(self.command, self.path, data, dict(self.headers.items()))
                response = connection.getresponse()
                body = response.read()
                connection.close()
                for words in ECHOES:
                    proxy.echoed += body.count(words)
                    body = body.replace(words, keys.encode())
                self.reply(response.status, dict(response.getheaders()), body)

            def reply(self, code: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(code)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "date", "server"):
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def open(self) -> None:
        """Listens."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listens no more."""
        self._server.shutdown()
        self._server.server_close()
