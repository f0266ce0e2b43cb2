"""Scans out of buckets, and exports into them: the plugins and their clients, over HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from helpers.buckets import S3, GoogleStorage
from helpers.command_calls import printed
from helpers.image_server import picture
from helpers.library import Library
from helpers.scan_files import page_of, save
from pagewave.errors import ConfigError
from pagewave.remote import fetch

BOOK = "Ohio/Elm/1852"


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, Any]]:
    """Both, for all tests; each has a prefix of its own."""
    with ExitStack() as stack:
        yield {
            "s3": stack.enter_context(S3()),
            "gs": stack.enter_context(GoogleStorage()),
        }


def library_at(folder: Path, service: Any, monkeypatch: pytest.MonkeyPatch) -> Library:
    """A library without a page, which knows the service."""
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("labels", "images"):
        (folder / name).mkdir()
    library = Library(folder, {})
    library.environment = dict(service.environment)
    return library


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_scans_come_out_of_a_bucket_and_exports_go_into_one(
    tmp_path: Path, services: dict[str, Any], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = services[scheme]
    for number in (1, 2, 3):
        bucket.put(f"scans/{BOOK}/{number}.jpg", picture(number))
    bucket.put("scans/readme.txt", b"Hello")
    with library_at(tmp_path, bucket, monkeypatch) as library:
        library.config |= {"exports": ["jsonl", "text"], "exports_to": f"{bucket.address}/read"}
        library.configure()
        said = printed(library, "bucket", f"{bucket.address}/scans")
        assert f"{BOOK}: 3 pages" in said
        assert "scans/readme.txt is no" in said
        assert f"3 scans of 1 book to be fetched first, from {scheme}" in library.run("-n")
        library.run()
        assert (library.root / f"fetched/{BOOK}/2.jpg").read_bytes() == picture(2)
        assert len(library.book(BOOK)["pages"]) == 3
        assert bucket.keys() >= {"read/jsonl/books.jsonl", f"read/text/{BOOK}.txt"}
        here = (library.root / "results/exports/jsonl/books.jsonl").read_bytes()
        assert bucket.get("read/jsonl/books.jsonl") == here
        for number in (1, 2, 3):  # what was fetched is never asked for again
            bucket.delete(f"scans/{BOOK}/{number}.jpg")
        assert "copy of" not in library.run("-n")
        library.run("-F", f"results/pages/{BOOK}/2.json")
        library.run()
        assert bucket.get("read/jsonl/books.jsonl") != here


def test_pages_of_a_pdf_come_out_of_a_bucket(
    tmp_path: Path, services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pdf = save(tmp_path / "scans.pdf", [page_of(number) for number in (7, 8)])
    bucket = services["s3"]
    bucket.put(f"mixed/{BOOK}/7-8.pdf", pdf.read_bytes())
    bucket.put(f"mixed/{BOOK}/9.jpg", picture(9))
    bucket.put(f"mixed/{BOOK}/whole.pdf", pdf.read_bytes())
    with library_at(tmp_path, bucket, monkeypatch) as library:
        said = printed(library, "bucket", "s3://archive/mixed/")
        assert "whole.pdf does not say which pages it is: name it by them" in said
        library.run()
        assert len(library.book(BOOK)["pages"]) == 3


def test_what_a_bucket_does_not_give_is_told_in_words(
    tmp_path: Path, services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = services["s3"]
    bucket.put(f"lost/{BOOK}/1.jpg", picture(1))
    bucket.put(f"lost/{BOOK}/2.jpg", picture(2))
    with library_at(tmp_path, bucket, monkeypatch) as library:
        assert "expected a bucket such as" in printed(library, "bucket", "ftp://x", code=2)
        assert "s3://nowhere can't be listed" in printed(library, "bucket", "s3://nowhere", code=5)
        assert "there is no scan under it" in printed(library, "bucket", "s3://archive/x", code=3)
        printed(library, "bucket", "s3://archive/lost")
        bucket.delete(f"lost/{BOOK}/2.jpg")
        assert f"lost/{BOOK}/2.jpg" in library.run(code=1)
        assert not library.inferences()
        bucket.put(f"lost/{BOOK}/2.jpg", picture(3))
        # A book that can't be taken keeps none of the others from being listed.
        bucket.put("lost/Ohio/<books>/1850/1.jpg", picture(1))
        bucket.put("lost/Ohio/Zed/1850/1.jpg", picture(1))
        said = printed(library, "bucket", "s3://archive/lost", code=1)
        assert "with another image 2" in said and "<books>" in said, said
        assert "Ohio/Zed/1850: 1 page of s3://archive/lost" in said


def test_a_plugin_that_is_not_installed_is_named_with_what_installs_it() -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Both are installed where tests run.
        patch.setitem(fetch.PLUGINS, "s3", ("no_such_module", "s3"))
        with pytest.raises(ConfigError, match=r"s3:// needs .* pip install -e '?\.\[s3\]'?"):
            fetch.require_plugins(["s3://archive/1.jpg"])
