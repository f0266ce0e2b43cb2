"""Who is let in: the browser of whoever knows the token, and no other website's page.

Every answer, a refusal too, forbids the browser what the page does not need: scripts and styles
from elsewhere or inside of it, frames, forms; and turning text into HTML altogether.
"""

import hmac
from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pagewave.loopback import is_own_host

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TOKEN = "token"
"""The query's parameter that brings the token; from then on a cookie does."""


class Guard:
    """Refuses what does not come from our own page in a browser that has the token."""

    def __init__(
        self, app: ASGIApp, token: str, port: int, names: Collection[str], *, what: str
    ) -> None:
        self.app = app
        self._what = what
        self._names = names
        self._token = token.encode()
        # Ports share their cookies: two servers must not take each other's.
        self._cookie = f"pagewave-{what}-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if self._is_token(request.query_params.get(TOKEN)):
                    value = f"{self._cookie}={self._token.decode()}"
                    headers["Set-Cookie"] = f"{value}; Path=/; HttpOnly; SameSite=Strict"
            await send(message)

        await (self._refusal(request) or self.app)(scope, receive, guarded)

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        if not is_own_host(host, self._names):
            said = f"This {self._what} does not go by that name: see --allowed-hosts.\n"
            return PlainTextResponse(said, 403)
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "none")
        foreign = site not in ("none", "same-origin")
        # What changes something comes from our own page alone; every browser names it then.
        looks_only = request.method in ("GET", "HEAD")
        ours = (f"http://{host}", None) if looks_only else (f"http://{host}",)
        if origin not in ours or (
            foreign and not (looks_only and request.headers.get("sec-fetch-mode") == "navigate")
        ):
            return PlainTextResponse("Other websites have no business here.\n", 403)
        given = (request.query_params.get(TOKEN), request.cookies.get(self._cookie))
        if not any(map(self._is_token, given)):
            return PlainTextResponse(
                f"Open the address that the {self._what} printed, with its token.\n", 401
            )
        return None

    def _is_token(self, given: str | None) -> bool:
        return given is not None and hmac.compare_digest(given.encode(), self._token)
