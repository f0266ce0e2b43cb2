"""Sets Braintrust's own client up so that it answers or fails within seconds and drops nothing.

Left alone, the client (0.47) loses rows without a word when the service is down, and can block for
half an hour. Importing this module imports the client, which is heavy: only where rows are sent.
"""

import os
from typing import Any
from urllib.parse import urlsplit

import braintrust
import requests
from braintrust import logger as braintrust_logger
from requests.adapters import HTTPAdapter

from pagewave.config.keys import Secrets

SHOWN_CHARS = 200


class Trouble(Exception):
    """What went wrong with a request; `status` is None where there was no answer."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


class Transport(HTTPAdapter):
    """Requests that are sent once, with a time limit; `trouble` is what happened to them, in order.

    The client's own exceptions tell that something failed, not what.
    """

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self.timeout_seconds = timeout_seconds
        self.trouble: list[Trouble] = []

    def send(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        """Send a request, with our time limit in place of any other."""
        options["timeout"] = self.timeout_seconds
        address = urlsplit(str(request.url))
        server = f"{address.scheme}://{address.netloc}"
        try:
            response = super().send(request, *args, **options)
            body = response.text  # read here, so that a cut connection is noticed here
        except Exception as error:
            self.trouble.append(Trouble(f"{server} gave no answer ({_reason(error)})", None))
            raise
        # An old service has no /version, and the client does without.
        if not response.ok and address.path != "/version":
            message = f"{server} answered {response.status_code}: {body[:SHOWN_CHARS]}"
            self.trouble.append(Trouble(message, response.status_code))
        return response


def _reason(error: BaseException) -> str:
    """The cause at the bottom, such as `Connection refused`."""
    for inner in (getattr(error, "reason", None), *error.args, error.__cause__):
        if isinstance(inner, BaseException):
            return _reason(inner)
    return str(getattr(error, "strerror", None) or error)[:SHOWN_CHARS]


def set_up(secrets: Secrets, timeout_seconds: float) -> Transport:
    """Set the client up for this process; once, before anything of it is used."""
    os.environ |= {
        "BRAINTRUST_SYNC_FLUSH": "1",  # else flush() never raises, and rows are dropped
        "BRAINTRUST_NUM_RETRIES": "0",
        "BRAINTRUST_DISABLE_ATEXIT_FLUSH": "1",
    }
    # The client takes them from nowhere else.
    if secrets.braintrust_app_url:
        os.environ["BRAINTRUST_APP_URL"] = secrets.braintrust_app_url
    if secrets.braintrust_api_url:
        os.environ["BRAINTRUST_API_URL"] = secrets.braintrust_api_url
    # Threads of this pool would hold up the end of the process while a request hangs. Without them
    # the client sends from the thread that calls flush().
    braintrust_logger.HTTP_REQUEST_THREAD_POOL.shutdown(wait=False)
    transport = Transport(timeout_seconds)
    braintrust.set_http_adapter(transport)
    return transport
