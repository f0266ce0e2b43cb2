"""Scans out of buckets, and exports into them: moto's server, the plugin and boto3 unchanged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.buckets import S3
from helpers.command_calls import printed
from helpers.image_server import picture
from helpers.library import Library

BOOK = "Ohio/Elm/1852"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """One service for all tests; each has a prefix of its own."""
    with S3() as service:
        yield service


@pytest.fixture
def library(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """A library without a page, which knows the service."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("labels", "images"):
        (tmp_path / name).mkdir()
    with Library(tmp_path, {}) as library:
        yield library


def test_scans_come_out_of_a_bucket_and_exports_go_into_one(s3: S3, library: Library) -> None:
    for number in (1, 2, 3):
        s3.put(f"scans/{BOOK}/{number}.jpg", picture(number))
    s3.put("scans/readme.txt", b"")
    library.config["exports"] = ["jsonl", "text"]
    library.config["exports_to"] = "s3://archive/read"
    library.configure()
    said = printed(library, "bucket", "s3://archive/scans")
    assert f"{BOOK}: 3 pages" in said
    assert "scans/readme.txt is no" in said
    library.run("-n")
    library.run()
    assert (library.root / f"fetched/{BOOK}/2.jpg").read_bytes() == picture(2)
    assert len(library.book(BOOK)["pages"]) == 3
    assert s3.keys() >= {"read/jsonl/books.jsonl", f"read/text/{BOOK}.txt"}
    here = (library.root / "results/exports/jsonl/books.jsonl").read_bytes()
    assert s3.get("read/jsonl/books.jsonl") == here
    s3.delete(f"scans/{BOOK}/1.jpg")  # what was fetched is never asked for again
    library.run()
    assert "copy of" not in library.run("-n")
    library.run("-F", f"results/pages/{BOOK}/2.json")
    library.run()
    assert s3.get("read/jsonl/books.jsonl") != here
