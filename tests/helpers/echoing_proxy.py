"""A service that repeats its client's keys: a proxy before the embedded server."""

import json

from helpers.handing_on import Call, HandingOn, Reply

ECHOES = (
    b"made by the echo reader",  # in every answer
    b"An internal error has occurred",  # in an error line
    b"The batch ended failed",  # in a failed batch
)
"""Words of the embedded server in whose place the keys are put."""


class EchoingProxy(HandingOn):
    """Hands requests on to the server at `target`, and puts keys into the replies.

    With `refusal`, it answers everything itself with that code instead; 200 stands for garbage.
    """

    def __init__(self, target: str, keys: str, refusal: int | None = None) -> None:
        super().__init__(target)
        self.keys = keys
        self.refusal = refusal
        self.echoed = 0

    def answer(self, call: Call) -> Reply:
        """The server's reply with the keys in it, or the refusal."""
        if self.refusal:
            self.echoed += 1
            error = {"code": self.refusal, "message": f"No: {self.keys}", "status": "REFUSED"}
            body = json.dumps({"error": error}).encode()
            if self.refusal == 200:
                body = f"<html>{self.keys}".encode()
            return Reply(self.refusal, {"content-type": "application/json"}, body)
        reply = self.hand_on(call)
        body = reply.body
        for words in ECHOES:
            self.echoed += body.count(words)
            body = body.replace(words, self.keys.encode())
        return reply._replace(body=body)
