"""Which scans are others than those that were read."""

import os
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.pages.changed import changed_images


def changed(reading: Reading) -> set[str]:
    """Keys of the pages whose scans are not those that were read."""
    session = reading.session
    origins = session.ledger.files.origins()
    return changed_images(session.ledger, session.dataset.pages, origins)


@pytest.mark.parametrize("road", ["batch", "flex"])
def test_a_scan_is_another_once_its_content_is_and_is_looked_at_when_size_or_date_differ(
    tmp_path: Path, quiet_server: EmbeddedProcess, road: str
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2}, execution={"transport": road})
    assert changed(reading) == set()  # nothing was read yet
    reading.run()
    assert changed(reading) == set()
    key = reading.key("Elm/1850", 2)
    scan = reading.library.image(key)
    was, status = scan.read_bytes(), scan.stat()
    os.utime(scan, ns=(1, 1))
    assert changed(reading) == set()
    other = bytes([was[0], was[1] ^ 1, *was[2:]])
    scan.write_bytes(other)
    os.utime(scan, ns=(status.st_atime_ns, status.st_mtime_ns))
    # Of the same size and date as what was read: it is not opened, so a start takes no minutes.
    assert changed(reading) == set()
    scan.write_bytes(was + b"more")
    assert changed(reading) == {key}
