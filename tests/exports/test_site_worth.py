"""What the reading room says of a book's findings, pages in doubt, and of how accurate all is."""

from pathlib import Path

import pytest

from helpers.letters import letter
from helpers.reading_room import ReadingRoom
from pagewave.config.settings import changed
from pagewave.errors import DataError
from pagewave.words.tree import Finding, Kind

BOOK = "Ohio/Elm/1850"


def room(root: Path) -> ReadingRoom:
    """A book of three pages, the last of which could not be read."""
    return ReadingRoom(root, {BOOK: [letter(), letter(), None]})


def test_what_is_worth_a_look_is_named_with_both_pages_the_worst_first(tmp_path: Path) -> None:
    made = room(tmp_path)
    made.make()
    assert "worth" not in made.value(f"{BOOK}/book.js")
    assert "worth" not in made.value("reading-room/shelf.js")["books"][0]
    first, second, third = (f"{BOOK.replace('/', ':')}:{number}" for number in (1, 2, 3))
    missing = {"kind": "missing leaf", "page": third, "other": second, "what": "9 follows 6"}
    over = {"page": first, "other": second, "text": "it is bought."}
    lost = Finding(kind=Kind.LEFT_OUT, text="a line of it")
    foreign = Finding(kind=Kind.PAST_THE_LEAF, text="more", other=first)
    doubts = {1: (0.01, []), 2: (0.02, [foreign]), 3: (0.3, [lost])}
    made.say(BOOK, [missing | {"secret": "/home/anna"}], [over], doubts)
    assert made.site().outdated()  # words are looked for now
    made.make()
    assert made.value(f"{BOOK}/book.js")["worth"] == {
        "findings": [["missing leaf", 3, 2, "9 follows 6"]],
        "pages": [
            [3, 0.3, [["left out", "a line of it", None]]],
            [2, 0.02, [["past the leaf", "more", 1]]],
        ],
        "runs_over": [[1, 2, "it is bought."]],
    }
    assert made.value("reading-room/shelf.js")["books"][0]["worth"] == 2
    # Trees that are left of an earlier configuration say nothing.
    made.settings = changed(made.settings, {"words.languages": []})
    made.make()
    assert set(made.value(f"{BOOK}/book.js")["worth"]) == {"findings", "runs_over"}


def test_the_shelf_carries_the_certificate_and_is_made_again_for_another(tmp_path: Path) -> None:
    made = room(tmp_path)
    site = made.make()
    assert "accuracy" not in made.value("reading-room/shelf.js")
    made.certify()
    assert site.outdated() == {site.shelf_file}
    site.write()
    told = made.value("reading-room/shelf.js")["accuracy"]
    [cer] = told["figures"]
    assert cer[:4] == ["CER", "0.65%", "0.40 to 0.90", 400] and cer[4].startswith("character error")
    assert (told["lines"], told["pages"], told["without"], told["changed"]) == (12345, 2, 1, 1)
    assert site.outdated() == set()
    site.write_book(BOOK)  # it stays, also while books are done
    assert made.value("reading-room/shelf.js")["accuracy"] == told
    made.certify(low=0.005)
    assert site.outdated() == {site.shelf_file}
    (made.settings.paths.audit_dir / "certificate.json").write_text("{")
    with pytest.raises(DataError, match="audit --certify"):
        site.write()
    (made.settings.paths.audit_dir / "certificate.json").unlink()
    site.write()
    assert "accuracy" not in made.value("reading-room/shelf.js")
