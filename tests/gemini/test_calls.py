"""What a single call may end as: an answer, a definite no, not now, or nobody knows."""

import base64
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess
from pagewave.errors import LedgerError
from pagewave.gemini.calls import AnswerLost, NotNow, Question, ServiceFailed
from pagewave.gemini.client import Gemini
from pagewave.gemini.retries import Refused
from pagewave.loopback import bind

QUESTION = Question(
    model="m",
    body={
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What is there?"},
                    {"inlineData": {"mimeType": "image/jpeg", "data": ""}},
                ],
            }
        ],
        "generationConfig": {
            "temperature": 0.1,
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "properties": {"courses": {"type": "STRING"}}},
        },
    },
    image=b"no image, which the echo reader does not mind",
    tier="flex",
    seconds=900.0,
)


def gemini_at(base_url: str, key: str = "k", **options: Any) -> Gemini:
    return Gemini(key, threading.Event(), base_url=base_url, **options)


@pytest.fixture
def gemini(quiet_server: EmbeddedProcess) -> Gemini:
    return gemini_at(quiet_server.base_url, quiet_server.token, timeout_seconds=5)


def test_the_answer_is_what_the_service_wrote(
    gemini: Gemini, quiet_server: EmbeddedProcess
) -> None:
    answer = gemini.ask(QUESTION)
    assert answer["candidates"][0]["finishReason"] == "STOP"
    assert answer["usageMetadata"]["serviceTier"] == "flex"
    call = quiet_server.log("call")[-1]
    # The client's own time-out (5 s) is told to the service too, unless a call has its own.
    assert (call["tier"], call["timeout"], call["model"]) == ("flex", "900", "m")


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ("http-error:code=503", NotNow),
        ("http-error:code=429", NotNow),
        ("http-error:code=500", ServiceFailed),
        ("http-error:code=502", AnswerLost),
        ("http-error:code=504", AnswerLost),
        ("http-error:code=499", AnswerLost),
        ("http-error:code=503,foreign=yes", AnswerLost),
        ("http-error:code=400", Refused),
        ("http-error:code=404,foreign=yes", AnswerLost),
        ("cut-before", AnswerLost),
        ("cut-after", AnswerLost),
        ("redirect", AnswerLost),
        ("garbage-200", AnswerLost),
        ("garbage-200:body=json", AnswerLost),
        ("garbage-200:body=list", AnswerLost),
        ("garbage-200:body=empty", AnswerLost),
        ("garbage-200:body=binary", AnswerLost),
        ("refused:reason=key", Refused),
        ("day-limit", NotNow),
    ],
)
def test_every_end_has_its_kind(
    gemini: Gemini, quiet_server: EmbeddedProcess, fault: str, end: type[Exception]
) -> None:
    name, _, options = fault.partition(":")
    of_call = "" if name == "day-limit" else "call=generate,"
    quiet_server.set_faults([f"{name}:{of_call}{options}".rstrip(",:")])
    with pytest.raises(end) as raised:
        gemini.ask(QUESTION)
    if isinstance(raised.value, NotNow):
        assert raised.value.is_quota == ("429" in fault or name == "day-limit")
        assert raised.value.is_of_day == (name == "day-limit")


def test_what_never_reached_the_service_is_not_lost() -> None:
    with bind(0) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NotNow):
        gemini_at(f"http://127.0.0.1:{port}").ask(QUESTION)


def test_the_request_is_as_a_batch_sends_it_with_the_image_inside() -> None:
    seen: list[tuple[str, Any]] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((self.path, json.loads(body)))
            answer = json.dumps({"candidates": []}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
        body = {**QUESTION.body, "safetySettings": safety}
        gemini = gemini_at(f"http://127.0.0.1:{server.server_port}")
        for tier in ("flex", "standard"):
            gemini.ask(replace(QUESTION, body=body, tier=tier))
        server.shutdown()
    path = "/v1beta/models/m:generateContent"
    data = base64.b64encode(QUESTION.image).decode()
    text, image = QUESTION.body["contents"][0]["parts"]
    filled = {"inlineData": {**image["inlineData"], "data": data}}
    sent = {**body, "contents": [{"role": "user", "parts": [text, filled]}]}
    assert seen == [(path, {**sent, "serviceTier": "flex"}), (path, sent)]


def test_without_a_run_nothing_is_asked(quiet_server: EmbeddedProcess) -> None:
    def refuse() -> None:
        raise LedgerError("no run")

    before = len(quiet_server.log("call"))
    with pytest.raises(LedgerError, match="no run"):
        gemini_at(quiet_server.base_url, quiet_server.token, may_send=refuse).ask(QUESTION)
    assert len(quiet_server.log("call")) == before
