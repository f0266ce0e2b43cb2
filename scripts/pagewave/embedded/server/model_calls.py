"""The calls about models: what a client may ask, for nothing, before it sends anything.

Any name is the name of a model here, as each is read by the same reader.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pagewave.embedded.server.jobs import Jobs
from pagewave.embedded.server.wire import Json

METHODS = ("generateContent", "countTokens", "batchGenerateContent")


class ModelCalls:
    """Handlers of models.get and models.list."""

    def __init__(self, jobs: Jobs) -> None:
        self.log = jobs.log

    async def get_model(self, request: Request) -> Response:
        """models.get"""
        name = request.path_params["model"]
        self.log.write("model", model=name)
        return JSONResponse(_model(name))

    async def list_models(self, request: Request) -> Response:
        """models.list: those whose price is known, on one page"""
        # Here, as it needs pydantic: a third of what this server takes to start.
        from pagewave.config.pricing import Pricing

        known = sorted(Pricing().models())
        self.log.write("list", what="models", count=len(known))
        return JSONResponse({"models": [_model(name) for name in known]})


def _model(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "displayName": name,
        "supportedGenerationMethods": list(METHODS),
    }
