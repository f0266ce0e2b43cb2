"""What happens in a run, said once: for people a line in the terminal, for machines a JSON line.

`emit` is the one call for an event. With `logging.DEBUG` an event is for machines alone: pages go
by there one by one, the terminal shows waves. A run's JSON lines are in `logs/runs/<run>.jsonl`;
docs/operators.md lists the events. `tracking/webhook.py` posts some of them.
"""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pagewave.characters import clean
from pagewave.redaction import hide_keys

log = logging.getLogger("pagewave")

PLAIN = "message"
"""The event of a log line that was not emitted as one, such as a warning."""


def emit(event: str, text: str = "", *, level: int = logging.INFO, **facts: Any) -> None:
    """Log an event: a line for people (nothing below INFO), and facts that fit into JSON."""
    log.log(level, "%s", text or event, extra={"event": event, "facts": facts})


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """A log record as an event: time, level, event, text, and its facts."""
    return {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": getattr(record, "event", PLAIN),
        "text": record.getMessage(),
        **getattr(record, "facts", {}),
    }


def as_json(record: logging.LogRecord, **more: Any) -> str:
    """An event as one line of JSON, without keys."""
    return hide_keys(json.dumps({**facts_of(record), **more}, ensure_ascii=False, default=str))


class RunLog(logging.Handler):
    """Appends each event to a run's file: a line a write, so that a crash loses none.

    A full disk costs lines, never a wave: it is said once, and tried again with the next event.
    """

    def __init__(self, path: Path, run_id: str) -> None:
        super().__init__(logging.DEBUG)
        self._run_id = run_id
        self._path = path
        self._in_trouble = False
        self._torn = False
        # Without a buffer, and appending: jobs that are processes of their own write here too.
        self._file = path.open("ab", buffering=0)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event."""
        line = f"{as_json(record, run=self._run_id)}\n".encode(errors="backslashreplace")
        if self._torn:
            line = b"\n" + line
        try:
            written = self._file.write(line)
        except (OSError, ValueError) as error:  # ValueError: closed
            if not self._in_trouble:
                self._in_trouble = True
                log.warning("%s can't be written (%s); the run goes on", self._path, error)
        else:
            self._torn = written < len(line)
            self._in_trouble = False

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def start_run_log(logs_dir: Path, run_id: str) -> None:
    """From now on the process writes its events to the run's file, and to no other run's."""
    stop_run_log()
    path = logs_dir / "runs" / f"{run_id}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log.addHandler(RunLog(path, run_id))
    except OSError as error:
        log.warning("%s can't be written (%s); the run goes on", path, error)
    log.setLevel(logging.DEBUG)


def stop_run_log() -> None:
    """Write no more events to a file."""
    for handler in log.handlers[:]:
        if isinstance(handler, RunLog):
            log.removeHandler(handler)
            handler.close()


def seconds_since(moment: float | None) -> float | None:
    """Seconds since a Unix time, to the tenth."""
    return None if moment is None else round(time.time() - moment, 1)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return clean(hide_keys(super().format(record)))


def log_to_terminal() -> None:
    """Show what the log says on the terminal, with the time of day."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.INFO)  # what is told below that is for the run's log alone
    handler.setFormatter(_Formatter("%(asctime)s pagewave: %(message)s", "%H:%M:%S"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
