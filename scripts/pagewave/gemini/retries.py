"""How calls to the service are repeated: with growing pauses, for as long as the trouble may pass.

Only a definite no (`is_refusal`) ends a call at once, as a ServiceError with advice; all else may
pass. All pauses end when the run is told to stop.
"""

import logging
import re
import threading
import warnings
from collections.abc import Callable, Container, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from pagewave.errors import ServiceError

T = TypeVar("T")

log = logging.getLogger(__name__)

REFUSALS = range(400, 500)
REFUSED_PLACES = ("location is not supported", "not available in your country")
"""Said where the service is not offered (ai.google.dev/gemini-api/docs/troubleshooting)."""
UNSETTLED = frozenset({408, 409, 425, 429, 499})
"""Client errors that leave open what was done: a time-out (408), a conflict, maybe with the first
try of the same call (409), too early (425), a quota (429), a call that broke off (499)."""
LONGEST_PAUSE_SECONDS = 60.0
QUIET_TRIES = 3
"""A call that fails more often than this in a row is worth a line in the log."""


class Stopped(Exception):
    """The run was told to stop; what is at the service stays there and is collected later."""


class Refused(ServiceError):
    """The service said no; `code` is the HTTP status, 403 or 404 for what it doesn't know."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class NoSuccess(Exception):
    """A call failed as often as it may, each time in a way that might have passed."""


class PassingTrouble(Exception):
    """Raised by a call itself: it did not do, but may if it is repeated."""


class Repeating:
    """Repeats calls; `backoff_seconds` before the second try, doubled before each further one."""

    def __init__(
        self, stop: threading.Event, backoff_seconds: float, outage_seconds: float
    ) -> None:
        self._stop = stop
        self._backoff_seconds = backoff_seconds
        self._outage_seconds = outage_seconds

    def pause(self, seconds: float) -> None:
        """Sleep, unless the run is told to stop.

        Raises:
            Stopped: it was.
        """
        if self._stop.wait(seconds):
            raise Stopped

    def repeat(
        self,
        call: Callable[[], T],
        doing: str,
        *,
        tries: int | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> T:
        """Call until it succeeds, `tries` times at most, or as long as an outage may last.

        Args:
            doing: what the call is for, as in "listing the batches".
            between: called after each pause.

        Raises:
            ServiceError: the service refuses, or was not there for `outage_seconds`.
            NoSuccess: all tries failed.
        """
        import tenacity
        from google.genai import errors

        def sleep(seconds: float) -> None:
            self.pause(seconds)
            between()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_transient),
            wait=tenacity.wait_exponential_jitter(
                initial=self._backoff_seconds,
                max=LONGEST_PAUSE_SECONDS,
                jitter=self._backoff_seconds,
            ),
            stop=tenacity.stop_after_attempt(tries)
            if tries
            else tenacity.stop_after_delay(self._outage_seconds),
            sleep=sleep,
            before_sleep=lambda state: _log_trouble(state, doing),
            reraise=True,
        )
        try:
            with warnings.catch_warnings():
                # The SDK warns of states it doesn't know; those are written to the ledger instead.
                warnings.simplefilter("ignore", UserWarning)
                return retrying(call)
        except Exception as error:
            if not is_transient(error):
                if isinstance(error, errors.APIError):
                    raise refusal(error, doing) from error
                raise
            if tries:
                raise NoSuccess(f"{doing}: {_in_short(error)}") from error
            raise ServiceError(
                f"Gemini did not answer for {self._outage_seconds:.0f} s ({doing}: "
                f"{_in_short(error)}). Batches in flight lose nothing by it. Run the same command "
                "again later; batch.outage_seconds says how long a run waits."
            ) from error

    def repeat_unless(
        self, codes: Container[int], call: Callable[[], T], doing: str, *, tries: int | None = None
    ) -> T | None:
        """As `repeat`, but None where the service refuses with one of these HTTP codes."""
        from google.genai import errors

        def attempt() -> T | None:
            try:
                return call()
            except errors.APIError as error:
                if not is_refusal(error) or error.code not in codes:
                    raise
                return None

        return self.repeat(attempt, doing, tries=tries)


def within(seconds: float, call: Callable[[], T]) -> T:
    """What a call brings, if it does so within so many seconds.

    A time-out of the connection alone bounds each of its steps, never their sum: an answer that
    comes byte by byte has no end. The call goes on in its thread; what it does then is not heeded.

    Raises:
        PassingTrouble: it did not come to an end.
    """
    done: Future[T] = Future()

    def carry_out() -> None:
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    # A thread of its own, not one of a pool: Python waits for those when it ends.
    threading.Thread(target=carry_out, daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():  # the call's own
            raise
        raise PassingTrouble(f"no end after {seconds:.0f} s") from None


def is_transient(error: BaseException) -> bool:
    """May the same call succeed a little later?"""
    import httpx2
    from google.genai import errors

    if isinstance(error, errors.APIError):
        return not is_refusal(error)
    # Garbage in a 200 answer ends inside the SDK as a ValueError (JSON, Unicode, "not finalized"),
    # a KeyError (a missing upload header), or, where it is JSON of another shape, the other two.
    garbage = (ValueError, KeyError, TypeError, AttributeError)
    # RequestError: redirects without end and bodies that can't be unpacked are among them.
    passing = (httpx2.RequestError, httpx2.StreamError, PassingTrouble, *garbage)
    return isinstance(error, passing)


def is_refusal(error: Any) -> bool:
    """Does an answer prove that the service itself said no, and did nothing?

    Its own errors are JSON, `{"error": {…}}`; what a proxy or a load balancer says on the way
    proves nothing, nor does what was said after a redirect.
    """
    if error.code not in REFUSALS or error.code in UNSETTLED:
        return False
    own_words = isinstance(error.details, Mapping) and isinstance(
        error.details.get("error"), Mapping
    )
    return own_words and not getattr(error.response, "history", ())


def is_about_key(error: Any) -> bool:
    """Does the service refuse the key? It says so with code 400 too."""
    return error.code in (401, 403) or "API key" in str(error.message)


def is_about_place(error: Any) -> bool:
    """Does the service refuse all who call from here? It says so with 400 FAILED_PRECONDITION."""
    return any(words in str(error.message) for words in REFUSED_PLACES)


def is_about_storage(error: Any) -> bool:
    """Is an upload refused because the project's files take all the room there is (20 GB)?

    As in 429 "… file_storage_bytes" (python-genai#1172), in the message or its details.
    """
    said = str(error)
    full = re.search(r"file_storage|storage.*(quota|limit|exceed|full)", said, re.IGNORECASE)
    return error.code in (400, 403, 429) and bool(full)


def is_about_content(error: Any) -> bool:
    """Is a create call refused for one of the requests in its file?

    Of a model, a location or an account it says no with code 400 too: then halves would only be
    refused like the whole.
    """
    if getattr(error, "code", 0) != 400 or error.status == "FAILED_PRECONDITION":
        return False
    said = str(error.message).lower()
    of_all = r"api key|model|location|billing|account|project|quota"
    of_one = r"\b(line|record|request|content|argument|payload|json|image|mime|field|schema)"
    return bool(re.search(of_one, said)) and not re.search(of_all, said)


def refusal(error: Any, doing: str) -> Refused:
    """A definite no, in words that help."""
    advice = {
        400: "The request itself is not accepted: check model.name and model.generation_config.",
        403: "The key may not do this: check GEMINI_API_KEY and the project's billing.",
        404: "The service doesn't know it: check model.name.",
    }.get(error.code, "Nothing was paid for.")
    if is_about_key(error) and error.code != 403:
        advice = "Check GEMINI_API_KEY in the environment or in .env."
    if is_about_place(error):
        advice = (
            "The service is not offered where this machine is: see "
            "https://ai.google.dev/gemini-api/docs/available-regions, and check whether the "
            "project needs billing or a proxy leads out elsewhere."
        )
    said = str(error.message).rstrip(".")
    return Refused(f"Gemini refused {doing}: {error.code} {said}. {advice}", error.code)


def _in_short(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _log_trouble(state: Any, doing: str) -> None:
    """Passing trouble is worth no line; lasting trouble must not look like a hang."""
    if state.attempt_number > QUIET_TRIES:
        log.warning(
            "%s failed %d times, again in %.0f s (%s)",
            doing,
            state.attempt_number,
            state.next_action.sleep,
            _in_short(state.outcome.exception()),
        )
