"""Files that the service loses or does not take, and images that are gone: each page for itself."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.clock import moved_clock
from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.errors import ServiceError
from pagewave.gemini import uploads
from pagewave.gemini.uploads import image_bytes
from pagewave.prompts.request import Request

BOOKS = {"Elm/1850": 2, "Oak/1850": 2}


@pytest.fixture
def pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The long pauses of a run in seconds; they take no time, the clock is moved on instead."""
    with moved_clock(tmp_path / "ahead") as clock:
        yield clock.notes_pauses(monkeypatch)


def first(reading: Reading, book: str = "Elm/1850") -> str:
    """The key of a book's first page."""
    return reading.key(book, 1)


def image_hash(reading: Reading, key: str) -> str:
    """The content hash of a page's image, which is its display name at the service."""
    return Reading.image_sha256(reading.session.dataset.page(key).scan)


# Uploads


@pytest.mark.parametrize("fault", ["file-stuck", "file-failed"])
@pytest.mark.parametrize("match", ["^[0-9a-f]{64}", "^pagewave"], ids=["image", "requests"])
def test_a_file_that_is_not_digested_is_uploaded_anew(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str, match: str
) -> None:
    files = {"processing_seconds": 0.1}
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, files=files)
    quiet_server.set_faults([f"{fault}:match={match.replace(',', chr(92) + ',')},times=2"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.creates()) == 2


@pytest.mark.parametrize("fault", ["file-stuck", "file-failed"])
def test_an_image_that_is_never_digested_is_its_pages_failure_alone(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str
) -> None:
    reading = Reading.uploading(
        tmp_path,
        quiet_server,
        BOOKS,
        files={"processing_seconds": 0.05, "upload_retry_attempts": 2},
        execution={"max_batch_failures": 2},
    )
    dead = first(reading)
    quiet_server.set_faults([f"{fault}:match=^{image_hash(reading, dead)}"])
    reading.run()
    reading.check(dead=[dead])
    assert reading.failures() == {("Elm:1850:1", "UploadFailed"): 2}
    assert reading.uploads().count(image_hash(reading, dead)) == 4  # two tries in each of two waves
    assert [batch["keys"] for batch in reading.creates()] == [
        [reading.key("Oak/1850", 1)],
        [reading.key("Oak/1850", 2)],
    ]


def test_requests_that_are_never_digested_are_bounded(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(
        tmp_path,
        quiet_server,
        BOOKS,
        files={"upload_retry_attempts": 2},
        execution={"max_batch_failures": 2},
    )
    quiet_server.set_faults(["file-failed:match=^pagewave"])
    reading.run()
    reading.check(dead=[first(reading), first(reading, "Oak/1850")])
    assert reading.error_types() == {"UploadFailed": 4}
    assert not reading.creates()


def test_a_refused_image_is_its_pages_failure_alone(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, files={"upload_concurrency": 1})
    quiet_server.set_faults(["http-error:call=upload,code=400,times=1"])
    reading.run()
    reading.check()
    assert reading.failures() == {("Elm:1850:1", "UploadFailed"): 1}


def test_a_create_before_the_file_is_active_is_asked_for_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["not-active-yet:times=2"])
    reading.run()
    reading.check()
    assert len(reading.creates()) == 2
    assert not reading.failures()


def test_a_create_that_is_never_ready_ends_the_wave(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["not-active-yet"])
    with pytest.raises(ServiceError, match="not in an ACTIVE state"):
        reading.run()
    assert reading.batches() == [("abandoned", None)]


def test_an_upload_that_is_gone_although_the_ledger_has_it_is_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults([f"invalid-schema:match={first(reading)}$,times=1"])

    def lose_uploads(wave: int) -> None:
        if wave == 2:
            [(name,)] = reading.query("SELECT name FROM service_file WHERE uri IS NOT NULL")
            quiet_server.request("DELETE", f"/v1beta/{name}")

    reading.run(before_wave=lose_uploads)
    reading.check()
    assert reading.error_types() == {"ValidationError": 1}
    assert reading.uploads().count(image_hash(reading, first(reading))) == 2


def test_an_image_that_is_kept_for_the_next_attempt_is_not_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS)
    one, other = first(reading), first(reading, "Oak/1850")
    # After an error line the uploaded file itself may be the trouble.
    quiet_server.set_faults(
        [f"invalid-schema:match={one}$,times=1", f"record-error:match={other}$,times=1,code=7"]
    )
    reading.run()
    reading.check()
    assert reading.error_types() == {"ValidationError": 1, "ServiceTrouble": 1}
    assert reading.uploads().count(image_hash(reading, one)) == 1
    assert reading.uploads().count(image_hash(reading, other)) == 2


