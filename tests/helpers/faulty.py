"""What the embedded server is asked for under faults, through google-genai."""

import io
from typing import Any

from google import genai
from google.genai import types

from helpers.embedded_process import EmbeddedProcess, result_lines, run_batch

KEY = "a:b:1900:1"
RECORD = {
    "key": KEY,
    "request": {"contents": [{"role": "user", "parts": [{"text": "Read this page."}]}]},
}


def upload(client: genai.Client, name: str = "page", mime_type: str = "image/png") -> types.File:
    """A small upload."""
    config: Any = {"mime_type": mime_type, "display_name": name}
    return client.files.upload(file=io.BytesIO(b"{}"), config=config)


def text_of(line: dict[str, Any]) -> tuple[str, str]:
    """Text and finish reason of a result line."""
    [candidate] = line["response"]["candidates"]
    return candidate["content"]["parts"][0]["text"], candidate["finishReason"]


def read_with(server: EmbeddedProcess, client: genai.Client, *faults: str) -> list[dict[str, Any]]:
    """The result lines of a batch of one record under these faults."""
    server.set_faults(list(faults))
    return result_lines(client, run_batch(client, [RECORD], "record faults"))
