"""A webhook on 127.0.0.1 that keeps what it is sent, and may refuse, redirect or hang."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from helpers.lasting import Lasting

SECRET = "T0K3N/of-this-webhook"


class Webhook(Lasting):
    """Takes events from `with` to its end; `answers` are the first status codes, then 204.

    `hang`: no answer until the end.
    """

    def __init__(self, *answers: int, hang: bool = False) -> None:
        self.answers = list(answers)
        self.events: list[dict[str, Any]] = []
        self.calls = 0
        self._ending = threading.Event()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                webhook.calls += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hang:
                    webhook._ending.wait()
                code = webhook.answers.pop(0) if webhook.answers else 204
                if code == 204:
                    webhook.events.append(json.loads(body))
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/{SECRET}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def open(self) -> None:
        """Listens."""
        self._thread.start()

    def close(self) -> None:
        """Answers whoever still waits, and listens no more."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