# Room for uploads


def test_storage_that_is_full_for_a_while_is_waited_out(
    tmp_path: Path,
    quiet_server: EmbeddedProcess,
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    books = {f"School {number}/1850": 2 for number in range(12)}
    files = {"upload_concurrency": 1}
    batch = {"retry_pause_seconds": 3600}
    reading = Reading.uploading(tmp_path, quiet_server, books, files=files, batch=batch)
    quiet_server.set_faults(["storage-full:times=3"])
    reading.run()
    reading.check()
    assert not reading.failures()
    # A line each time, not one for each page; no image was sent twice.
    assert caplog.text.count("quota used up, asking again") == 3
    assert "file_storage_bytes" in caplog.text
    assert pauses == [3600, 7200, 14400]
    assert len(reading.uploads()) == 24
    assert len(reading.creates()) == 2


def test_our_old_files_make_room_before_anything_is_waited_for(
    tmp_path: Path,
    quiet_server: EmbeddedProcess,
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, files={"upload_concurrency": 1})
    quiet_server.set_faults([f"invalid-schema:match={first(reading)}$,times=1"])

    def dies_at_second(wave: int) -> None:
        if wave == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        reading.run(before_wave=dies_at_second)
    # The image of the page that failed stays for its next attempt.
    [(kept,)] = reading.query("SELECT name FROM service_file WHERE uri IS NOT NULL")
    reading.library.image(first(reading)).write_bytes(
        reading.library.image(reading.key("Oak/1850", 2)).read_bytes()
    )  # the page has another scan now
    quiet_server.set_faults(["storage-full:times=1"])
    reading.run()
    assert reading.error_types() == {"ValidationError": 1}
    assert "1 old files of ours deleted" in caplog.text
    assert kept in {event.get("file") for event in quiet_server.log("delete")}
    assert not pauses


def test_storage_that_stays_full_ends_the_wave_and_no_page(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, batch={"quota_seconds": 0.3})
    quiet_server.set_faults(["storage-full"])
    with pytest.raises(ServiceError, match=r"quota has been used up.*file_storage_bytes"):
        reading.run()
    assert reading.batches() == [("abandoned", None)]
    assert not reading.failures()
    quiet_server.set_faults([])
    reading.run()
    reading.check()


def test_a_run_that_does_not_wait_leaves_full_storage_to_the_next(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, execution={"wait": False})
    quiet_server.set_faults(["storage-full"])
    reading.run()
    assert not reading.creates() and not reading.failures()
    quiet_server.set_faults([])
    for _ in range(6):
        reading.run()
        quiet_server.wait_until_idle()
    reading.check()


def test_too_many_uploads_at_once_are_no_pages_fault(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    files = {"upload_retry_attempts": 2, "upload_concurrency": 1}
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, files=files)
    quiet_server.set_faults(["http-error:call=upload,code=429,times=9"])
    reading.run()
    reading.check()
    assert not reading.failures()


# Images


def test_an_image_that_is_gone_for_a_moment_is_read_after_a_pause(
    tmp_path: Path, quiet_server: EmbeddedProcess, pauses: list[float]
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, batch={"retry_pause_seconds": 3600})
    scans = [reading.session.dataset.page(first(reading, book)).scan for book in BOOKS]
    away = [scan.with_suffix(".away") for scan in scans]

    def unmount(wave: int) -> None:
        for scan, place in zip(scans, away, strict=True):
            if wave == 1:
                scan.rename(place)
            elif wave == 2:
                place.rename(scan)

    reading.run(before_wave=unmount)
    reading.check()
    assert reading.error_types() == {"FileNotFound": 2}
    assert [round(seconds / 3600, 1) for seconds in pauses] == [1]


def test_an_image_that_stays_away_is_looked_for_a_few_times_in_hours(
    tmp_path: Path, quiet_server: EmbeddedProcess, pauses: list[float]
) -> None:
    """And not at each wave of the others, which go on."""
    batch = {"retry_pause_seconds": 3600}
    reading = Reading.uploading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 8}, batch=batch)
    gone = first(reading)
    scan = reading.session.dataset.page(gone).scan
    rows: list[int] = []

    def remove(wave: int) -> None:
        scan.unlink(missing_ok=True)
        rows.append(len(reading.query("SELECT 1 FROM failure")))

    reading.run(before_wave=remove)
    reading.check(dead=[gone])
    assert rows[:8] == [0] + [1] * 7
    assert reading.failures() == {("Elm:1850:1", "FileNotFound"): 5}
    assert [round(seconds / 3600, 1) for seconds in pauses] == [1, 2, 4, 8]


