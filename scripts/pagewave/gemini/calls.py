"""Single calls: one request, answered at once, by the tier that it asks for; never repeated here.

A call whose answer is lost can't be asked for any more, and may be paid for. So every end of a call
is one of these: an answer, a definite no, "not now" (nothing was read), or a lost answer.
"""

import base64
import contextlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pagewave.gemini.retries import is_refusal, refusal
from pagewave.redaction import hide_keys_in_bytes

if TYPE_CHECKING:
    from google import genai
    from google.genai import types

TIER_HEADER = "x-gemini-service-tier"
STANDARD = "standard"
"""The tier of a call that asks for none."""
NOT_NOW = (429, 503)
"""Used up, or full: by custom nothing was read (ai.google.dev says so of 400 and 500 only)."""
FAILED = 500
"""The service failed by itself: not charged (ai.google.dev/gemini-api/docs/billing)."""


class NotNow(Exception):
    """The service takes no call now, or is not there: nothing was read, ask again later.

    `is_quota`: a limit is used up; `is_of_day`: that of the day. `seconds`: the service's own word
    for how long to wait.
    """

    def __init__(
        self, why: str, *, is_quota: bool = False, is_of_day: bool = False, seconds: float = 0.0
    ) -> None:
        super().__init__(why)
        self.is_quota = is_quota
        self.is_of_day = is_of_day
        self.seconds = seconds


class AnswerLost(Exception):
    """No answer arrived, though the model may have run: it may be paid for."""


class ServiceFailed(Exception):
    """The service failed by itself, and charges nothing."""


@dataclass(frozen=True)
class Question:
    """What is asked: `body` as of a batch's line, with an empty `inlineData` for the image's bytes.

    `seconds`: how long an answer may take; the service is told as well.
    """

    model: str
    body: Mapping[str, Any]
    image: bytes
    tier: str
    seconds: float


class Calls:
    """Makes calls, from any number of threads; `may_send` as of the client."""

    def __init__(self, may_send: Callable[[], None]) -> None:
        self._may_send = may_send
        self._heard = threading.local()

    def note_sent(self, _: Any) -> None:
        """Hook: a request is on its way."""
        self._heard.sent = True

    def keep(self, response: Any) -> None:
        """Hook: keep the raw answer, as the SDK's types drop fields that they do not know."""
        if response.status_code == 200 and response.request.url.path.endswith(":generateContent"):
            response.read()
            self._heard.answer = response.content
            self._heard.tier = response.headers.get(TIER_HEADER)

    def ask(self, client: "genai.Client", question: Question) -> dict[str, Any]:
        """Ask once; returns the `GenerateContentResponse` as the service wrote it.

        Raises:
            NotNow: the service takes no call now; nothing was read.
            ServiceFailed: it failed by itself; nothing is charged.
            AnswerLost: nobody knows; it may be paid for.
            Refused: it refuses the request, or the key.
        """
        self._may_send()
        self._heard.sent, self._heard.answer, self._heard.tier = False, None, None
        config = _config(question)
        error: Exception | None = None
        try:
            # The contents that count are in the body.
            client.models.generate_content(model=question.model, contents="", config=config)
        except Exception as raised:
            error = raised
        # An answer of the service is one even where the SDK does not understand it.
        if answer := self._answer():
            return answer
        raise self._reason(question, error) from error

    def _answer(self) -> dict[str, Any] | None:
        raw = self._heard.answer
        if raw is None:
            return None
        with contextlib.suppress(ValueError):
            answer = json.loads(hide_keys_in_bytes(raw))
            if isinstance(answer, dict) and {"candidates", "promptFeedback", "usageMetadata"} & {
                *answer
            }:
                counts = answer.get("usageMetadata")
                if self._heard.tier and isinstance(counts, dict):
                    counts.setdefault("serviceTier", self._heard.tier)
                return answer
        return None

    def _reason(self, question: Question, error: Exception | None) -> Exception:
        """What became of a call that brought no answer."""
        import httpx2
        from google.genai import errors

        said = f"{type(error).__name__}: {error}"[:500] if error else "it is no answer"
        if isinstance(error, errors.APIError):
            if is_refusal(error):
                return refusal(error, f"to answer with model {question.model}")
            if _is_own(error):
                if error.code in NOT_NOW:
                    return _not_now(error)
                if error.code == FAILED:
                    return ServiceFailed(said)
            return AnswerLost(said)
        connecting = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
        if isinstance(error, connecting):
            return NotNow(said)
        if error and not self._heard.sent:
            return error  # it never left this machine, and would not the next time
        return AnswerLost(said)


def _body(question: Question) -> dict[str, Any]:
    """The whole request as it is sent: spelled as a batch's line, with the image in its place."""
    *before, content = question.body["contents"]
    *parts, image = content["parts"]
    data = base64.b64encode(question.image).decode("ascii")
    image = {**image, "inlineData": {**image["inlineData"], "data": data}}
    body = {**question.body, "contents": [*before, {**content, "parts": [*parts, image]}]}
    if question.tier != STANDARD:
        body["serviceTier"] = question.tier
    return body


def _config(question: Question) -> "types.GenerateContentConfig":
    """How the SDK is to send it: as it is, once, and without a look at the answer.

    Its own types would convert the schema with each call, and copy all of it four times: more work
    than all the rest of a call.
    """
    from google.genai import types

    return types.GenerateContentConfig(
        http_options=types.HttpOptions(
            timeout=int(question.seconds * 1000), extra_body=_body(question)
        ),
        should_return_http_response=True,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )


def _is_own(error: Any) -> bool:
    """Does the service itself speak, and nothing on the way to it?"""
    said = error.details.get("error") if isinstance(error.details, Mapping) else None
    return isinstance(said, Mapping) and not getattr(error.response, "history", ())


def _not_now(error: Any) -> NotNow:
    said = json.dumps(error.details)
    delay = re.search(r'"retryDelay": "(\d+(?:\.\d+)?)s"', said)
    return NotNow(
        f"{error.code} {error.message}",
        is_quota=error.code == 429,
        is_of_day=error.code == 429 and "PerDay" in said,
        seconds=float(delay[1]) if delay else 0.0,
    )
