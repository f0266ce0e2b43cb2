"""A batch's requests on the disk: what is sent of them, what is kept, and in which memory."""

import base64
import hashlib
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pagewave.errors import LedgerError
from pagewave.gemini.remote import Payload, images_named, name_of_requests
from pagewave.gemini.request_files import remove_unsent, written
from pagewave.gemini.retries import PassingTrouble
from pagewave.pages.image_files import ImageFacts
from pagewave.prompts.request import Request

SCHEMA = {"type": "OBJECT"}


def requests(folder: Path, *images: bytes) -> list[Request]:
    """A request for each image, whose file is there."""
    made = []
    for number, image in enumerate(images, 1):
        path = folder / f"{number}.jpg"
        path.write_bytes(image)
        facts = ImageFacts(hashlib.sha256(image).hexdigest(), 1, 1, "image/jpeg", len(image), 0)
        made.append(Request(f"a:b:1850:{number}", "f", "Read.", None, path, facts))
    return made


def configs(asked: Sequence[Request]) -> dict[str, Any]:
    return {request.key: {"seed": 1} for request in asked}


def images_of(lines: bytes) -> dict[str, bytes]:
    """The images in a file of requests, by key."""
    found = {}
    for line in lines.splitlines():
        told = json.loads(line)
        part = told["request"]["contents"][0]["parts"][1]
        found[told["key"]] = base64.b64decode(part["inlineData"]["data"])
    return found


def everything(sent: Payload) -> bytes:
    with sent.open() as stream:
        return b"".join(iter(lambda: stream.read(1000), b""))  # type: ignore[attr-defined]


def test_what_is_sent_holds_the_images_and_what_is_kept_does_not(tmp_path: Path) -> None:
    asked = requests(tmp_path, b"one" * 100_000, b"two")
    kept = tmp_path / "requests/a-batch.jsonl"
    with written(kept, asked, {}, configs(asked), SCHEMA) as file:
        sent = everything(file.sent)
        assert images_of(sent) == {request.key: request.image.read_bytes() for request in asked}
        assert (file.sent.size, file.sent.sha256) == (len(sent), hashlib.sha256(sent).digest())
        assert not kept.exists()
        file.keep("files/pagewave-abc")
    *lines, last = kept.read_bytes().splitlines(keepends=True)
    assert images_of(b"".join(lines)) == {request.key: b"" for request in asked}
    assert json.loads(last) == {"sent_as": "files/pagewave-abc"}
    assert list(kept.parent.iterdir()) == [kept]


def test_an_image_that_was_uploaded_is_named_beside_others_that_are_inside(tmp_path: Path) -> None:
    asked = requests(tmp_path, b"inside", b"uploaded")
    uris = {asked[1].facts.sha256: "https://x/files/2"}
    with written(tmp_path / "r/a.jsonl", asked, uris, configs(asked), SCHEMA) as file:
        first, second = map(json.loads, everything(file.sent).splitlines())
        assert file.inside == [(asked[0].facts.sha256, 6)]
    assert "inlineData" in first["request"]["contents"][0]["parts"][1]
    named = second["request"]["contents"][0]["parts"][1]["fileData"]
    assert named == {"mimeType": "image/jpeg", "fileUri": "https://x/files/2"}


def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    asked = requests(tmp_path, *(bytes([number]) * 1_000_000 for number in range(20)))
    tracemalloc.start()
    try:
        with written(tmp_path / "r/a.jsonl", asked, {}, configs(asked), SCHEMA) as file:
            with file.sent.open() as stream:
                while stream.read(1000):  # type: ignore[attr-defined]
                    pass
            _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.sent.size > 26_000_000
    assert most < 2_000_000


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_image_that_is_another_one_by_now_leaves_its_request_out(
    tmp_path: Path, place: int
) -> None:
    asked = requests(tmp_path, b"one" * 100_000, b"two" * 200_000, b"three")
    with asked[place].image.open("ab") as image:
        image.write(b"!")
    with written(tmp_path / "r/a.jsonl", asked, {}, configs(asked), SCHEMA) as file:
        assert list(file.problems) == [asked[place].facts.sha256]
        assert "changed meanwhile" in str(file.problems[asked[place].facts.sha256])
        sent = everything(file.sent)
        file.keep("files/x")
    others = [request for request in asked if request != asked[place]]
    assert images_of(sent) == {request.key: request.image.read_bytes() for request in others}
    assert hashlib.sha256(sent).digest() == file.sent.sha256
    assert len((tmp_path / "r/a.jsonl").read_bytes().splitlines()) == 3


def test_an_image_that_is_gone_leaves_its_request_out(tmp_path: Path) -> None:
    asked = requests(tmp_path, b"one", b"two")
    asked[0].image.unlink()
    with written(tmp_path / "r/a.jsonl", asked, {}, configs(asked), SCHEMA) as file:
        assert images_of(everything(file.sent)) == {asked[1].key: b"two"}
        assert isinstance(file.problems[asked[0].facts.sha256], FileNotFoundError)


def test_requests_that_are_cut_off_on_the_disk_are_no_upload_without_an_end(
    tmp_path: Path,
) -> None:
    asked = requests(tmp_path, b"one" * 1000)
    with written(tmp_path / "r/a.jsonl", asked, {}, configs(asked), SCHEMA) as file:
        (sending,) = (tmp_path / "r").glob("*.sending")
        with sending.open("r+b") as cut:
            cut.truncate(100)
        with pytest.raises(PassingTrouble, match="cut off"):
            everything(file.sent)
        sending.unlink()
        with pytest.raises(PassingTrouble, match="No such file"):
            everything(file.sent)


def test_a_disk_without_room_ends_the_run_in_order(tmp_path: Path) -> None:
    asked = requests(tmp_path, b"one" * 10_000)
    (tmp_path / "r").mkdir()
    (tmp_path / "r/a.jsonl.sending").symlink_to("/dev/full")
    with (
        pytest.raises(LedgerError, match="No space left"),
        written(tmp_path / "r/a.jsonl", asked, {}, configs(asked), SCHEMA),
    ):
        pass
    assert list((tmp_path / "r").iterdir()) == []


def test_what_a_crash_left_is_removed_and_what_is_kept_stays(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.jsonl.sending", "a.jsonl.keeping"):
        (tmp_path / name).touch()
    remove_unsent(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_the_name_of_requests_tells_of_images_inside_and_is_not_too_long() -> None:
    hashes = [hashlib.sha256(bytes([n])).hexdigest() for n in range(100)]
    name = name_of_requests(
        "pagewave-run-lane1-wave1-50eb91b6-1d0a83bb", [(h, 10**9) for h in hashes]
    )
    assert images_named(name, 5) == {digest[:16]: 10**9 for digest in hashes[:12]}
    assert len(name) + 100 <= 512
    assert images_named(hashes[0], 5) == {hashes[0][:16]: 5}
    for other in ("", "pagewave-run-lane1-wave1-50eb91b6-1d0a83bb", "a scan 1850-12"):
        assert images_named(other, 5) == {}
    assert name_of_requests("a-batch", []) == "a-batch"
