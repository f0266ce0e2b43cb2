"""A batch's input file: its records are found once, and each is read when its turn comes.

With images inside such a file has hundreds of megabytes, and there are many batches: none is kept
in memory. The file stays open, so that its deletion ends no batch that has begun.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from pagewave.embedded.server.attachments import is_any_inside
from pagewave.embedded.server.wire import BadRecord, Json, check_request

LARGEST_FILE = 2 * 1024**3
LARGEST_REQUEST = 100 * 1024**2
"""In bytes: ai.google.dev/gemini-api/docs/batch-api and …/docs/file-input-methods (2026-01)."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line: `line` counts from 0, `sha256` is that of its bytes, `offset` and `size` where."""

    line: int
    key: str
    sha256: str
    offset: int
    size: int


class InputFile:
    """Opened and looked through; `has_images`: inside of any request.

    Raises:
        BadRecord: for the first line that Google would refuse.
        FileNotFoundError: it is gone.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.records: list[Record] = []
        self.has_images = False
        try:
            with path.open("rb") as lines:
                self._look_through(lines)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """No record will be read any more."""
        self._file.close()

    def request(self, record: Record) -> Json:
        """What a record asks."""
        line = os.pread(self._file.fileno(), record.size, record.offset)
        request: Json = json.loads(line)["request"]
        return request

    def _look_through(self, lines: BinaryIO) -> None:
        offset, number = 0, -1
        while line := lines.readline(LARGEST_REQUEST + 1):
            number += 1
            where = f"line {number + 1} of the input file"
            if len(line) > LARGEST_REQUEST:
                raise BadRecord(f"{where} has more than {LARGEST_REQUEST} bytes")
            if line.strip():
                self.records.append(self._record(line.removesuffix(b"\n"), number, offset, where))
            offset += len(line)
        if not self.records:
            raise BadRecord("the input file holds no requests")

    def _record(self, line: bytes, number: int, offset: int, where: str) -> Record:
        try:
            obj = json.loads(line)
        except ValueError as error:
            raise BadRecord(f"{where} is not JSON: {error}") from error
        if not isinstance(obj, dict) or not isinstance(obj.get("request"), dict):
            raise BadRecord(f'{where} is not an object with a "request"')
        check_request(obj["request"], f"{where}, request")
        self.has_images = self.has_images or is_any_inside(obj["request"])
        digest = hashlib.sha256(line).hexdigest()
        return Record(number, str(obj.get("key", "")), digest, offset, len(line))
