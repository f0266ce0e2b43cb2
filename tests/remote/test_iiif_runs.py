"""From a manifest to page files: the command, then the real `snakemake`, over a local server."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import printed
from helpers.image_server import ImageServer, picture
from helpers.library import Library

BOOK = "Ohio/Elm/1852"
QUICK = {"max_requests_per_second": 100, "retry_pause_seconds": 0.01}


def library_in(folder: Path, **sections: dict[str, Any]) -> Library:
    """A library without a page, whose image fetches are quick."""
    for name in ("labels", "images"):
        (folder / name).mkdir()
    return Library(folder, {}, fetch=QUICK, **sections)


def iiif(library: Library, *arguments: str, code: int = 0) -> str:
    """What the command prints."""
    return printed(library, "iiif", *arguments, code=code)


@pytest.mark.parametrize("version", [2, 3])
def test_a_manifest_becomes_page_files_and_each_image_is_asked_for_once(
    tmp_path: Path, version: int
) -> None:
    with ImageServer(3) as server, library_in(tmp_path) as library:
        iiif(library, f"{server.url}/{version}/service/manifest.json", "--book", BOOK)
        label = json.loads((tmp_path / f"labels/{BOOK}/2.json").read_text())
        assert label["label"] == "p. 12"
        preview = library.run("-n")
        assert "3 scans of 1 book to be fetched first" in preview
        assert not server.images_asked
        library.run()
        assert len(library.book(BOOK)["pages"]) == 3
        library.run()
        library.run("-F", f"results/pages/{BOOK}/2.json")
        assert server.images_asked == {1: 1, 2: 1, 3: 1}
        assert (tmp_path / f"fetched/{BOOK}/2.jpg").read_bytes() == picture(2)
