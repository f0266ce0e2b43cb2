"""From a manifest to page files: the command, then the real `snakemake`, over a local server."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import printed
from helpers.embedded_process import wait_for
from helpers.image_server import ImageServer, picture
from helpers.library import Library
from pagewave.errors import RunStopped

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


def test_troubles_of_a_server_are_waited_out_and_what_never_comes_costs_nothing(
    tmp_path: Path,
) -> None:
    with ImageServer(6) as server, library_in(tmp_path) as library:
        # The chain ends at a page that never comes: 5 and 6 are a chain of their own.
        (tmp_path / f"labels/{BOOK}").mkdir(parents=True)
        iiif(library, f"{server.url}/3/static/manifest.json", "--book", BOOK)
        (tmp_path / f"labels/{BOOK}/4.json").unlink()
        server.troubles = {
            1: ["503", "429"],
            2: ["cut", "cut"],
            3: ["404"],
            5: ["html"],
            6: ["500"] * 5,
        }
        said = library.run(code=1)
        key = BOOK.replace("/", ":")
        at = f"{server.url}/image"
        assert f"3.jpg: {at}/3.jpg: is not there (404 Not Found). Others go on." in said
        assert f"5.jpg: {at}/5.jpg: what came is no scan that can be read: a web page" in said
        assert f"6.jpg: {at}/6.jpg: the server answers 500" in said
        assert server.images_asked == {1: 3, 2: 3, 3: 1, 5: 1, 6: 5}
        assert library.inferences() == {f"{key}:1": 1, f"{key}:2": 1}
        assert sorted(path.name for path in (tmp_path / f"fetched/{BOOK}").iterdir()) == [
            *("1.jpg", "2.jpg", "fetched.json")
        ]
        # Its trouble is over: what came is not asked for again.
        printed(library, "clear_failure_counts", "--all")
        library.run()
        assert server.images_asked == {1: 3, 2: 3, 3: 2, 5: 2, 6: 6}
        assert set(library.inferences().values()) == {1}
        assert len(library.book(BOOK)["pages"]) == 5


def test_a_server_that_is_away_stops_the_run_and_counts_against_no_page(tmp_path: Path) -> None:
    with library_in(tmp_path) as library, ImageServer(8) as server:
        iiif(library, f"{server.url}/2/static/manifest.json", "--book", BOOK)
        server.troubles = {number: ["503"] * 99 for number in range(3, 9)}
        said = library.run(code=1)
        assert "2 scans of 8 came and stay here. The same command fetches the rest." in said
        assert sum(server.images_asked.values()) <= 2 + 4 * 5  # it is left alone then
        assert library.ledger("SELECT * FROM failure") == []
        assert not library.inferences()
        server.troubles = {}
        library.run()
        assert server.images_asked[1] == server.images_asked[2] == 1
        assert len(library.book(BOOK)["pages"]) == 8


def test_a_killed_run_goes_on_where_fetching_was(tmp_path: Path) -> None:
    with library_in(tmp_path) as library, ImageServer(5) as server:
        iiif(library, f"{server.url}/3/service/manifest.json", "--book", BOOK)
        server.held_after = 2
        head = library.start()
        folder = tmp_path / f"fetched/{BOOK}"
        wait_for(lambda: len(list(folder.glob("*.jpg"))) == 2)
        wait_for(lambda: sum(server.images_asked.values()) == 4)
        head.kill()
        came = {int(path.stem) for path in folder.glob("*.jpg")}
        server.held_after = None
        library.run()
        assert len(came) == 2
        assert all(server.images_asked[number] == 1 for number in came)
        assert sorted(server.images_asked.values()) == [1, 1, 1, 2, 2]
        assert len(library.book(BOOK)["pages"]) == 5


def test_a_run_that_is_stopped_while_a_server_wants_a_pause_goes_on_later(tmp_path: Path) -> None:
    with ImageServer(3) as server, library_in(tmp_path) as library:
        iiif(library, f"{server.url}/3/service/manifest.json", "--book", BOOK)
        server.retry_after = "3600"
        server.troubles = {2: ["503"]}
        head = library.start()
        wait_for(lambda: len(list((tmp_path / f"fetched/{BOOK}").glob("*.jpg"))) == 2)
        head.signal(signal.SIGTERM)
        assert head.wait()[0] == RunStopped.exit_code
        library.run()
        assert server.images_asked == {1: 1, 2: 2, 3: 1}
        assert len(library.book(BOOK)["pages"]) == 3


def test_a_list_that_is_there_stays_and_what_is_new_is_told(tmp_path: Path) -> None:
    with ImageServer(3) as server, library_in(tmp_path) as library:
        address = f"{server.url}/3/static/manifest.json"
        iiif(library, address, "--book", BOOK)
        file = tmp_path / f"images/{BOOK}/remote_scans.json"
        before = file.read_bytes()
        (tmp_path / f"labels/{BOOK}/2.json").unlink()
        assert "nothing was written" in iiif(library, address, "--book", BOOK)
        assert not (tmp_path / f"labels/{BOOK}/2.json").exists()
        server.extra["/3/static/manifest.json"] = server.manifest(3, "service")
        said = iiif(library, address, "--book", BOOK, code=3)
        assert "pages with another image 1, 2, 3" in said
        assert file.read_bytes() == before


def test_a_scan_of_ones_own_goes_before_the_listed_one(tmp_path: Path) -> None:
    with ImageServer(2) as server, library_in(tmp_path) as library:
        own = tmp_path / f"images/{BOOK}/2.jpg"
        own.parent.mkdir(parents=True)
        own.write_bytes(picture(77))
        said = iiif(library, f"{server.url}/3/static/manifest.json", "--book", BOOK)
        assert "1 page (number 2) have a scan" in said
        library.configure(filters={"labels": "all"})
        library.run()
        assert server.images_asked == {1: 1}
        assert len(library.book(BOOK)["pages"]) == 2


def test_a_collection_gives_a_book_for_each_year_and_tells_what_is_unclear(tmp_path: Path) -> None:
    with ImageServer(1) as server, library_in(tmp_path) as library:
        at = f"{server.url}/m"
        labels = ["Catalog 1850", "Catalog, 1851-52", "Undated", "Again 1850", "Film 1853", "1854"]
        for number, label in enumerate(labels):
            dated = {"navDate": "1860-01-01T00:00:00Z"} if label == "Undated" else {}
            manifest = server.manifest(3, label={"none": [label]}, **dated)
            server.extra[f"/m/{number}"] = manifest
        body = server.extra["/m/4"]["items"][0]["items"][0]["items"][0]["body"]
        body |= {"type": "Video", "format": "video/mp4"}
        entries = [{"id": f"{at}/{number}", "type": "Manifest"} for number in range(5)]
        inner = {"id": f"{at}/inner", "type": "Collection", "label": {}, "items": [entries[4]]}
        older = {"@id": f"{at}/5", "@type": "sc:Manifest", "label": "1854"}
        server.extra["/m/inner"] = {"@type": "sc:Collection", "manifests": [older, entries[4]]}
        outer = {"type": "Collection", "id": f"{at}/all", "items": [*entries[:4], inner]}
        server.extra["/m/all"] = outer
        said = iiif(library, f"{at}/all", "--book", "Ohio/Elm", code=1)
        found = sorted(path.name for path in (tmp_path / "images/Ohio/Elm").iterdir())
        assert found == ["1850", "1851", "1854", "1860"]
        assert "Ohio/Elm/1850 is another manifest's already" in said
        assert "it is no image but video" in said
        assert iiif(library, f"{at}/all", "--book", BOOK, code=3).count("is a collection of") == 1