def test_without_waiting_an_image_that_is_gone_is_looked_for_by_later_runs(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    sections = {"execution": {"wait": False}, "batch": {"retry_pause_seconds": 3600}}
    reading = Reading.uploading(tmp_path, quiet_server, {"Elm/1850": 1}, **sections)
    scan = reading.session.dataset.page(first(reading)).scan
    content = scan.read_bytes()
    for _ in range(4):
        reading.run(before_wave=lambda wave: scan.unlink(missing_ok=True))
        scan.write_bytes(content)
    assert reading.failures() == {("Elm:1850:1", "FileNotFound"): 1}
    assert not reading.creates()
    reading.library.configure(batch={"retry_pause_seconds": 0})
    reading.run()
    quiet_server.wait_until_idle()
    reading.run()
    reading.check()


def test_an_image_that_vanishes_is_its_pages_failure_alone(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = {"max_batch_failures": 2}
    reading = Reading.uploading(
        tmp_path, quiet_server, {**BOOKS, "Fir/1850": 2}, execution=execution
    )
    before, during = reading.key("Elm/1850", 2), reading.key("Fir/1850", 2)

    def remove(key: str) -> None:
        reading.session.dataset.page(key).scan.unlink(missing_ok=True)

    def read_late(request: Request) -> bytes:
        if request.key == during:
            remove(during)
        return image_bytes(request)

    monkeypatch.setattr(uploads, "image_bytes", read_late)
    reading.run(before_wave=lambda wave: remove(before) if wave == 2 else None)
    reading.check(dead=[before, during])
    assert reading.failures() == {
        ("Elm:1850:2", "FileNotFound"): 2,
        ("Fir:1850:2", "FileNotFound"): 2,
    }
    assert all("2.jpg" in row[0] for row in reading.query("SELECT message FROM failure"))
    wave = json.loads(
        (tmp_path / "logs" / f"{tmp_path.name}-run1" / "lane1-wave2.json").read_text()
    )
    outcomes = {page["key"]: page["outcome"] for page in wave["pages"]}
    assert outcomes == {before: "failed", during: "failed", reading.key("Oak/1850", 2): "read"}


def test_a_page_whose_previous_page_is_broken_fails_alone(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS, execution={"max_batch_failures": 2})
    broken = reading.library.page_file(first(reading))

    def damage(wave: int) -> None:
        if wave == 2:
            broken.write_text('{"half": ')

    reading.run(before_wave=damage)
    assert reading.failures() == {("Elm:1850:2", "FileNotFound"): 2}
    assert f"Page {reading.key('Oak/1850', 2)}." in reading.library.text(reading.key("Oak/1850", 2))
