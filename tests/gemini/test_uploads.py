"""Files at the service: what the ledger knows of them is what is there."""

from pathlib import Path

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading


def files_on_record(reading: Reading) -> list[str]:
    """Names of the files that the ledger believes to be at the service."""
    return [row[0] for row in reading.query("SELECT name FROM service_file")]


def test_a_file_that_was_deleted_is_forgotten(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2})
    reading.run()
    reading.check()
    assert files_on_record(reading) == []


def test_a_file_that_can_not_be_deleted_now_is_not_forgotten(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    files = {"upload_retry_attempts": 1}
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, files=files)
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
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
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
