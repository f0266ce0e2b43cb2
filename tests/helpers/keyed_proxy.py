"""A service with projects: a proxy before the embedded server that shows to each key its own."""

import contextlib
import http.client
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from helpers.embedded_process import NEVER_SECONDS, EmbeddedProcess
from helpers.lasting import Lasting


class KeyedProxy(Lasting):
    """Hands requests on to `server`; batches and files are seen by the project that made them.

    `projects` maps keys to projects: two keys of one project see the same.
    """

    def __init__(self, server: EmbeddedProcess, projects: dict[str, str]) -> None:
        proxy = self
        self.owner: dict[str, str] = {}  # of batches and files
        self.maker: dict[str, str] = {}  # of batches by their display names
        upstream, token = urlsplit(server.base_url).netloc, server.token

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                data = self.rfile.read(int(self.headers.get("content-length", 0)))
                key = self.headers.get("x-goog-api-key")
                project = projects.get(key or "", "")
                headers = dict(self.headers.items())
                if key:
                    headers = {k: v for k, v in headers.items() if k.lower() != "x-goog-api-key"}
                    headers["x-goog-api-key"] = token
                thing = re.search(r"(batches|files)/[a-z0-9-]+", self.path)
                if thing and proxy.owner.get(thing[0], project) != project:
                    error = {"code": 404, "message": "Not found.", "status": "NOT_FOUND"}
                    self.reply(404, {}, json.dumps({"error": error}).encode())
                    return
                if ":batchGenerateContent" in self.path:  # made or not, whatever the answer says
                    proxy.maker[json.loads(data)["batch"]["displayName"]] = project
                connection = http.client.HTTPConnection(upstream, timeout=NEVER_SECONDS)
                connection.request(self.command, self.path, data, headers)
                response = connection.getresponse()
                body = response.read()
                connection.close()
                if ":batchGenerateContent" in self.path and response.status == 200:
                    with contextlib.suppress(ValueError, KeyError):  # a fault's garbage
                        proxy.owner[json.loads(body)["name"]] = project
                if self.command == "POST" and self.path.endswith("/files") and key:
                    proxy.owner[json.loads(data)["file"]["name"]] = project
                if re.search(r"/batches(\?|$)", self.path) and response.status == 200:
                    content = json.loads(body)
                    operations = content.get("operations", ())
                    for each in operations:
                        maker = proxy.maker.get(each["metadata"]["displayName"], "")
                        proxy.owner[each["name"]] = maker
                    content["operations"] = [
                        each for each in operations if proxy.owner[each["name"]] == project
                    ]
                    body = json.dumps(content).encode()
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
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def open(self) -> None:
        """Listens."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listens no more."""
        self._server.shutdown()
        self._server.server_close()
