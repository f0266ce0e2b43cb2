"""Braintrust's service with what its client needs to record experiments."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from helpers.braintrust_server import BraintrustServer


class Experiments(BraintrustServer):
    """`made` are the experiments, as they were asked for; the first one is `e1`."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[dict[str, Any]] = []

    async def _other(self, request: Request) -> Response:
        path = request.url.path
        if path == "/v1/experiment":
            self.made.append(await request.json())
            return JSONResponse({"id": f"e{len(self.made)}", "name": self.made[-1]["name"]})
        if path.endswith("/summarize"):
            names = ("project_name", "experiment_name", "project_url", "experiment_url")
            return JSONResponse({**dict.fromkeys(names, "x"), "scores": {}, "metrics": {}})
        return await super()._other(request)

    def cases(self, experiment: str) -> dict[str, dict[str, Any]]:
        """The rows of an experiment's cases, by the page's key."""
        return {
            row["input"]["key"]: row
            for row in self.rows.values()
            if row.get("experiment_id") == experiment and row["span_attributes"]["type"] == "eval"
        }
