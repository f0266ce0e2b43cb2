"""Braintrust as far as rows need it: they are sent, or an error says what to do about it."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pagewave.config.keys import Secrets
from pagewave.tracking.rows import Row

if TYPE_CHECKING:
    from braintrust import Logger

    from pagewave.tracking.client import Transport

KEY_STATUSES = frozenset({401, 403})
ROW_STATUSES = frozenset({400, 413, 422})
"""HTTP statuses that speak of what was sent, not of the service."""


class Unavailable(Exception):
    """The service could not take rows now; `answered` it may have, with an error."""

    def __init__(self, message: str, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


class RowsRefused(Unavailable):
    """The service does not take these rows, or one of them."""


class KeyRefused(Exception):
    """The service does not take the key: asking again would not help."""


def why_off(secrets: Secrets) -> str | None:
    """Why nothing is logged to Braintrust, in words; None where it is configured."""
    needed = {
        "BRAINTRUST_API_KEY": secrets.braintrust_api_key,
        "BRAINTRUST_PROJECT_NAME": secrets.braintrust_project_name,
    }
    missing = [name for name, value in needed.items() if not value]
    if not missing:
        return None
    verb = "is" if len(missing) == 1 else "are"
    return f"logging to Braintrust is off ({' and '.join(missing)} {verb} not set)"


class Braintrust:
    """A project's log at Braintrust; for one thread, the only user of the client in its process.

    `timeout_seconds` is how long the service may be silent in one request.
    """

    def __init__(self, secrets: Secrets, timeout_seconds: float) -> None:
        self._secrets = secrets
        self._timeout_seconds = timeout_seconds
        self._transport: Transport | None = None
        self._logger: Logger | None = None

    def send(self, rows: Sequence[Row]) -> None:
        """Send rows; on return the service has all of them, after an error perhaps some.

        Raises:
            KeyRefused: the key is wrong, or may not write to the project.
            RowsRefused: one of the rows, or more, can't be taken.
            Unavailable: try again later.
        """
        if self._transport is None:
            from pagewave.tracking.client import set_up

            self._transport = set_up(self._secrets, self._timeout_seconds)
        self._transport.trouble.clear()
        try:
            self._logger = self._logger or self._connect()
            for row in rows:
                # Complete in one record and never ended: an end would travel as a second one.
                self._logger.start_span(set_current=False, **row)
            self._logger.flush()
        except Exception as error:
            raise self._explained(error) from error

    def _connect(self) -> "Logger":
        """Log in and find the project; nothing is handed to the client before that worked."""
        import braintrust

        key = self._secrets.braintrust_api_key
        logger = braintrust.init_logger(
            project=self._secrets.braintrust_project_name,
            api_key=key.get_secret_value() if key else None,
            set_current=False,
        )
        queue: Any = logger.state.global_bg_logger()
        if not queue.sync_flush:
            raise RuntimeError("the client was in use before, and would drop rows without a word")
        queue.outfile = io.StringIO()  # what it prints, we say in our own words
        _ = logger.id
        return logger

    def _explained(self, error: Exception) -> Exception:
        if not (self._transport and self._transport.trouble):
            return Unavailable(f"{type(error).__name__}: {error}", answered=False)
        trouble = self._transport.trouble[0]
        message = str(trouble)
        if trouble.status in KEY_STATUSES:
            return KeyRefused(message)
        if trouble.status in ROW_STATUSES and self._logger:
            return RowsRefused(message, answered=True)
        return Unavailable(message, answered=trouble.status is not None)
