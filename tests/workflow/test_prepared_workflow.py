"""Scans that can't be sent as they are, from end to end: prepared, read, changed, broken."""

import os
import re
import shutil
import struct
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from helpers.command_calls import said
from helpers.embedded_process import wait_for
from helpers.library import Library
from helpers.odd_scans import write_tiff
from helpers.scan_files import are_alike, encrypt, page_of, save

NOTHING = "Nothing to be done"
PDF, TIFF, PLAIN = "Ohio/Pdf/1852", "Ohio/Tiff/1853", "Ohio/Plain/1854"
ALL = {"labels": "all"}
JOB = re.compile(r"Job \d+: images of (.*)")


def add_scan(library: Library, book: str, name: str, pages: Sequence[Image.Image]) -> Path:
    """A scan file of a book."""
    return save(library.root / "images" / book / name, pages)


def keys(book: str, *numbers: int) -> Counter[str]:
    return Counter(f"{book.replace('/', ':')}:{number}" for number in numbers)


def image_of(library: Library, page: dict[str, Any]) -> Image.Image:
    """What was sent for a page of a book.json."""
    return Image.open(library.root / page["provenance"]["image"])


def test_scans_of_many_kinds_are_prepared_and_read_once(tmp_path: Path) -> None:
    with Library(tmp_path, {PLAIN: 2}, filters=ALL) as library:
        pages = [page_of(number) for number in range(6)]
        add_scan(library, PDF, "catalog.pdf", pages[:3])
        add_scan(library, TIFF, "1-2.tif", pages[3:5])
        add_scan(library, TIFF, "3.jp2", pages[5:])
        scans = {path: path.read_bytes() for path in tmp_path.glob("images/**/*.*")}
        output = library.run("-n", "--verbose")
        assert set(JOB.findall(output)) == {PDF, TIFF}
        assert f": page 3 of {PDF}\n" in output and f": page 3 of {TIFF}\n" in output
        assert "3 pages of 3 books, about" in output
        assert not (tmp_path / "results").exists() and not library.state.exists()

        library.run()
        read = keys(PDF, 1, 2, 3) + keys(TIFF, 1, 2, 3) + keys(PLAIN, 1, 2)
        assert library.inferences() == read
        assert {path: path.read_bytes() for path in tmp_path.glob("images/**/*.*")} == scans
        assert not (tmp_path / "results/images" / PLAIN).exists()
        found = library.book(PDF)["pages"] + library.book(TIFF)["pages"]
        assert [Path(page["image"]).name for page in found] == [
            *["catalog.pdf"] * 3,
            *["1-2.tif"] * 2,
            "3.jp2",
        ]
        assert [page["leaf"] for page in found] == [1, 2, 3, 1, 2, None]
        for page, expected in zip(found, pages, strict=True):
            assert are_alike(image_of(library, page), expected)
        plain = library.book(PLAIN)["pages"][0]
        assert plain["provenance"]["image"] == plain["image"] == f"images/{PLAIN}/1.jpg"

        # What is read stays so, whatever becomes of the images made for it.
        shutil.rmtree(tmp_path / "results/images")
        library.configure(images={"grey": True, "jpeg_quality": 50})
        (tmp_path / "images" / PDF / "catalog.pdf").touch()
        assert NOTHING in library.run("-n")
        # A page to come has the whole book prepared, as configured now.
        add_scan(library, TIFF, "4.tif", [page_of(7)])
        assert JOB.findall(library.run("-n", "--verbose")) == [TIFF]
        library.run()
        assert library.inferences() == read + keys(TIFF, 4)
        images = sorted((tmp_path / "results/images" / TIFF).glob("*.jpg"))
        assert [path.name[0] for path in images] == ["1", "2", "3", "4"]
        assert {Image.open(path).mode for path in images} == {"L"}
        assert NOTHING in library.run()


def test_of_a_changed_file_only_changed_pages_are_read_again(tmp_path: Path) -> None:
    with Library(tmp_path, {}, filters=ALL) as library:
        pages = [page_of(number) for number in range(4)]
        add_scan(library, PDF, "catalog.pdf", pages)
        scan = add_scan(library, TIFF, "1.tif", [page_of("tiff")])
        library.run()
        read = keys(PDF, 1, 2, 3, 4) + keys(TIFF, 1)
        assert library.inferences() == read

        pages[1] = page_of("another")
        add_scan(library, PDF, "catalog.pdf", pages)
        times = scan.stat()
        add_scan(library, TIFF, "1.tif", [page_of("another tiff", (121, 200))])
        os.utime(scan, ns=(times.st_atime_ns, times.st_mtime_ns))
        output = library.run("-n", "--verbose")
        assert "4 pages read again: the file of its scan was changed; free if the page" in output
        assert f"page 1 of {TIFF} (its image was changed)" in output
        assert set(JOB.findall(output)) == {PDF, TIFF}
        output = library.run()
        # Page 3 is not read again, though the page before it was.
        assert library.inferences() == read + keys(PDF, 2) + keys(TIFF, 1)
        assert "2 pages read, 3 from stored answers" in output
        assert are_alike(image_of(library, library.book(PDF)["pages"][1]), pages[1])
        assert NOTHING in library.run()

        library.run("-F", f"results/books/{PDF}/book.json")
        assert library.inferences() == read + keys(PDF, 1, 2, 2, 3, 4) + keys(TIFF, 1)


