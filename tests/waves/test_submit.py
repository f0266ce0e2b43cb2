"""From requests to a batch: what was left out of it stays out."""

from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading

BOOKS = {"Elm/1850": 1, "Oak/1850": 1}


@pytest.mark.parametrize(("tries", "failures"), [(2, 1), (4, 2)])
def test_a_page_that_was_left_out_stays_out_when_all_is_sent_anew(
    tmp_path: Path, quiet_server: EmbeddedProcess, tries: int, failures: int
) -> None:
    """Its image can't be digested; then the create call is refused and uploads are looked at anew,
    when the image may be taken (after 2 tries) or not (after 4)."""
    reading = Reading(tmp_path, quiet_server, BOOKS, files={"upload_retry_attempts": 2})
    image = reading.library.image(reading.key("Elm/1850", 1))
    quiet_server.set_faults(
        [f"file-failed:match={reading.image_sha256(image)},times={tries}", "not-active-yet:times=1"]
    )
    reading.run()
    reading.check()
    assert reading.failures() == {("Elm:1850:1", "UploadFailed"): failures}
    assert set(reading.inferences().values()) == {1}
