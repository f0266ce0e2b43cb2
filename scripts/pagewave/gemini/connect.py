"""How commands reach the service: Google's, the embedded server of a run, or one of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pagewave.config.settings import Settings, load_secrets, require_key
from pagewave.embedded.process import running_server, start_server
from pagewave.errors import LedgerError
from pagewave.gemini.session import Session
from pagewave.ledger import Ledger
from pagewave.ledger.lock import LockedError, take_lock
from pagewave.pages.dataset import Dataset
from pagewave.workspace import chosen_prompt

PATIENCE_SECONDS = 60.0
"""For which a command waits out trouble at the service; a run has `batch.outage_seconds`."""


def open_session(settings: Settings, dataset: Dataset, ledger: Ledger) -> Session:
    """A session for a person at the terminal, who does not wait as long as a run."""
    batch = settings.batch
    patience = min(PATIENCE_SECONDS, batch.outage_seconds)
    hasty = batch.model_copy(update={"outage_seconds": patience})
    prompt = chosen_prompt(settings)
    return Session(settings.model_copy(update={"batch": hasty}), dataset, ledger, prompt)


@contextmanager
def serving(session: Session) -> Iterator[None]:
    """Point the session at the service, for a command that holds the lock.

    An embedded server is started over the jobs of before, and ends with the command; what it had
    not read by then it reads when it runs again.
    """
    if session.engine == "gemini":
        session.api_key = require_key(session.settings, load_secrets(Path.cwd()))
        yield
        return
    server = start_server(session.settings)
    session.base_url, session.api_key = server.base_url, server.token
    try:
        yield
    finally:
        server.close()


@contextmanager
def reaching(session: Session, command: str) -> Iterator[None]:
    """Point the session at the service, also while a run is going on.

    An embedded server that a run has started is used; without one, the lock is taken and a server
    started. Google's needs neither.

    Raises:
        LedgerError: somebody holds the lock and has no server that can be reached.
    """
    if session.engine == "gemini":
        with serving(session):
            yield
        return
    try:
        lock = take_lock(session.settings.paths.state_dir, command)
    except LockedError as held:
        address = running_server(session.settings)
        if address is None or address.owner != held.holder:
            raise LedgerError(
                f"Process {held.holder} ({held.what}) is using {session.settings.paths.state_dir}, "
                "and its embedded server can't be reached (yet). Try again in a moment."
            ) from held
        session.base_url, session.api_key = address.base_url, address.token
        yield
        return
    with lock, serving(session):
        yield


def going_on(state_dir: Path) -> LockedError | None:
    """Who holds the lock, if anybody does."""
    try:
        take_lock(state_dir).close()
    except LockedError as held:
        return held
    return None
