"""Files at the service: what the ledger knows of them is what is there."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.gemini.session import Session
from pagewave.gemini.uploads import upload_images
from pagewave.ledger import Batch
from pagewave.prompts.request import Request


def files_on_record(reading: Reading) -> list[str]:
    """Names of the files that the ledger believes to be at the service."""
    return [row[0] for row in reading.query("SELECT name FROM service_file")]


def test_a_file_that_was_deleted_is_forgotten(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, {"Elm/1850": 2})
    reading.run()
    reading.check()
    assert files_on_record(reading) == []


def test_a_file_that_can_not_be_deleted_now_is_not_forgotten(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    files = {"upload_retry_attempts": 1}
    reading = Reading.uploading(tmp_path, quiet_server, {"Elm/1850": 1}, files=files)
    quiet_server.set_faults(["http-error:call=delete"])
    reading.run()
    reading.check()
    uploaded = {event["file"]: event["display_name"] for event in quiet_server.log("upload")}
    names = [uploaded[name] for name in files_on_record(reading)]
    assert sorted(names) == sorted(reading.uploads() + reading.uploads(".jsonl"))


def test_an_image_that_went_early_is_uploaded_again_and_once(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """Two attempts fail, and each leaves the image for the next."""
    reading = Reading.uploading(tmp_path, quiet_server, {"Elm/1850": 1})
    quiet_server.set_faults([f"blocked:match={tmp_path.name},times=2"])
    image = reading.image_sha256(reading.library.image(reading.keys[0]))
    gone: list[str] = []

    def delete_it(wave: int) -> None:
        if wave == 2:
            gone.extend(e["file"] for e in quiet_server.log("upload") if e["display_name"] == image)
            quiet_server.request("DELETE", f"/v1beta/{gone[0]}").raise_for_status()
        if wave == 3:
            assert not set(gone) & set(files_on_record(reading))

    reading.run(before_wave=delete_it)
    reading.check()
    assert len(gone) == 1
    assert len(reading.creates()) == 3
    assert reading.uploads() == [image] * 2


@pytest.mark.parametrize("fault", ["file-damaged", "file-short"])
def test_what_did_not_arrive_as_it_was_sent_is_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, {"Elm/1850": 1})
    quiet_server.set_faults([f"{fault}:times=1", f"{fault}:match=-{reading.state}-,times=1"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert (len(reading.uploads()), len(reading.uploads(".jsonl"))) == (2, 2)
    assert len(reading.creates()) == 1
    assert files_on_record(reading) == []  # the damaged ones are gone from the service


def test_what_never_arrives_as_it_was_sent_is_not_read(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    execution = {"max_batch_failures": 1}
    reading = Reading.uploading(tmp_path, quiet_server, {"Elm/1850": 1}, execution=execution)
    quiet_server.set_faults(["file-damaged"])
    reading.run()
    assert reading.error_types() == {"UploadFailed": 1}
    assert "did not arrive as it was sent" in reading.query("SELECT message FROM failure")[0][0]
    assert reading.creates() == []


def test_an_image_that_changes_before_it_is_sent_is_read_as_it_is_then(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """Its answer would stand under the hash of another image."""
    reading = Reading.uploading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1})
    scan = reading.library.image(reading.key("Elm/1850", 1))

    def change_it(session: Session, requests: Sequence[Request], batch: Batch) -> object:
        if scan.read_bytes() == before:
            scan.write_bytes(reading.library.image(reading.key("Oak/1850", 1)).read_bytes() + b"x")
        return upload_images(session, requests, batch)

    before = scan.read_bytes()
    with patch("pagewave.waves.upload.upload_images", change_it):
        reading.run()
    reading.check()
    assert reading.failures() == {("Elm:1850:1", "FileNotFound"): 1}
    assert "changed meanwhile" in reading.query("SELECT message FROM failure")[0][0]
    first, second = reading.creates()
    assert first["keys"] == [reading.key("Oak/1850", 1)]
    assert second["keys"] == [reading.key("Elm/1850", 1)]
    sent = reading.query("SELECT image_sha256 FROM record WHERE key LIKE '%:Elm:%'")
    assert sent == [(reading.image_sha256(scan),)]
    assert hashlib.sha256(before).hexdigest() not in reading.uploads()


@pytest.mark.parametrize("trouble", ["drip:call=upload", "drip:call=upload,skip=1"])
def test_an_upload_without_an_end_is_given_up_and_tried_again(
    tmp_path: Path, quiet_server: EmbeddedProcess, trouble: str
) -> None:
    """The connection is never silent for as long as a time-out takes."""
    files = {"timeout_seconds": 0.3}
    reading = Reading.uploading(tmp_path, quiet_server, {"Elm/1850": 1}, files=files)
    quiet_server.set_faults([f"{trouble},times=1"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.creates()) == 1
