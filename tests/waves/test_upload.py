"""Images inside of a batch's requests, or beside them: the same questions, and nothing lost."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from helpers.accounts import problems_of_accounts
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import Player, in_one_process
from helpers.reading import QUICK, Reading
from pagewave import crash_points
from pagewave.gemini.uploads import upload_images
from pagewave.ledger import Batch
from pagewave.prompts import inline_images
from pagewave.prompts.inline_images import LIMITS
from pagewave.prompts.request import Request

BOOKS = {"Elm/1850": 2, "Oak/1850": 1}


def fingerprints(reading: Reading) -> list[tuple[Any, ...]]:
    return reading.query("SELECT key, fingerprint FROM record ORDER BY key")


def forget_pages(reading: Reading) -> None:
    """As if no page had a file."""
    for file in (reading.root / "results/pages").rglob("*.json"):
        file.unlink()
    with reading.session.ledger.transaction() as db:
        db.execute("DELETE FROM page")


def test_what_was_read_one_way_is_free_the_other_way(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    reading.run()
    reading.check()
    inside = fingerprints(reading)
    assert (len(inside), reading.uploads(), len(reading.uploads(".jsonl"))) == (3, [], 2)
    forget_pages(reading)
    reading.library.configure(files={"images": "uploaded"})
    reading.run()
    reading.check()
    assert len(reading.creates()) == 2
    assert fingerprints(reading) == inside


def test_inside_and_uploaded_images_are_the_same_question(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1})
    reading.run()
    inside = fingerprints(reading)
    forget_pages(reading)
    with reading.session.ledger.transaction() as db:
        db.execute("UPDATE attempt SET fingerprint = key")  # so that they are asked once more
    reading.library.configure(files={"images": "uploaded"})
    reading.run()
    assert len(reading.uploads()) == len(inside) == 2
    assert fingerprints(reading) == sorted([*inside, *inside])


def test_a_wave_of_too_many_bytes_is_uploaded_and_so_is_one_with_a_large_image(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    sizes = {key: reading.library.image(key).stat().st_size for key in reading.keys}
    both = sum(inline_images.base64_bytes(sizes[reading.key(book, 1)]) for book in BOOKS)
    with patch.dict(LIMITS, {"auto": (both - 1, 7_000_000)}):
        reading.run()
    reading.check()
    assert len(reading.uploads()) == 2  # the first wave, of two pages
    with patch.dict(LIMITS, {"auto": (200_000_000, min(sizes.values()) - 1)}):
        reading.library.configure(model={"name": "gemini-2.5-pro"})
        forget_pages(reading)
        reading.run()
    assert len(reading.uploads()) == 5


def test_an_image_that_is_still_at_the_service_is_named_and_not_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading.uploading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults([f"blocked:match={reading.key('Elm/1850', 1)},times=1"])

    def go_on_inside(wave: int) -> None:
        if wave == 2:
            vars(reading.session.settings.files)["images"] = "auto"

    reading.run(before_wave=go_on_inside)
    reading.check()
    assert len(reading.uploads()) == 2  # both of the first wave; the third went inside
    assert len(reading.creates()) == 3
    assert not reading.query("SELECT name FROM service_file")


def test_a_service_that_takes_no_images_inside_gets_them_as_files_of_their_own(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """The refused call costs nothing, is nobody's failure, and is not made again in this run."""
    reading = Reading(tmp_path, quiet_server, BOOKS)
    quiet_server.set_faults(["inline-refused:refused=yes"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert len(reading.uploads()) == 3
    assert len(reading.uploads(".jsonl")) == 3
    assert len(reading.creates()) == 2
    assert caplog.text.count("refused with images inside") == 1


def test_where_it_finds_out_too_late_the_pages_are_sent_again_the_other_way(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1})
    quiet_server.set_faults(["inline-refused"])
    reading.run()
    reading.check()
    assert reading.error_types() == {"BadBatch": 2}
    assert [len(batch["keys"]) for batch in reading.creates()] == [2, 1, 1]
    assert len(reading.uploads()) == 2


def test_inline_is_what_was_asked_for_and_stays_so(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    files, execution = {"images": "inline"}, {"max_batch_failures": 1}
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, files=files, execution=execution)
    quiet_server.set_faults(["inline-refused"])
    reading.run()
    reading.check(dead=[reading.key("Elm/1850", 1)])
    assert reading.uploads() == []


def test_requests_that_can_not_be_uploaded_go_without_their_images(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """As on a line that takes small files, and none of a hundred megabytes."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, files={"upload_retry_attempts": 2})
    quiet_server.set_faults([f"file-damaged:match=-{reading.state}-,times=2"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert (len(reading.uploads()), len(reading.uploads(".jsonl"))) == (1, 3)


def test_what_did_not_arrive_as_it_was_sent_is_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    quiet_server.set_faults([f"file-damaged:match=-{reading.state}-,times=1"])
    reading.run()
    reading.check()
    assert not reading.failures()
    assert (reading.uploads(), len(reading.uploads(".jsonl"))) == ([], 2)


def test_requests_of_more_than_one_piece_of_an_upload_arrive_whole(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """The client sends 8 MB at a time."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1})
    for key in reading.keys:
        path = reading.library.image(key)
        comment = b"\xff\xfe\xff\xff" + b"x" * 65_533
        path.write_bytes(path.read_bytes()[:2] + 75 * comment + path.read_bytes()[2:])
    reading.run()
    reading.check()
    assert not reading.failures()
    sizes = {e["display_name"]: e["size"] for e in quiet_server.log("upload")}
    [name] = reading.uploads(".jsonl")
    assert sizes[name] > 13_000_000


def test_an_image_that_changes_before_it_is_sent_fails_alone_and_is_read_as_it_is_then(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """Its answer would stand under the hash of another image."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1})
    scan = reading.library.image(reading.key("Elm/1850", 1))
    other = reading.library.image(reading.key("Oak/1850", 1)).read_bytes() + b"x"
    changed: list[bytes] = []

    def change_it(session: Any, requests: Sequence[Request], batch: Batch) -> Any:
        if not changed:
            changed.append(other)
            scan.write_bytes(other)
        return upload_images(session, requests, batch)

    with patch("pagewave.waves.upload.upload_images", change_it):
        reading.run()
    reading.check()
    assert reading.failures() == {("Elm:1850:1", "FileNotFound"): 1}
    assert "changed meanwhile" in reading.query("SELECT message FROM failure")[0][0]
    first, second = reading.creates()
    assert (first["keys"], second["keys"]) == (
        [reading.key("Oak/1850", 1)],
        [reading.key("Elm/1850", 1)],
    )
    sent = reading.query("SELECT image_sha256 FROM record WHERE key LIKE '%:Elm:%'")
    assert sent == [(reading.image_sha256(scan),)]


def test_while_a_batch_is_in_flight_its_requests_are_kept_without_images(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS, execution={"wait": False})
    quiet_server.set_faults(["batch-hold:seconds=600"])
    reading.run()
    (kept,) = (tmp_path / "state/requests").iterdir()
    *lines, last = map(json.loads, kept.read_text().splitlines())
    assert {line["key"] for line in lines} == {reading.key(book, 1) for book in BOOKS}
    images = [line["request"]["contents"][0]["parts"][1]["inlineData"] for line in lines]
    assert images == [{"mimeType": "image/jpeg", "data": ""}] * 2
    [(name,)] = reading.query("SELECT name FROM service_file")
    assert last == {"sent_as": name}
    quiet_server.set_faults([])
    reading.release()
    reading.library.configure(execution={"wait": True})
    reading.run()
    reading.check()
    assert list((tmp_path / "state/requests").iterdir()) == []


# Crashes


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    """Two books whose images go inside."""
    with in_one_process(), EmbeddedProcess(tmp_path / "server", "--file-seconds", "0") as server:
        yield Player(Library(tmp_path, {"Ohio/Elm/1850": 2, "Ohio/Oak/1850": 1}, **QUICK), server)


OF_CALLS = {"run-begun", "call-sent", "call-answered", "answer-stored"}
BEFORE_THE_END = list(crash_points.POINTS)[1 : list(crash_points.POINTS).index("cleaned-up") + 1]


@pytest.mark.parametrize("place", [p for p in BEFORE_THE_END if p not in OF_CALLS])
def test_a_crash_with_images_inside_costs_nothing(player: Player, place: str) -> None:
    assert player.play(crash_at=place) == "crashed"
    folder = player.library.root / "state/requests"
    folder.mkdir(exist_ok=True)
    (folder / "left.jsonl.sending").write_bytes(b"as the death of the process leaves it")
    assert player.play() == "ok"
    assert len(player.server.log("inference")) == 3
    assert problems_of_accounts(player.library, player.server.log(), {}) == []
    assert list(folder.iterdir()) == []
    uploads = [event["display_name"] for event in player.server.log("upload")]
    assert uploads and all(name.startswith("pagewave-") for name in uploads)
