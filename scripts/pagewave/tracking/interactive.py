"""Calls made by hand, one at a time: Braintrust's own wrapper around google-genai traces them.

Batches have rows of their own, from the outbox; this is for a process that asks the model at once.
"""

import threading
from typing import TYPE_CHECKING

from pagewave.config.keys import Secrets
from pagewave.log import log
from pagewave.tracking.cleaning import cleaned
from pagewave.tracking.service import why_off

if TYPE_CHECKING:
    from pagewave.tracking.client import Transport

TIMEOUT_SECONDS = 5.0
FLUSH_SECONDS = 10.0


_wrapped: "list[Transport]" = []
"""The client's transport, once calls are traced: the wrapper is one for the whole process."""


def wrap_interactive(secrets: Secrets) -> bool:
    """Trace this process's direct calls of google-genai; False, and a line why, where it can't.

    Never raises. Call it once. Images stay here: a row says that there was one. Rows are sent by
    `flush_interactive`.
    """
    if reason := why_off(secrets):
        log.warning("%s", reason)
        return False
    try:
        from pagewave.tracking.client import set_up

        transport = set_up(secrets, TIMEOUT_SECONDS)
        import braintrust
        from braintrust.wrappers.google_genai import setup_genai

        braintrust.set_masking_function(cleaned)
        key = secrets.braintrust_api_key
        if not setup_genai(
            api_key=key.get_secret_value() if key else None,
            project_name=secrets.braintrust_project_name,
        ):
            raise RuntimeError("this version of google-genai can't be wrapped")
    except Exception as error:  # tracing must not cost anybody an answer
        log.warning("calls are not logged to Braintrust (%s: %s)", type(error).__name__, error)
        return False
    _wrapped.append(transport)
    return True


def flush_interactive(seconds: float = FLUSH_SECONDS) -> bool:
    """Send what was traced, within so many seconds; False, and a line why, if that failed.

    Never raises. What is not sent by then is lost.
    """
    if not _wrapped:
        return False
    import braintrust

    transport, failures = _wrapped[-1], [f"no answer within {seconds:g} s"]
    transport.trouble.clear()

    def flush() -> None:
        try:
            braintrust.flush()  # type: ignore[no-untyped-call]
            failures.clear()
        except Exception as error:
            failures[:] = [str(transport.trouble[0] if transport.trouble else error)]

    thread = threading.Thread(target=flush, daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        log.warning("this call was not logged to Braintrust: %s", failures[0])
    return not failures
