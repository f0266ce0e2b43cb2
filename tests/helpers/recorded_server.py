"""The embedded server with a reader that has its answers from a file: what OCR read once.

`PAGEWAVE_RECORDED` names a JSON file of answers (JSON texts) by name; a comment in the JPEG says
which of them is the image's. Tokens are counted as ever.
"""

import json
import os
from pathlib import Path

import pagewave.embedded.__main__ as server
from pagewave.embedded.server.answers import Read

COMMENT = b"recorded:"


def marked(image: bytes, name: str, number: int) -> bytes:
    """A JPEG with a comment that names its answer and makes it like no other."""
    comment = COMMENT + f"{name}:{number}".encode()
    return image[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + image[2:]


def answer_name(image: bytes) -> str:
    """The answer's name in a marked JPEG."""
    length = int.from_bytes(image[4:6], "big")
    return image[6 : 4 + length].removeprefix(COMMENT).rpartition(b":")[0].decode()


def make_reader(_name: str) -> Read:
    """A reader that knows all answers."""
    answers = json.loads(Path(os.environ["PAGEWAVE_RECORDED"]).read_text(encoding="utf-8"))
    return lambda _key, image, _prompt, _reading: answers[answer_name(image)]


if __name__ == "__main__":
    server.make_reader = make_reader
    server.main()
