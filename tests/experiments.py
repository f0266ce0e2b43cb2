"""As much of Braintrust's service as its client needs to record experiments."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Experiments:
    """A service on this machine; `rows` are what `/logs3` received, `calls` all paths.

    `broken`: calls to this path are answered with 500.
    """

    def __init__(self, broken: str | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.made: list[dict[str, Any]] = []
        self.calls: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                service.calls.append(path)
                if path == broken:
                    self._send({"error": "no"}, 500)
                else:
                    self._send(service.answer(path, json.loads(body) if body else {}), 200)

            do_GET = do_POST

            def _send(self, reply: dict[str, Any], code: int) -> None:
                data = json.dumps(reply).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The reply to a call."""
        if path == "/api/apikey/login":
            org = {"id": "o", "name": "org", "api_url": self.url, "proxy_url": self.url}
            return {"org_info": [{**org, "git_metadata": None}]}
        if path == "/v1/project":
            return {"id": "p", "name": body["name"]}
        if path == "/v1/experiment":
            self.made.append(body)
            return {"id": f"e{len(self.made)}", "name": body["name"]}
        if path == "/logs3":
            self.rows += body["rows"]
            return {}
        names = ("project_name", "experiment_name", "project_url", "experiment_url")
        return dict.fromkeys(names, "x") | {"scores": {}, "metrics": {}}

    def cases(self, experiment: str) -> dict[str, dict[str, Any]]:
        """The rows of an experiment's cases, by the page's key."""
        return {
            row["input"]["key"]: row
            for row in self.rows
            if row["experiment_id"] == experiment and row["span_attributes"]["type"] == "eval"
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
