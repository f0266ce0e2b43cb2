"""Posts what a person wants to know at once to a webhook, while the run goes on undisturbed.

Posted are the events in `POSTED`; whoever emits one (log.emit) need not know of this module.
An event is a JSON object with `event`, `run`, `time`, a sentence as `text` (which chat services
show) and its facts. The address is as good as a key: it is never shown.
"""

import logging
import queue
import threading
from urllib.parse import urlsplit

from pydantic import SecretStr

from pagewave.config.service import Notify
from pagewave.log import as_json, log
from pagewave.redaction import remember_key

POSTED = frozenset({"run_ended", "budget", "batch_old"})
"""The end of a run; a wave that is not sent for its price; a batch older than a limit."""

TRIES = 8
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
TRANSIENT_CODES = frozenset({408, 425, 429})
STOPPING_SECONDS = 1.0
"""For what is not posted yet when a run is told to stop."""


class _Undelivered(Exception):
    """It was not taken; `passes` says whether that may change."""

    def __init__(self, why: str, passes: bool) -> None:
        super().__init__(why)
        self.passes = passes


class Notifier(logging.Handler):
    """Posts events from a thread of its own, each until it is taken or was tried often enough."""

    def __init__(self, url: SecretStr, run_id: str, timeout_seconds: float) -> None:
        super().__init__(logging.DEBUG)
        self._url = url.get_secret_value()
        self._run_id = run_id
        self._timeout_seconds = timeout_seconds
        address = urlsplit(self._url)
        self._server = f"{address.scheme}://{address.hostname}"
        remember_key(self._url)
        self._events: queue.Queue[str | None] = queue.Queue()
        # A daemon: a webhook that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._deliver, name="notify", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take an event in, if it is one to post; returns at once."""
        if getattr(record, "event", None) in POSTED:
            self._events.put(as_json(record, run=self._run_id))

    def finish(self, seconds: float, stop: threading.Event) -> None:
        """End, after so many seconds at most; a run that was told to stop leaves it a moment."""
        log.removeHandler(self)
        self._events.put(None)
        self._thread.join(min(seconds, STOPPING_SECONDS) if stop.is_set() else seconds)
        if self._thread.is_alive():
            log.warning("the webhook at %s did not take all events in time", self._server)

    def _deliver(self) -> None:
        import tenacity

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, _Undelivered) and e.passes),
            wait=tenacity.wait_exponential_jitter(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS),
            stop=tenacity.stop_after_attempt(TRIES),
            reraise=True,
        )
        while (event := self._events.get()) is not None:
            try:
                retrying(self._post, event)
            except _Undelivered as error:
                log.warning("the webhook at %s did not take an event: %s", self._server, error)
            except Exception as error:  # whatever it is, the run goes on
                log.warning("the webhook at %s: %s", self._server, type(error).__name__)

    def _post(self, event: str) -> None:
        import requests

        try:
            answer = requests.post(
                self._url,
                data=event.encode(errors="replace"),
                headers={"Content-Type": "application/json"},
                timeout=self._timeout_seconds,
                allow_redirects=False,  # another server is not the one that was named
            )
        except requests.RequestException as error:
            # Only its kind: the text of it would show the address.
            raise _Undelivered(type(error).__name__, passes=True) from None
        if not answer.ok or answer.is_redirect:
            code = answer.status_code
            raise _Undelivered(f"it answered {code}", code in TRANSIENT_CODES or code >= 500)


def start_notifying(settings: Notify, secret: SecretStr | None, run_id: str) -> Notifier | None:
    """Post the events of a run from now on; None where no webhook is configured.

    Args:
        secret: the address from the environment, which wins over that of the configuration.
    """
    url = secret or settings.webhook
    if url is None:
        return None
    notifier = Notifier(url, run_id, settings.timeout_seconds)
    log.addHandler(notifier)
    return notifier
