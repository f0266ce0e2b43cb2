"""What the service says of its files and of the time."""

import base64
import hashlib

import pytest

from pagewave.gemini.remote import Payload, RemoteFile, requests_done

DATA = b"an image"
DIGEST = hashlib.sha256(DATA)


@pytest.mark.parametrize(
    ("size", "told", "arrived"),
    [
        (None, None, True),
        (len(DATA), None, True),
        (len(DATA) - 1, None, False),
        (len(DATA), base64.b64encode(DIGEST.digest()).decode(), True),
        (len(DATA), base64.b64encode(DIGEST.hexdigest().encode()).decode(), True),
        (len(DATA), DIGEST.hexdigest(), True),
        (len(DATA), base64.b64encode(hashlib.sha256(b"another").digest()).decode(), False),
        (len(DATA), hashlib.sha256(b"another").hexdigest(), False),
        (len(DATA), base64.b64encode(hashlib.sha256(b"x").hexdigest().encode()).decode(), False),
        # Whatever else it may come to call a hash proves nothing.
        (len(DATA), "crc32:1234", True),
        (len(DATA), "", True),
    ],
)
def test_what_arrived_is_told_by_size_and_hash_however_they_are_written(
    size: int | None, told: str | None, arrived: bool
) -> None:
    file = RemoteFile("files/a", "https://a", "ACTIVE", 0.0, size, told)
    assert file.holds(Payload.of(DATA)) == arrived


@pytest.mark.parametrize(
    ("stats", "done"),
    [
        ({"requestCount": "3", "pendingRequestCount": "3"}, 0),
        ({"requestCount": "3", "successfulRequestCount": "2", "failedRequestCount": "1"}, 3),
        ({"requestCount": "3", "successfulRequestCount": 2}, 2),
        ({}, None),
        (None, None),
        ({"successfulRequestCount": "many"}, None),
        ({"successfulRequestCount": None}, None),
        ({"successfulRequestCount": "-1"}, None),
        ({"successfulRequestCount": "9" * 30}, None),
        ([3], None),
    ],
)
def test_how_many_requests_are_done_is_what_the_service_says_or_not_known(
    stats: object, done: int | None
) -> None:
    assert requests_done({"metadata": {"batchStats": stats}}) == done
    assert requests_done({"metadata": stats}) is None
