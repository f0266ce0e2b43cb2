"""The one free call before anything is uploaded: what it refuses, and what it lets pass."""

from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.errors import ServiceError

MISSPELT = "gemini-2.5-flahs"


def reading_with(root: Path, server: EmbeddedProcess, model: str, *faults: str) -> Reading:
    """One page, to be read by this model."""
    reading = Reading(root, server, {"Elm/1850": 1}, model={"name": model})
    server.set_faults(list(faults))
    return reading


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        # The service names the model, whatever its list says.
        ("refused:reason=model,match=/models/", "is not found for API version"),
        # It only says 404, and the list does not have the model.
        ("http-error:code=404,call=model", "Did you mean gemini-2.5-flash?"),
    ],
)
def test_a_model_that_is_not_there_is_refused_before_anything_is_uploaded(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str, words: str
) -> None:
    reading = reading_with(tmp_path, quiet_server, MISSPELT, fault)
    with pytest.raises(ServiceError) as refused:
        reading.run()
    assert MISSPELT in str(refused.value)
    assert words in str(refused.value)
    assert not reading.uploads()
    assert not reading.failures()
    assert [state for _, state in reading.batches()] == [None]


@pytest.mark.parametrize(
    "fault",
    [
        "http-error:code=404,call=model",  # but the list has it
        "http-error:code=404,match=/models(/[^:]*)?$",  # neither is served
        "http-error:code=503,call=model,times=2",  # it passes
    ],
)
def test_what_proves_nothing_stops_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    reading = reading_with(tmp_path, quiet_server, "gemini-2.5-flash", fault)
    reading.run()
    reading.check()


@pytest.mark.parametrize("call", ["upload", "create"])
@pytest.mark.parametrize("reason", ["place", "key"])
def test_a_place_that_is_refused_later_is_no_fault_of_the_pages(
    tmp_path: Path, quiet_server: EmbeddedProcess, call: str, reason: str
) -> None:
    fault = f"refused:reason={reason},call={call}"
    reading = reading_with(tmp_path, quiet_server, "gemini-2.5-flash", fault)
    with pytest.raises(ServiceError, match="Gemini refused"):
        reading.run()
    assert not reading.failures()
    quiet_server.set_faults([])
    reading.run()
    reading.check()
