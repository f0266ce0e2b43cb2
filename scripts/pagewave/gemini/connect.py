"""How the service is reached: Google's, or an embedded server, by runs and by commands."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex as new_password
from urllib.parse import urlsplit

from pagewave.command_line import module
from pagewave.config.keys import Secrets, load_secrets
from pagewave.config.settings import Settings, require_key
from pagewave.embedded.process import TOKEN_VARIABLE, EmbeddedServer, running_server, start_server
from pagewave.errors import ConfigError, LedgerError
from pagewave.gemini.session import Session
from pagewave.ledger import Ledger
from pagewave.ledger.lock import LockedError, take_lock
from pagewave.log import log
from pagewave.pages.dataset import Dataset
from pagewave.workspace import chosen_prompt

ADDRESS_VARIABLE = "PAGEWAVE_EMBEDDED_URL"
"""Where the embedded server is that a head started, for jobs that are processes of their own."""

GEMINI_ADDRESS_VARIABLE = "GOOGLE_GEMINI_BASE_URL"
"""Where google-genai sends what is meant for Gemini, if it is set (its _base_url.py)."""

NEEDS_A_SERVER = """\
execution.wait: false leaves batches to a server that goes on when the run ends, and the embedded
server of a run ends with it. Wait (execution.wait: true), or start a server that stays, with the
same two variables as the runs (the second is a password: any will do):
  export {address}=http://127.0.0.1:8765 {token}={password}
  {start} &"""

PATIENCE_SECONDS = 60.0
"""For which a command waits out trouble at the service; a run has `batch.outage_seconds`."""


def open_session(settings: Settings, dataset: Dataset, ledger: Ledger) -> Session:
    """A session for a person at the terminal, who does not wait as long as a run."""
    batch = settings.batch
    patience = min(PATIENCE_SECONDS, batch.outage_seconds)
    hasty = batch.model_copy(update={"outage_seconds": patience})
    prompt = chosen_prompt(settings)
    return Session(settings.model_copy(update={"batch": hasty}), dataset, ledger, prompt)


def use_service(session: Session, secrets: Secrets) -> EmbeddedServer | None:
    """Point a run's session at Google, or at an embedded server that lives as long as the run.

    Jobs that are processes of their own find the server of their head in the environment.

    Returns:
        The server, if one was started: whoever calls this closes it.

    Raises:
        ConfigError: there is no key, or no server that goes on when the run ends.
        ServiceError: the embedded server did not start.
    """
    if session.engine == "gemini":
        session.api_key = require_key(session.settings, secrets)
        if address := os.environ.get(GEMINI_ADDRESS_VARIABLE):
            host = urlsplit(address).hostname
            log.warning("%s is set: pages and key go to %s", GEMINI_ADDRESS_VARIABLE, host)
        return None
    server = None
    if ADDRESS_VARIABLE not in os.environ:
        if not session.waits:
            raise ConfigError(_needs_a_server(session.settings))
        server = start_server(session.settings)
        os.environ[ADDRESS_VARIABLE] = server.base_url
        os.environ[TOKEN_VARIABLE] = server.token
    session.base_url, session.api_key = os.environ[ADDRESS_VARIABLE], os.environ[TOKEN_VARIABLE]
    return server


def _needs_a_server(settings: Settings) -> str:
    state = str(settings.paths.state_dir / "embedded")
    return NEEDS_A_SERVER.format(
        address=ADDRESS_VARIABLE,
        token=TOKEN_VARIABLE,
        password=new_password(16),
        start=module("pagewave.embedded", "--state", state, "--port", "8765", "--stay"),
    )


def models_listed(settings: Settings, secrets: Secrets) -> set[str] | None:
    """The models that the service lists for this key; None where there is no key or no list.

    Raises:
        ServiceError: it refuses the key, or is not there.
    """
    if settings.engine != "gemini" or secrets.gemini_api_key is None:
        return None
    session = open_session(settings, Dataset(()), Ledger.absent())
    session.api_key = secrets.gemini_api_key.get_secret_value()
    names = session.client.models.names()
    return None if names is None else set(names)


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
