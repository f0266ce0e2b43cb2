"""What `verify.py` finds proven, and what it says where any link of the chain is another."""

import contextlib
import getpass
import json
import shutil
import socket
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import polars
import pytest
from PIL import Image

from helpers.command_calls import main_of, said
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.reading import Reading
from pagewave.commands.proof.prover import Prover
from pagewave.exports.registry import OF_BOOKS
from pagewave.ledger.lines import unpacked

PAGE, OTHER, CORRECTED = "Ohio:Elm:1850:2", "Ohio:Oak:1851:1", "Ohio:Elm:1850:1"
KEY = "AIzaSyTestKeyOfNobody0000000000000000000"
PACKAGE = "results/exports/crate/books.zip"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Two books, read and exported, with a correction. What a test changes it puts back."""
    books = {"Ohio/Elm/1850": 3, "Ohio/Oak/1851": 1}
    with Library(tmp_path_factory.mktemp("verified"), books) as library:
        library.environment |= {"GEMINI_API_KEY": KEY, "USER": "anna-of-the-test"}
        library.config["exports"] = list(OF_BOOKS)
        library.configure()
        scan = library.image(OTHER)  # one of which an image is made
        with Image.open(scan) as image:
            image.convert("L").save(scan.with_suffix(".tif"))
        scan.unlink()
        library.run()
        file = library.page_file(CORRECTED)
        page = json.loads(file.read_text())
        file.write_text(json.dumps(page | {"school_name": "Put right"}))
        library.run()
        yield library


@contextlib.contextmanager
def holding(file: Path, content: bytes) -> Iterator[None]:
    """Within, the file holds something else."""
    before = file.read_bytes()
    assert content != before
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(before)


def broken(library: Library, *arguments: str, code: int = 1) -> dict[str, dict[str, str]]:
    """The links that are not shown, by page: their names with state and words."""
    report = said(library, "verify.py", *arguments, code=code)
    found = {
        key: {each["link"]: each for each in links if each["state"] != "shown"}
        for key, links in report["pages"].items()
    }
    return {
        key: {name: f"{link['state']}: {link['what']}" for name, link in links.items()}
        for key, links in found.items()
        if links
    }


def test_what_was_read_is_proven_from_scan_to_tables(library: Library) -> None:
    report = said(library, "verify.py")
    assert report["pages"].keys() == {PAGE, OTHER, CORRECTED, "Ohio:Elm:1850:3"}
    for links in report["pages"].values():
        assert {link["state"] for link in links} == {"shown"}
        assert [link["link"] for link in links] == [
            *("image", "prompt", "request", "answer", "page file", "book"),
            *("csv", "sqlite", "crate"),
        ]
    corrected = {link["link"]: link["what"] for link in report["pages"][CORRECTED]}
    assert "was corrected by a person at" in corrected["page file"]
    assert corrected["page file"].endswith(": school_name")


def test_a_value_is_shown_with_its_place_in_the_page(library: Library) -> None:
    given = ("--key", CORRECTED, "--column", "school_name")
    report = said(library, "verify.py", *given, "--value", "Put right")
    assert report["values"] == [{"value": "Put right", "field": "school_name"}]
    said(library, "verify.py", *given, "--value", "As read", code=1)
    blocks = ("--key", PAGE, "--column", "raw_ocr_text_blocks.text")
    [block] = said(library, "verify.py", *blocks)["values"]
    assert block["field"] == "raw_ocr.text_blocks[0].text" and PAGE in block["value"]
    printed = library.command("verify.py", *given, "--value", "x", code=1).stdout
    assert "value: 'Put right', from school_name" in printed
    assert "has no value 'x'" in printed and "1 proven, 0 of which something says" in printed
    wrong = library.command("verify.py", "--key", PAGE, "--column", "nothing", code=3).stderr
    assert "There is no column nothing. The tables: pages, raw_ocr_text_blocks, courses" in wrong
    assert "Did you mean" in library.command("verify.py", "--key", PAGE + "2", code=3).stderr


TABLES = {"book", "csv", "sqlite", "crate"}
FILES = {
    "results/pages/Ohio/Elm/1850/2.json": (f"Page {PAGE}", "Page X", {"page file", "book"}),
    "results/pages/Ohio/Elm/1850/1.json": ("Put right", "Put wrong", {"page file", "book"}),
    "corrections/Ohio/Elm/1850/1.json": ("Put right", "Put wrong", {"page file"}),
    "results/books/Ohio/Oak/1851/book.json": (
        f"Page {OTHER}",
        "Page X",
        {"csv", "sqlite", "crate"},
    ),
    "results/exports/csv/pages.csv": (f"Page {PAGE}", "Page X", {"csv"}),
    "results/exports/csv/raw_ocr_text_blocks.csv": (f"Page {OTHER}", "Page X", {"csv"}),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_says_something_else_is_named_with_its_page(
    name: str, library: Library
) -> None:
    old, new, links = FILES[name]
    file = library.root / name
    assert old in file.read_text(encoding="utf-8")
    with holding(file, file.read_bytes().replace(old.encode(), new.encode(), 1)):
        [(_, found)] = broken(library).items()
    assert links <= found.keys()
    assert all(what.startswith("broken: ") for what in found.values())
    assert any(str(Path(name).parent) in what for what in found.values())
    assert broken(library, code=0) == {}


def test_another_scan_breaks_its_page_alone(library: Library) -> None:
    image = library.image(PAGE)
    content = image.read_bytes()
    with holding(image, content[:-2] + b"\0" + content[-2:]):
        found = broken(library)
    assert found.keys() == {PAGE} and found[PAGE].keys() == {"image"}
    assert found[PAGE]["image"].startswith("broken: images/Ohio/Elm/1850/2.jpg is not what was")


def test_an_image_that_was_made_of_its_scan_is_proven_also_where_it_is_gone(
    library: Library,
) -> None:
    [image] = (library.root / "results/images/Ohio/Oak/1851").glob("*.jpg")
    given = ("--key", OTHER)
    [first, *_] = said(library, "verify.py", *given)["pages"][OTHER]
    assert str(image.relative_to(library.root)) in first["what"]
    content = image.read_bytes()
    with holding(image, content + b"x"):
        [first, *_] = said(library, "verify.py", *given)["pages"][OTHER]
        assert "is made of images/Ohio/Oak/1851/1.tif again" in first["what"]
        other = ("--config", "images={jpeg_quality: 20}")
        found = broken(library, *given, *other)[OTHER]
        assert found["image"].startswith("not shown: the image that was sent")
    scan = library.image(OTHER).with_suffix(".tif")
    with holding(scan, scan.read_bytes() + b"x"):
        found = broken(library, *given)[OTHER]
        assert found == {
            "image": "broken: images/Ohio/Oak/1851/1.tif is not the scan that was read"
        }


def test_what_can_not_be_read_is_a_broken_link_and_no_error(library: Library) -> None:
    correction = library.root / "corrections/Ohio/Elm/1850/1.json"
    with holding(correction, b"{"):
        found = broken(library)
    assert found.keys() == {CORRECTED} and "can't be read" in found[CORRECTED]["page file"]
    book = library.root / "results/books/Ohio/Oak/1851/book.json"
    with holding(book, b"{"):
        found = broken(library)
    assert found.keys() == {OTHER} and "can't be read" in found[OTHER]["book"]


def test_a_page_that_was_not_read_is_not_proven(library: Library) -> None:
    file = library.page_file(PAGE)
    hidden = file.rename(file.with_suffix(".hidden"))
    found = broken(library, "--key", PAGE)[PAGE]
    hidden.rename(file)
    assert found["page file"].endswith("is not there: the page was not read")
    assert "Did you mean Ohio" in library.command("verify.py", "--states", "Ohoi", code=2).stderr
    wrong = library.command("verify.py", "--year-start", "1900", code=3).stderr
    assert "there is nothing to prove" in wrong


LEDGER = {
    "answer": (
        "UPDATE response SET line = replace(unpacked(line), 'Page ', 'Pace ') WHERE key = ?",
        "broken",
    ),
    "request": ("UPDATE record SET previous_context = 'other' WHERE key = ?", "not shown"),
    "prompt": ("UPDATE prompt SET template = template || ' ' WHERE ? != ''", "broken"),
}


@pytest.mark.parametrize("link", LEDGER)
def test_a_ledger_that_says_something_else_is_found(
    link: str, library: Library, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.sqlite"
    statement, state = LEDGER[link]
    with contextlib.closing(sqlite3.connect(library.state / "ledger.sqlite")) as database:
        database.execute("VACUUM INTO ?", (str(ledger),))
    with contextlib.closing(sqlite3.connect(ledger)) as database, database:
        database.create_function("unpacked", 1, unpacked)
        assert database.execute(statement, (PAGE,)).rowcount == 1
    found = broken(library, "--ledger", str(ledger), "--key", PAGE)
    assert found[PAGE][link].startswith(f"{state}: ")


def test_other_settings_change_nothing_about_what_was_asked(library: Library) -> None:
    assert (
        broken(library, "--config", "model={generation_config: {temperature: 0.7}}", code=0) == {}
    )


def test_without_a_ledger_there_is_no_proof(library: Library, tmp_path: Path) -> None:
    wrong = library.command("verify.py", "--ledger", str(tmp_path / "none"), code=4).stderr
    assert "there is no ledger here" in wrong


def test_a_package_is_checked_alone_and_anywhere(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    shutil.copy(library.root / PACKAGE, tmp_path / "books.zip")
    monkeypatch.chdir(tmp_path)
    verify = main_of("verify.py")
    assert verify(["--package", "books.zip", "--key", CORRECTED]) == 0
    printed = capsys.readouterr().out
    assert "all as written" in printed and "corrected by a person at" in printed
    assert "image_sha256: " in printed and "fingerprint: " in printed
    with zipfile.ZipFile("books.zip") as archive:
        archive.extractall("unpacked")
    page = tmp_path / "unpacked/pages/Ohio/Oak/1851/1.json"
    page.write_text(page.read_text(encoding="utf-8").replace("Page ", "Pace "), encoding="utf-8")
    assert verify(["--package", "unpacked"]) == 1
    printed = capsys.readouterr().out
    assert f"pages/Ohio/Oak/1851/1.json: page {OTHER}: was changed" in printed
    assert f"tables/pages.csv: page {OTHER}: row 1 of it, text: " in printed
    assert verify(["--package", "none.zip"]) == 3
    assert "can't be opened as a data package" in capsys.readouterr().err
    assert verify(["--package", "books.zip", "--key", "x"]) == 2


def test_a_package_that_is_damaged_is_a_broken_link(library: Library) -> None:
    package = library.root / PACKAGE
    content = package.read_bytes()
    with holding(package, content[:-1]):
        assert "can't be opened" in broken(library, "--key", PAGE)[PAGE]["crate"]
    with holding(package, content.replace(b"tables/pages.csv", b"tables/pagez.csv")):
        assert "tables/pages.csv" in broken(library, "--key", PAGE)[PAGE]["crate"]


# What is told


def test_no_byte_of_any_export_tells_of_this_machine(library: Library) -> None:
    folder = library.root / "results/exports"
    files = [file for file in folder.rglob("*") if file.is_file() and file.name[0] != "."]
    assert {file.relative_to(folder).parts[0] for file in files} >= set(OF_BOOKS)
    told = {str(file): file.read_bytes() for file in files}
    for file in files:
        if file.suffix in (".zip", ".xlsx"):
            with zipfile.ZipFile(file) as archive:
                told |= {f"{file}/{name}": archive.read(name) for name in archive.namelist()}
    sheet = openpyxl.load_workbook(folder / "excel/books.xlsx").properties
    assert not sheet.creator or sheet.creator == "openpyxl"
    told["parquet"] = repr(polars.read_parquet(folder / "parquet/pages.parquet").rows()).encode()
    assert len(told) > 40
    secrets = {
        *(str(library.root), str(Path.cwd()), str(Path.home()), KEY, "anna-of-the-test"),
        *("127.0.0.1", "localhost", "batches/", "embedded/address", "images/Ohio"),
        *(name for name in (socket.gethostname(), getpass.getuser()) if len(name) > 5),
    }
    secrets |= {row[0] for row in library.ledger("SELECT name FROM batch UNION SELECT id FROM run")}
    found = {
        (secret, name)
        for name, content in told.items()
        for secret in secrets
        if secret.encode() in content or secret.encode("utf-16-le") in content
    }
    assert found == set()
    # They are what the files of books tell.
    assert "batches/" in (library.root / "results/books/Ohio/Elm/1850/book.json").read_text()


def test_a_kill_leaves_no_half_of_a_package_and_the_same_command_finishes(
    library: Library,
) -> None:
    package = library.root / PACKAGE
    content = package.read_bytes()
    package.unlink()
    library.crash("file-half-written")
    assert not package.exists()
    library.run()
    assert package.read_bytes() == content
    assert {file.name for file in package.parent.iterdir()} == {
        *("books.zip", "notes.txt", ".pagewave.json"),
    }


def test_the_local_reader_is_no_model_in_any_export(library: Library) -> None:
    known = library.book("Ohio/Elm/1850")["pages"][0]["provenance"]
    assert (known["model"], known["model_served"]) == (None, None)
    # A part of the fingerprint all the same, and so of what a lost ledger is made of again.
    asked = known["model_asked"]
    assert asked == library.config["model"]["name"]
    tables = (library.root / "results/exports/csv/pages.csv").read_text()
    with zipfile.ZipFile(library.root / PACKAGE) as archive:
        sheet = archive.read("datasheet.md").decode()
        page = archive.read("pages/Ohio/Elm/1850/1.json").decode()
    assert asked not in tables + sheet + page
    assert "no language model" in sheet


# Answers of other kinds


def test_a_page_that_was_read_in_halves_is_proven_too(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["max-tokens:match=:2$"])
    steps = {"steps": {"Truncated": [{"halves": True}]}}
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 3}, retry=steps)
    quiet_server.show_images(tmp_path / "state/halves")
    reading.run()
    prover, page = Prover(reading.session), reading.session.dataset.page(reading.keys[1])
    states = {link.name: link.state for link in prover.links(page)}
    assert states == {
        **dict.fromkeys(["image", "prompt", "request", "answer", "page file"], "shown"),
        "book": "not shown",
    }
