"""The reading room's files: what they say and what they keep to themselves, made once and whole."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from helpers.letters import SECRETS, enclosure, letter
from helpers.reading_room import ReadingRoom, draw_scan, is_whole
from pagewave import crash_points as crash
from pagewave.config.settings import changed
from pagewave.errors import PagewaveError
from pagewave.exports.site import made as site_made
from pagewave.exports.site import shelf as shelf_module
from pagewave.exports.site.words import book_index, fold, joint_index, ranges, words_of
from pagewave.pages.dataset import Dataset

BOOK, OTHER = "Ohio/Elm/1850", "Ohio/Oak/1851"


def room(root: Path) -> ReadingRoom:
    """Two books: one with a dead letter and a correction, one that is not put together yet."""
    pages = [letter(words="Dear Bo,\nthe Geo-\nmetry is bought."), letter(page_number=None), None]
    pages[0]["enclosures"] = [enclosure(), enclosure(what="a <b>seal</b>")]
    return ReadingRoom(root, {BOOK: pages, OTHER: None})


# Words


def test_words_are_folded_as_old_prints_need_it() -> None:
    assert fold("Gene\u017fis ﬁne Æ\u017fop Œuvre Straße naïve ŁÓDŹ co\u00adoperate") == (
        "genesis fine aesop oeuvre strasse naive lodz cooperate"
    )
    assert list(words_of("Sophocles\u2019 text-book, 1852-53; don't_stop")) == [
        *("sophocles", "text", "book", "textbook", "1852", "53", "185253", "dont", "stop"),
    ]
    assert list(words_of("天地 x")) == ["天", "地", "x"]


def test_the_joint_index_says_of_each_word_which_pages_have_it() -> None:
    books = [["one two", "", "two two three"], ["three"], [" ".join(f"w{n}" for n in range(900))]]
    found: dict[str, list[tuple[int, int, int]]] = {}
    shards = list(joint_index(book_index(pages) for pages in books))
    for words, text in shards:
        lines = text.split("\n")
        for book, of_book, pages in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
            for word_place, places in zip(of_book.split(" "), pages.split(" "), strict=True):
                word, at = words[int(word_place)], 0
                for place in places.split(","):
                    distance, _, times = place.partition("*")
                    at += int(distance, 36)
                    found.setdefault(word, []).append((int(book), at, int(times or 1)))
    assert {word: found[word] for word in ("one", "two", "three")} == {
        "one": [(0, 0, 1)],
        "two": [(0, 0, 1), (0, 2, 2)],
        "three": [(0, 2, 1), (1, 0, 1)],
    }
    assert len(found) == 903 and len(shards) > 3
    # A word that is new touches the piece that it is in, and no other.
    books[1] = ["three w4500"]
    again = list(joint_index(book_index(pages) for pages in books))
    assert len([shard for shard in again if shard not in shards]) == 1
    # Words that are on very many pages come in smaller pieces.
    many = ["a" * 30 + " b" * 5] * 20_000
    sizes = [len(text) for _, text in joint_index(book_index(many) for _ in range(5))]
    assert len(sizes) == 2 and list(joint_index([book_index([""])])) == []


def test_ranges_of_page_numbers() -> None:
    assert ranges([1, 2, 3, 7, 9, 10]) == "1-3,7,9-10"


# What is told


def test_any_page_model_has_its_lists_and_fields_and_no_text_twice(tmp_path: Path) -> None:
    made = room(tmp_path)
    made.make()
    book = made.value(f"{BOOK}/book.js")
    assert [table["name"] for table in book["tables"]] == ["pages", "enclosures"]
    assert [(page["n"], page.get("label")) for page in book["pages"]] == [
        *((1, "xii"), (2, None), (3, None)),
    ]
    page = made.value(f"{BOOK}/pages/1.js")
    columns = [column["name"] for column in book["tables"][0]["columns"]]
    fields = dict(zip(columns, page["fields"], strict=True))
    assert fields["sender_name"] == "Ann" and fields["place"] == "Elm" and fields["words"] is None
    assert "that that" in book["tables"][0]["columns"][columns.index("date")]["meaning"]
    assert page["text"].startswith("Dear Bo,\nthe Geo-\n")
    columns = [column["name"] for column in book["tables"][1]["columns"]]
    rows = [dict(zip(columns, row, strict=True)) for row in page["lists"][0]]
    assert [row["what"] for row in rows] == ["a key", "a <b>seal</b>"]
    assert b"<b>" not in (made.folder / BOOK / "pages/1.js").read_bytes()
    index = made.value(f"{BOOK}/search.js")["words"].split(" ")
    assert {"geometry", "seal", "elm", "ann"} <= set(index) and "geo" not in index


def test_flags_corrections_and_missing_pages_are_marked(tmp_path: Path) -> None:
    made = room(tmp_path)
    made.make()
    _, second, third = made.value(f"{BOOK}/book.js")["pages"]
    assert second["corrected"] and second["flags"] == 1 and third["missing"]
    assert made.value(f"{BOOK}/pages/2.js")["flags"] == [["Echo", "Echo"]]
    assert made.value(f"{BOOK}/pages/3.js")["missing"] == "3 failures, the last one APIError"
    elm, oak = made.value("reading-room/shelf.js")["books"]
    assert (elm["pages"], elm["read"], elm["flagged"], elm["corrected"]) == (3, 2, 2, 1)
    assert elm["finished"] and not oak["finished"] and oak["read"] == 0
    made.begin(OTHER, [letter()])
    made.site().write_book(BOOK)
    oak = made.value("reading-room/shelf.js")["books"][1]
    assert oak["read"] == 1 and not oak["opens"]


def test_a_book_that_is_done_changes_its_own_line_of_the_shelf(tmp_path: Path) -> None:
    made = ReadingRoom(tmp_path, {BOOK: [letter()], OTHER: [letter()], "Ohio/Ash/1852": None})
    made.make()
    record = Path(made.site().book_file(OTHER))
    record.write_text("what only the rule of the shelf reads")
    made.put(BOOK, [letter(words="else")])
    made.site().write_book(BOOK)
    told = made.value("reading-room/shelf.js")
    assert [book["finished"] for book in told["books"]] == [True, True, False]
    assert not told["whole"] and told["search"]
    # It is looked up anew where it is of other books.
    made.dataset = Dataset(made.dataset.books[:2])
    made.site().write_book(BOOK)
    finished = [book["finished"] for book in made.value("reading-room/shelf.js")["books"]]
    assert finished == [True, False]


# Books that are not finished


def test_an_unfinished_book_opens_with_what_is_read_and_says_what_is_not(tmp_path: Path) -> None:
    made = ReadingRoom(tmp_path, {BOOK: [letter()], OTHER: None})
    made.begin(OTHER, [None] * 3)
    made.make()
    assert not made.value("reading-room/shelf.js")["books"][1]["opens"]
    made.begin(OTHER, [letter(words="Oakwood", page_number="v"), {"no": "letter"}, None])
    made.site().write_so_far()
    first, second, third = made.value(f"{OTHER}/book.js")["pages"]
    assert first["label"] == "v" and first["image"] and first["hash"]
    assert second["missing"] and third == {"n": 3, "waiting": True}
    assert made.value(f"{OTHER}/pages/1.js")["text"] == "Oakwood"
    assert made.value(f"{OTHER}/pages/2.js")["missing"] == "its file can't be read"
    known = made.value("reading-room/shelf.js")
    oak_on_shelf = known["books"][1]
    assert (oak_on_shelf["opens"], oak_on_shelf["finished"], oak_on_shelf["read"]) == (
        True,
        False,
        2,
    )
    assert known["whole"] and "oakwood" in " ".join(
        words for _, words in made.value("reading-room/search.js")["shards"]
    ).split(" ")
    # No file of a rule is there that its own job did not write.
    assert not Path(made.site().book_file(OTHER)).exists()
    # The next time only what came since is written; a book that stands still not at all.
    before = made.files()
    made.site().write_so_far()
    assert {name for name, at in made.files().items() if before.get(name) != at} == set()
    made.begin(OTHER, [letter(words="Oakwood", page_number="v"), {"no": "letter"}, letter()])
    made.site().write_so_far()
    written = {name for name, at in made.files().items() if before.get(name) != at}
    assert f"{OTHER}/pages/3.js" in written and f"{OTHER}/pages/1.js" not in written
    assert not [name for name in written if "images" in name]  # the scan is that of page 1
    # It is finished: the same pictures, and its record in place of the one so far.
    made.put(OTHER, [letter(words="Oakwood"), letter(), None])
    made.make()
    assert not (made.folder / OTHER / ".so-far.json").exists()
    assert made.value("reading-room/shelf.js")["books"][1]["finished"]
    assert made.value(f"{OTHER}/pages/3.js")["missing"]
    # Read again, it stays as it was until it is finished again.
    (made.settings.paths.books_dir / OTHER / "book.json").unlink()
    before = made.files()
    made.site().write_so_far()
    assert not [n for n, at in made.files().items() if OTHER in n and before.get(n) != at]


def test_only_what_may_be_told_is_told(tmp_path: Path) -> None:
    made = room(tmp_path)
    made.make()

    def everything() -> str:
        files = [
            file for file in made.folder.rglob("*") if file.suffix in (".js", ".html", ".json")
        ]
        assert len(files) > 9
        ours = [file for file in files if file.name != "openseadragon.min.js"]
        return "\n".join(file.read_text(encoding="utf-8") for file in ours)

    told = everything()
    for secret in [*map(str, SECRETS.values()), "anna", "secret", "f00d", str(tmp_path)]:
        assert secret not in told
    about = made.value(f"{BOOK}/pages/1.js")["about"]
    assert about[:2] == [["Model asked", "gemini-x"], ["Model that answered", "gemini-x-001"]]
    assert about[2] == ["Prompt", "letters v1"]
    assert "Price in USD" not in dict(about)
    made.settings = changed(made.settings, {"citation.costs": True})
    assert made.site().outdated() == {made.site().book_file(BOOK), made.site().shelf_file}
    made.make()
    assert ["Price in USD", "0.123"] in made.value(f"{BOOK}/pages/1.js")["about"]


# Made once, whole or not at all


def test_one_page_changed_writes_that_page_and_no_picture(tmp_path: Path) -> None:
    made = room(tmp_path)
    made.make()
    before = made.files()
    made.put(BOOK, [letter(words="Other words"), letter(page_number=None), None])
    made.make()
    after = made.files()
    written = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert f"{BOOK}/pages/1.js" in written and f"{BOOK}/index.html" in written
    assert not [name for name in written if "images" in name or "pages/2" in name]
    assert not [name for name in after if name.endswith(".partial")]


def test_a_picture_is_made_once_and_anew_for_another_scan(tmp_path: Path) -> None:
    made = room(tmp_path)
    made.make()
    pictures = {name: at for name, at in made.files().items() if "images" in name}
    assert len(pictures) == 6
    (page,) = [page for page in made.dataset.pages if page.key == "Ohio:Elm:1850:1"]
    os.utime(page.scan)  # copied anew, the same
    made.make()
    assert {name: at for name, at in made.files().items() if "images" in name} == pictures
    draw_scan(page.scan, "another leaf")
    made.make()
    now = {name: at for name, at in made.files().items() if "images" in name}
    assert len(now) == 6 and len(now.keys() - pictures.keys()) == 2
    assert all(now[name] == pictures[name] for name in now.keys() & pictures.keys())
    # The same scan twice is one picture.
    other = made.scan("Ohio:Elm:1850:2")
    other.write_bytes(page.scan.read_bytes())
    made.make()
    assert len([name for name in made.files() if "images" in name]) == 4


def test_a_scan_that_is_broken_or_gone_leaves_its_page_without_a_picture(tmp_path: Path) -> None:
    made = room(tmp_path)
    made.scan("Ohio:Elm:1850:1").write_bytes(b"no image")
    made.scan("Ohio:Elm:1850:2").unlink()
    made.make()
    pages = made.value(f"{BOOK}/book.js")["pages"]
    assert ["image" in page for page in pages] == [False, False, True]
    assert made.value(f"{BOOK}/pages/1.js")["text"]
    assert is_whole(made, BOOK)


def test_a_kill_at_any_file_leaves_whole_books_and_the_same_command_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = room(tmp_path)
    made.make()
    made.put(BOOK, [letter(words="New words here"), letter(place="Rome"), None])
    draw_scan(made.scan("Ohio:Elm:1850:1"), "another leaf")

    class Killed(BaseException):
        pass

    def die() -> NoReturn:
        raise Killed

    monkeypatch.setattr(crash, "die", die)  # else it ends this process

    def kill_all_the_way(make: Callable[[], object]) -> int:
        """How often it was killed: each time one file further."""
        for kills in range(99):
            crash.arm(f"file-half-written:{kills + 1}")
            try:
                make()
            except Killed:
                assert is_whole(made, BOOK)
                assert is_whole(made, OTHER) or not (made.folder / OTHER / "index.html").exists()
                continue
            crash.arm(None)
            return kills
        raise AssertionError("it never ends")

    made.begin(OTHER, [letter(words="Oakwood")])
    assert kill_all_the_way(lambda: made.site().write_so_far()) > 4
    wanted = {name for name in made.files() if ".partial" not in name}
    assert is_whole(made, OTHER)
    kills = kill_all_the_way(made.make)
    made.make()
    assert kills > 4 and "new" in made.value(f"{BOOK}/search.js")["words"].split(" ")
    names = {name for name in made.files() if "/images/" not in name and "/search/" not in name}
    assert names == {n for n in wanted if "/images/" not in n and "/search/" not in n}


def test_a_full_disk_is_told_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = room(tmp_path)
    made.make()
    earlier = made.value(f"{BOOK}/pages/1.js")
    made.put(BOOK, [letter(words="New words"), letter(), None])
    draw_scan(made.scan("Ohio:Elm:1850:1"), "another leaf")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:  # a real small disk would need to be mounted
        patched.setattr(os, "fsync", full)
        with pytest.raises(PagewaveError, match="Check the disk's space"):
            made.make()
    assert made.value(f"{BOOK}/pages/1.js") == earlier and is_whole(made, BOOK)
    made.make()
    assert made.value(f"{BOOK}/pages/1.js")["text"] == "New words"


def test_it_is_made_anew_when_it_would_be_another(tmp_path: Path) -> None:
    made = room(tmp_path)
    made.make()
    assert made.site().outdated() == set()
    names = {str(Path(file).relative_to(made.folder)) for file in made.site(title="X").outdated()}
    assert names == {f"{BOOK}/.pagewave.json", "reading-room/.pagewave.json"}
    assert made.site(enabled=False).outdated() == set() and not made.site(enabled=False).is_due
    assert not made.site(title="X").is_due or made.site(title="X").outdated()
    # What a reader opens is gone: its record says no more that it is there.
    (made.folder / "index.html").unlink()
    assert made.site().outdated() == {made.site().shelf_file}
    (made.folder / BOOK / "index.html").unlink()
    assert made.site().outdated() == {made.site().shelf_file, made.site().book_file(BOOK)}


def test_pages_keep_the_scripts_they_were_made_with_until_all_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = room(tmp_path)
    made.make()
    loads = re.compile(rb"reading-room/(assets-[0-9a-f]+)/")
    [earlier] = set(loads.findall((made.folder / BOOK / "index.html").read_bytes()))
    # Another version of them; there is but one here.
    monkeypatch.setattr(site_made, "assets_folder", lambda: "assets-0123")
    monkeypatch.setattr(shelf_module, "assets_folder", lambda: "assets-0123")
    made.site().write_so_far()
    assert b"assets-0123" in (made.folder / "index.html").read_bytes()
    assert (made.folder / "reading-room" / earlier.decode() / "room.js").exists()
    made.make()
    assert set(loads.findall((made.folder / BOOK / "index.html").read_bytes())) == {b"assets-0123"}
    folders = {path.name for path in (made.folder / "reading-room").glob("assets-*")}
    assert folders == {"assets-0123"}


def test_books_that_are_no_more_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = room(tmp_path)
    made.make()
    (made.folder / "Ohio/Elm").rename(made.folder / "Ohio/Ash")
    made.site().write()
    assert "1 book of an earlier configuration" in caplog.text and "Ohio/Ash/1850" in caplog.text


def test_above_a_size_none_is_made_and_it_is_said(tmp_path: Path) -> None:
    made = room(tmp_path)
    assert made.site().files() and made.site().notices == []
    large = made.site(max_gigabytes=0.0001)
    assert large.files() == [] and not large.is_made
    assert "site.max_gigabytes is 0.0001" in large.notices[0] and "about 1 MB" in large.notices[0]
    assert made.site(enabled=False).notices == made.site(enabled=False).files() == []


def test_all_that_is_shipped_is_named_with_its_licence() -> None:
    root = Path(__file__).parents[2]
    exports = root / "scripts/pagewave/exports"
    assets = exports / "site/assets"
    told = (root / "THIRD_PARTY.md").read_text(encoding="utf-8")
    for file in [*assets.iterdir(), *(exports / "page_view/assets").iterdir()]:
        is_ours = file.suffix in (".css", ".svg", ".txt") or not re.search(
            r"[.]min|woff", file.name
        )
        assert is_ours or f"`{file.name}`" in told, file.name
    first = (assets / "openseadragon.min.js").read_text(encoding="utf-8").splitlines()[0]
    assert first.split()[-1] in told
