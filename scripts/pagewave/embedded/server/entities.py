"""What the server knows of: files, batches, and the results of records."""

import secrets
import string
import time
from dataclasses import dataclass

from pagewave.embedded.server.wire import Json


@dataclass(frozen=True, slots=True)
class File:
    """A file of the service. `number` grows with time; `fate` is what processing makes of it."""

    number: int
    id: str
    display_name: str | None
    mime_type: str
    size: int
    sha256: str  # hexadecimal
    created: float
    active: float  # Unix time from which it is ACTIVE (or FAILED)
    expires: float
    source: str  # UPLOADED | GENERATED
    fate: str  # ACTIVE | FAILED | PROCESSING
    undeletable: bool

    @property
    def state(self) -> str:
        """PROCESSING, ACTIVE or FAILED, as of now."""
        return self.fate if time.time() >= self.active else "PROCESSING"


@dataclass(slots=True)
class Batch:
    """A batch job. `quirks` are the faults it was born with: fault name -> its number."""

    number: int
    id: str
    model: str
    display_name: str
    input: str
    created: float
    updated: float
    ended: float | None
    state: str  # without its prefix BATCH_STATE_
    requests: int
    succeeded: int
    failed: int
    output: str | None  # id of the result file
    error: Json | None
    quirks: dict[str, float]

    @property
    def name(self) -> str:
        """The batch's name on the wire."""
        return f"batches/{self.id}"

    @property
    def terminal(self) -> bool:
        """Has the job ended? Decided by its end, since a fault may give it any state."""
        return self.ended is not None


@dataclass(frozen=True, slots=True)
class Result:
    """A record that has been read but is not yet in a result file."""

    line: int
    key: str
    sha256: str
    lines: tuple[str, ...]
    paid: bool
    failed: bool


def new_id(length: int) -> str:
    """A random id of the letters Google's ids have."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))
