"""A batch's requests as JSON lines on the disk: what is sent, and what is kept of it.

With images inside, what is sent is large: it is written and sent in pieces, and is gone once the
service has it. What is kept, until the batch is collected, are the same lines without images, and
a last one with the name that the file has at the service: so the pages of a batch in flight, and
whose they are, are known even without the ledger.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pagewave.gemini.remote import Payload
from pagewave.ledger import explained
from pagewave.prompts.inline_images import PIECE_BYTES, write_base64
from pagewave.prompts.request import Request, jsonl_line, line_around_image

SENDING, KEEPING = ".sending", ".keeping"
"""How the names of files end that nobody needs once their batch was sent."""


class ChangedMeanwhile(OSError):
    """An image is not the one that the request was made for."""

    def __init__(self) -> None:
        super().__init__("changed meanwhile; the next attempt sends what is there then")


@dataclass
class RequestFile:
    """Requests as they were written, to be sent and then kept at `path` without their images.

    `inside` has hash and size (bytes) of each image in it. `problems` says by content hash which
    images could not be read: their requests are left out.
    """

    path: Path
    sent: Payload
    inside: Sequence[tuple[str, int]]
    problems: Mapping[str, OSError]

    def keep(self, name: str) -> None:
        """The service has the file, under this name; raises LedgerError when the disk is full."""
        keeping = _beside(self.path, KEEPING)
        with explained(self.path):
            with keeping.open("ab") as file:
                file.write(json.dumps({"sent_as": name}).encode() + b"\n")
            keeping.replace(self.path)


@contextmanager
def written(
    path: Path,
    requests: Sequence[Request],
    uris: Mapping[str, str],
    configs: Mapping[str, Mapping[str, Any]],
    schema: Mapping[str, Any],
) -> Iterator[RequestFile]:
    """Write the requests of a batch; what is not kept meanwhile is removed in the end.

    Args:
        path: where they are kept once the service has them.
        uris: URIs of uploaded images by content hash; images without one go inside.
        configs: generation configs by key.
        schema: as from `response_schema`.

    Raises:
        LedgerError: the disk is full, or the like.
    """
    sending, keeping = _beside(path, SENDING), _beside(path, KEEPING)
    inside: list[tuple[str, int]] = []
    problems: dict[str, OSError] = {}
    buffer = bytearray(PIECE_BYTES)
    try:
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with _Lines(sending) as sent, _Lines(keeping) as kept:
            for request in requests:
                config, uri = configs[request.key], uris.get(request.facts.sha256)
                if uri:
                    line = jsonl_line(request, uri, config, schema)
                    sent.write(line)
                    kept.write(line)
                    continue
                before, after = line_around_image(request, config, schema)
                if problem := _write_with_image(sent, before, request, after, buffer):
                    problems[request.facts.sha256] = problem
                else:
                    kept.write(before + after)
                    inside.append((request.facts.sha256, request.facts.size_bytes))
        payload = Payload.of_file(sending, sent.size, sent.digest.digest())
        yield RequestFile(path, payload, inside, problems)
    finally:
        sending.unlink(missing_ok=True)
        keeping.unlink(missing_ok=True)


def remove_unsent(folder: Path) -> None:
    """Remove what a crash left of requests that were being written or sent."""
    for ending in (SENDING, KEEPING):
        for leftover in folder.glob(f"*{ending}"):
            leftover.unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


class _Lines:
    """A file that is written piece by piece, hashed on the way, and may go back to a line's start.

    Raises LedgerError where it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.digest = hashlib.sha256()
        self.size = 0
        with explained(path):
            self._file = path.open("wb")

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        with explained(self._path):
            self._file.close()

    def write(self, piece: bytes) -> None:
        with explained(self._path):
            self._file.write(piece)
        self.digest.update(piece)
        self.size += len(piece)

    @contextmanager
    def or_nothing(self) -> Iterator[None]:
        """What is written within is kept unless an error ends it."""
        size, digest = self.size, self.digest.copy()
        try:
            yield
        except OSError:
            self.size, self.digest = size, digest
            with explained(self._path):
                self._file.seek(size)
                self._file.truncate()
            raise


def _write_with_image(
    sent: _Lines, before: bytes, request: Request, after: bytes, buffer: bytearray
) -> OSError | None:
    """Write a line with the image that its fingerprint stands for; else nothing, and say why."""
    try:
        with request.image.open("rb") as image, sent.or_nothing():
            sent.write(before)
            if write_base64(image, sent.write, buffer) != request.facts.sha256:
                raise ChangedMeanwhile
            sent.write(after)
    except OSError as problem:
        return problem
    return None
