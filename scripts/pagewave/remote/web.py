"""Files from other people's web servers, politely: few requests, and pauses where one is asked for.

Why Snakemake's http storage plugin doesn't do it: docs/remote_scans.md.
"""

from __future__ import annotations

import email.utils
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pagewave.config.data import Fetch
from pagewave.errors import PagewaveError
from pagewave.gemini.retries import Stopped

if TYPE_CHECKING:
    import requests  # takes its time: no dry run needs it

LONGEST_PAUSE_SECONDS = 3600.0
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which the same request may succeed."""
GONE = {
    401: "needs a login",
    403: "is not given out (403 Forbidden)",
    404: "is not there (404 Not Found)",
    410: "is gone for good (410 Gone)",
}
USER_AGENT = "pagewave"
PIECE_BYTES = 1 << 16


class FetchError(PagewaveError):
    """An address does not give what is wanted. `may_pass`: the server is in trouble, or can't be
    reached, and later it may give it."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class _Trouble(Exception):
    """A request failed, and the next one may not; `pause`: seconds that the server asks for."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class Web:
    """Fetches files, from several threads; keeps to the settings over all of them.

    `stop`: set when nothing more is to be asked for.
    """

    def __init__(self, settings: Fetch, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._turns = threading.Lock()
        self._next_turn = 0.0
        self._of_thread = threading.local()

    def fetch(self, url: str, path: Path) -> None:
        """Fetch a file into `path`, which is written as it comes: it is whole when this returns.

        Raises:
            FetchError: it is not to be had.
            Stopped: the run was told to stop.
            PagewaveError: the disk is full, or something else is in the way.
        """
        import requests

        pause, trouble = self._settings.retry_pause_seconds, ""
        for attempt in range(self._settings.max_attempts):
            if attempt:
                self._wait(pause)
                pause *= 2
            self._wait(self._until_turn())
            try:
                return self._ask(url, path)
            except _Trouble as error:
                trouble = str(error)
                pause = max(pause, error.pause or 0.0)
            except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
                raise FetchError(f"is no address that can be asked ({error})") from None
            except requests.TooManyRedirects:
                raise FetchError("leads from one address to the next without end") from None
            except requests.RequestException as error:
                trouble = _in_words(error)
            except OSError as error:
                raise PagewaveError(
                    f"{path} can't be written: {error.strerror or error}. Check the disk's space "
                    "and the folder's permissions, then run the same command again."
                ) from error
        times = self._settings.max_attempts
        raise FetchError(f"{trouble}, each of {times} times it was asked for", may_pass=True)

    def _ask(self, url: str, path: Path) -> None:
        import requests

        with self._session().get(url, stream=True, timeout=self._settings.timeout_seconds) as reply:
            status = reply.status_code
            if status in BUSY:
                said = f"the server answers {status} {reply.reason or ''}".rstrip()
                raise _Trouble(said, _pause_asked(reply.headers.get("Retry-After", "")))
            if status != requests.codes.ok:
                raise FetchError(GONE.get(status, f"is answered with {status} {reply.reason}"))
            with path.open("wb") as file:
                # A transfer that is cut short raises: urllib3 counts the bytes.
                for piece in reply.iter_content(PIECE_BYTES):
                    if self._stop.is_set():
                        raise Stopped
                    file.write(piece)

    def _session(self) -> requests.Session:
        import requests

        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = self._of_thread.session = requests.Session()
            session.headers["User-Agent"] = USER_AGENT
        return session

    def _until_turn(self) -> float:
        """Seconds until the next request may be made, which is this one."""
        with self._turns:
            now = time.monotonic()
            turn = max(now, self._next_turn)
            self._next_turn = turn + 1 / self._settings.max_requests_per_second
            return turn - now

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(min(seconds, LONGEST_PAUSE_SECONDS)) or self._stop.is_set():
            raise Stopped


def _pause_asked(said: str) -> float | None:
    """Seconds of a `Retry-After`, which is a number or a date; None where it says nothing."""
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _in_words(error: requests.RequestException) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "the server does not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's certificate is not taken"
    if isinstance(error, requests.ConnectionError):
        return "the server can't be reached, or broke off"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the transfer broke off"
    return f"the request failed ({type(error).__name__})"