def test_all_broken_scans_are_named_before_anything_is_made(tmp_path: Path) -> None:
    with Library(tmp_path, {PLAIN: 2}, filters=ALL) as library:
        encrypt(add_scan(library, PDF, "1-2.pdf", [page_of(1), page_of(2)]))
        scan = add_scan(library, TIFF, "scans.tif", [page_of(n) for n in (3, 4, 5)])
        break_start(scan, 2)
        library.image("Ohio:Plain:1854:2").write_bytes(b"nothing")
        add_scan(library, PLAIN, "3.tif", [page_of(6), page_of(7)])
        grey = np.asarray(page_of(8).convert("L"))[..., None]
        write_tiff(tmp_path / "images" / PLAIN / "4.tif", grey, 8, more={259: [34887]})  # LERC
        output = library.run(code=3)
        assert f"images/{PDF}/1-2.pdf: is encrypted" in output
        assert f"images/{TIFF}/scans.tif, page 2: cannot be read" in output
        assert f"images/{PLAIN}/2.jpg: is no image" in output
        assert f"images/{PLAIN}/3.tif: holds 2 pages, and is named like page 3" in output
        assert output.count("1-2.pdf") == 1
        assert f"images/{PLAIN}/4.tif: is TIFF of a kind that can't be read here" in output
        assert "5 images can't be read" in output and "Traceback" not in output
        assert not library.state.exists() and not (tmp_path / "results").exists()


def break_start(scan: Path, number: int) -> None:
    """Lets a page of a TIFF begin where the file is long over."""
    with Image.open(scan) as image:
        image.seek(number - 1)
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        start = struct.pack("<L", image.tag_v2[273][0])
    scan.write_bytes(scan.read_bytes().replace(start, struct.pack("<L", 2**31)))


def test_a_page_that_cannot_be_decoded_fails_alone(tmp_path: Path) -> None:
    with Library(tmp_path, {PLAIN: 2}, filters=ALL) as library:
        scan = save(
            tmp_path / "images" / TIFF / "scans.tif",
            [page_of(n) for n in range(3)],
            compression="tiff_adobe_deflate",
        )
        good = scan.read_bytes()
        with Image.open(scan) as image:
            image.seek(1)
            assert isinstance(image, TiffImagePlugin.TiffImageFile)
            start, length = image.tag_v2[273][0], image.tag_v2[279][0]
        scan.write_bytes(good[:start] + b"\xff" * length + good[start + length :])
        output = library.run(code=1)
        assert f"images/{TIFF}/scans.tif, page 2: cannot be read" in output
        assert "1 dead letter" in output and "Traceback" not in output
        # All in one lane: the other book, and what is before the page, are read.
        assert library.inferences() == keys(PLAIN, 1, 2) + keys(TIFF, 1)
        scan.write_bytes(good)
        said(library, "clear_failure_counts.py", "--all")
        library.run()
        assert library.inferences() == keys(PLAIN, 1, 2) + keys(TIFF, 1, 2, 3)


def test_a_killed_preparation_goes_on_where_it_was(tmp_path: Path) -> None:
    with Library(tmp_path, {}, filters=ALL, images={"deskew": True}) as library:
        add_scan(library, PDF, "catalog.pdf", [page_of(n, (600, 1000)) for n in range(12)])
        folder = tmp_path / "results/images" / PDF
        head = library.start()
        wait_for(lambda: len(list(folder.glob("*.jpg"))) >= 2)
        head.kill()
        assert not (folder / "prepared.json").exists()
        before = {path: path.stat().st_mtime_ns for path in folder.glob("[0-9]*.jpg")}
        assert before
        library.run()
        assert library.inferences() == keys(PDF, *range(1, 13))
        assert before.items() <= {p: p.stat().st_mtime_ns for p in folder.glob("*.jpg")}.items()
        assert len(list(folder.iterdir())) == 13


def test_a_rebuilt_ledger_knows_which_scans_were_read(tmp_path: Path) -> None:
    with Library(tmp_path, {}, filters=ALL) as library:
        add_scan(library, PDF, "catalog.pdf", [page_of(1), page_of(2)])
        library.run()
        for file in library.state.glob("ledger.sqlite*"):
            file.unlink()
        assert said(library, "rebuild_ledger.py")["pages_marked"] == 2
        assert NOTHING in library.run("-n")
        shutil.rmtree(tmp_path / "results")
        library.run()
        assert library.inferences() == keys(PDF, 1, 2)


@pytest.mark.slow
def test_labels_admit_pages_of_a_file_by_number(tmp_path: Path) -> None:
    with Library(tmp_path, {PDF: [2, 3]}) as library:
        shutil.rmtree(tmp_path / "images")
        pages = [page_of(number) for number in range(6)]
        add_scan(library, PDF, "catalog.pdf", pages)
        # Each job a process of its own.
        library.run(f"results/pages/{PDF}/2.json", profile=False)
        assert library.inferences() == keys(PDF, 2)
        library.run()
        assert library.inferences() == keys(PDF, 2, 3)
        assert "Read after: Ohio:Pdf:1852:2" in library.text("Ohio:Pdf:1852:3")
        found = library.book(PDF)["pages"]
        assert [page["number"] for page in found] == [2, 3]
        for page in found:
            assert are_alike(image_of(library, page), pages[page["number"] - 1])


def test_a_person_may_ask_for_images_alone(tmp_path: Path) -> None:
    with Library(tmp_path, {}, filters=ALL) as library:
        add_scan(library, PDF, "catalog.pdf", [page_of(1), page_of(2)])
        target = f"results/images/{PDF}/prepared.json"
        library.run(target)
        assert not library.inferences()
        assert NOTHING in library.run(target)
