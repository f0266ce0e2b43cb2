"""The server's log: one JSON line an event, in the system's hands before the reply leaves."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any


class EventLog:
    """Appends to `log.jsonl`. Unbuffered, so that a killed server has logged what it answered."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        _drop_torn_line(path)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, **fields: object) -> None:
        """One event. Callers pass neither tokens nor the content of files."""
        line = json.dumps({"t": round(time.time(), 6), "event": event} | fields) + "\n"
        with self._lock:
            os.write(self._fd, line.encode())

    def inferences(self, batch: str) -> set[int]:
        """The input lines of `batch` whose inference is in the log."""
        lines = set()
        with self.path.open(encoding="utf-8") as file:
            for text in file:
                if batch in text and '"event": "inference"' in text:
                    event: dict[str, Any] = json.loads(text)
                    if event["batch"] == batch:
                        lines.add(int(event["line"]))
        return lines


def _drop_torn_line(path: Path) -> None:
    """Cuts what a power failure left behind the last whole line."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1_000_000))
        tail = file.read()
        if tail and not tail.endswith(b"\n"):
            file.truncate(size - (len(tail) - tail.rfind(b"\n") - 1))
