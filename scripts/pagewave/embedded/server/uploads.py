"""Google's resumable uploads: a session is opened, chunks follow, the last one finalizes it."""

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from pagewave.embedded.server.entities import File, new_id
from pagewave.embedded.server.wire import ApiError

CHUNK_GRANULARITY = 8 * 1024 * 1024  # what Google announces; google-genai sends chunks of this size
REMEMBERED = 1000  # finished sessions kept for chunks that are sent again


@dataclass(slots=True)
class Session:
    """One upload under way, or done when `file` is set. Its bytes gather in `part`."""

    file_id: str
    display_name: str | None
    mime_type: str
    size: int | None  # as announced
    part: Path
    received: int = 0
    file: File | None = None


@dataclass(slots=True)
class Uploads:
    """The sessions of this server process: a restart forgets them, and the client begins anew."""

    folder: Path
    _sessions: OrderedDict[str, Session] = field(default_factory=OrderedDict)

    def open(self, file_id: str, display_name: str | None, mime_type: str, size: int | None) -> str:
        """A new session; returns its id."""
        upload_id = new_id(40)
        part = self.folder / upload_id
        part.touch()
        self._sessions[upload_id] = Session(file_id, display_name, mime_type, size, part)
        while len(self._sessions) > REMEMBERED and next(iter(self._sessions.values())).file:
            self._sessions.popitem(last=False)
        return upload_id

    def get(self, upload_id: str) -> Session:
        """A session. Raises ApiError when there is none."""
        if upload_id not in self._sessions:
            raise ApiError(404, "Upload session not found: it has expired or never existed.")
        return self._sessions[upload_id]

    def add(self, session: Session, offset: int, data: bytes) -> None:
        """Takes a chunk. What is there already is not written again: clients re-send chunks whose
        reply they did not get. Raises ApiError for a gap."""
        if offset > session.received:
            raise ApiError(400, f"Offset {offset} is behind the {session.received} bytes received.")
        fresh = data[session.received - offset :]
        if fresh and session.file is None:
            with session.part.open("ab") as file:
                file.write(fresh)
            session.received += len(fresh)

    def check_complete(self, session: Session) -> None:
        """Raises ApiError unless as many bytes came as were announced."""
        if session.size is not None and session.received != session.size:
            raise ApiError(400, f"{session.size} bytes announced, {session.received} received.")
