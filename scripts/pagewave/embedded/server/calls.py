"""What surrounds every call: the token, Google's error bodies, the faults of the network."""

import asyncio
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from pagewave.embedded.server.faults import GARBAGE, REASONS, Fault
from pagewave.embedded.server.jobs import Jobs
from pagewave.embedded.server.wire import ApiError, Json

Handler = Callable[[Request], Awaitable[Response]]
Cut = Callable[[Scope], None]
"""Cuts the TCP connection a request came in on."""


class Call:
    """One kind of call as an ASGI application. `name` is what a fault's `call=` means."""

    def __init__(self, name: str, handler: Handler, jobs: Jobs, token: str, cut: Cut) -> None:
        self.name = name
        self.handler = handler
        self.jobs = jobs
        self.token = token
        self.cut = cut

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        # Read first: a refusal in the middle of a body would cost the client its connection.
        await request.body()
        try:
            self._check_token(request)
        except ApiError as error:
            await self._refusal(request, error)(scope, receive, send)
            return
        subject = f"{request.method} {request.url.path}"
        # The control endpoint has no name: faults leave it alone.
        faults = self.jobs.draw("call", subject, self.name) if self.name else []
        request.state.faults = {fault.name: fault for fault in faults}
        for fault in faults:
            if not fault.after_acting and await self._interfere(fault, request, send):
                return
        try:
            response = await self.handler(request)
        except ApiError as error:
            response = self._refusal(request, error)
        if wrong := request.state.faults.get("wrong-create-time"):
            response = _with_create_time(response, wrong.told)
        for fault in faults:
            if fault.after_acting and await self._interfere(fault, request, send):
                return
        if "truncated-download" in request.state.faults and self.name == "download":
            await self._truncated(request, bytes(response.body), send)
            return
        await response(scope, receive, send)

    def _check_token(self, request: Request) -> None:
        if self.name == "upload" and "upload_id" in request.query_params:
            return  # google-genai sends chunks without the key; the session's id is the permission
        given = request.headers.get("x-goog-api-key", "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise ApiError(
                401, "API key not valid. Please pass the key this server was started with."
            )

    def _refusal(self, request: Request, error: ApiError) -> Response:
        self.jobs.log.write(
            "refused",
            call=f"{request.method} {request.url.path}",
            code=error.code,
            status=error.status,
            message=error.message,
        )
        return JSONResponse(error.body(), error.code)

    async def _interfere(self, fault: Fault, request: Request, send: Send) -> bool:
        """Lets a fault happen. True when nothing is left to be sent."""
        match fault.name:
            case "http-error":
                message = f"Injected fault {fault.code}."
                response: Response = self._refusal(request, ApiError(fault.code, message))
                if fault.foreign:
                    html = GARBAGE["html"]
                    response = Response(html, fault.code, media_type="text/html")
            case "redirect":
                response = Response(b"", 307, headers={"location": str(request.url)})
            case "refused":
                code, status, words = REASONS[fault.reason]
                model = request.path_params.get("model", "unknown")
                response = self._refusal(request, ApiError(code, words.format(model=model), status))
            case "garbage-200":
                response = Response(GARBAGE[fault.body], 200, media_type="text/html")
            case "slow":
                await self.jobs.delays.wait(time.time(), fault.seconds)
                return False
            case "drip":
                await _drip(request, send)
                return True
            case "hang":
                await _until_disconnect(request)
                return True
            case "cut-before" | "cut-after":
                self.cut(request.scope)
                await _until_disconnect(request)
                return True
            case _:
                return False
        await response(request.scope, request.receive, send)
        return True

    async def _truncated(self, request: Request, body: bytes, send: Send) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send(
            {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        )
        await asyncio.sleep(0.05)  # lets the half arrive: a cut drops what is still to be sent
        self.cut(request.scope)
        await _until_disconnect(request)


def _with_create_time(response: Response, told: str) -> Response:
    """The answer with another time in it; "" leaves it out."""
    told = f'"createTime": {json.dumps(told)},' if told else ""
    body = re.sub(r'"createTime":\s*"[^"]*",', told, bytes(response.body).decode())
    headers = {k: v for k, v in response.headers.items() if k.lower() != "content-length"}
    return Response(body, response.status_code, headers)


async def _drip(request: Request, send: Send) -> None:
    gone = asyncio.ensure_future(_until_disconnect(request))
    headers = [(b"content-length", b"1000000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while not gone.done():
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.wait([gone], timeout=0.05)


async def _until_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def body_of(request: Request) -> Json:
    """The JSON object a request carries. Raises ApiError when it carries something else."""
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise ApiError(400, f"Invalid JSON payload received. {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "Invalid JSON payload received. Not an object.")
    return body
