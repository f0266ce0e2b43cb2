"""The reading room in a real browser: from disk and from a server, by hand and by keyboard."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from helpers.axe import complaints
from helpers.browser import Page, browser
from helpers.embedded_process import wait_for
from helpers.letters import enclosure, letter
from helpers.reading_room import ReadingRoom
from pagewave.exports.site.words import fold, words_of
from pagewave.words.tree import Finding, Kind

EVIL = """<script>document.title='harm'</script><img src=x onerror="document.title='harm'">"""
SCHOOL = """Elm & "Oak" <img src=x onerror=alert(1)>"""
FEW = enclosure(what="A seal", pieces=None, sent=None, marks=[], givers=[])
"""An enclosure of which little is known: few columns, so that it stands in a table."""
BOOK = f"Ohio/{SCHOOL}/1850"
FIRST_PAGE_BYTES = 300_000


class Quiet(SimpleHTTPRequestHandler):
    """A web server that knows nothing but files."""

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> ReadingRoom:
    """Two books, one with all that may be odd on a page, and one that is not finished."""
    pages: list[dict[str, Any] | None] = [
        letter(words=f"Dear Bo,\nthe Geo-\nmetry of Legendre is a Gene\u017fis.\n{EVIL}"),
        letter(words="Corrected words", enclosures=[enclosure(), enclosure(what=EVIL)]),
        None,
        letter(words="", page_number=None),
        letter(words="Nothing but ﬁne naïve Æ\u017fop\nand geometrie", enclosures=[FEW, FEW]),
    ]
    made = ReadingRoom(
        tmp_path_factory.mktemp("room"),
        {BOOK: pages, "Ohio/Ash/1851": [letter(words="Latin")], "Maine/Fir/1852": None},
    )
    key = BOOK.replace("/", ":")
    swapped = {"kind": "swapped leaves", "page": f"{key}:2", "other": f"{key}:5", "what": EVIL}
    over = {"page": f"{key}:1", "other": f"{key}:2", "text": EVIL}
    lost = Finding(kind=Kind.LEFT_OUT, text=EVIL, other=f"{key}:1")
    made.say(BOOK, [swapped], [over], {1: (0.001, []), 4: (0.1, []), 5: (0.25, [lost])})
    made.certify()
    made.make()
    return made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Page]:
    """A browser for all tests."""
    with browser() as page:
        yield page


@pytest.fixture
def page(chromium: Page) -> Iterator[Page]:
    """It, with an empty page; in the end nothing was wrong in it, nor asked for elsewhere."""
    chromium.look()
    chromium.open("about:blank")
    chromium.errors.clear()
    chromium.requests.clear()
    yield chromium
    assert chromium.errors == []
    assert not [url for url in chromium.requests if not url.startswith(("file://", "data:"))]
    assert "harm" not in chromium.js("document.title")
    assert chromium.js("document.querySelectorAll('img[src=\"x\"]').length") == 0
    assert "[object" not in chromium.text("body")


def shelf(room: ReadingRoom, rest: str = "") -> str:
    """The shelf's address on disk."""
    return (room.folder / "index.html").as_uri() + rest


def book(room: ReadingRoom, rest: str = "") -> str:
    """A book's address on disk."""
    return (room.folder / BOOK / "index.html").as_uri() + rest


def shown(page: Page, number: int) -> None:
    """Wait until a page of a book is shown."""
    wait_for(lambda: page.js("document.body?.dataset.shown") == str(number))


def hits(page: Page) -> list[str]:
    """What was found on the shelf."""
    places = "[...document.querySelectorAll('#hits .place a')].map(each => each.innerText)"
    return list(page.js(places))


def look_for(page: Page, query: str) -> str:
    """Type into the search field; what the page says when it is done."""
    page.js("byId('found-title').textContent = ''")
    page.js(
        f"byId('query').value = {json.dumps(query)};"
        "byId('query').dispatchEvent(new Event('input', {bubbles: true}))"
    )
    wait_for(lambda: page.text("#found-title"))
    return page.text("#found-title")


def test_every_page_of_every_book_opens_from_disk_and_what_was_read_does_no_harm(
    page: Page, room: ReadingRoom
) -> None:
    page.open(shelf(room))
    wait_for(lambda: page.text("#summary"))
    assert page.text("#summary") == "3 books · 7 pages · 5 of them read"
    links = page.js("[...document.querySelectorAll('.book a')].map(a => a.href)")
    assert len(links) == 2 and "being read" in page.text(".unfinished")
    opened = 0
    for link in links:
        page.open(link)
        wait_for(lambda: page.js("document.body?.dataset.shown"))
        for number in page.js("numbers"):
            page.js(f"location.hash = '#page={number}'")
            shown(page, number)
            picture = "document.querySelector('#scan img')"
            wait_for(lambda: page.js(f"{picture}.complete && {picture}.naturalWidth > 0"))  # noqa: B023
            opened += 1
    assert opened == 6
    page.open(book(room, "#page=1"))
    shown(page, 1)
    assert EVIL in page.text("#text") and page.text("h1") == SCHOOL
    assert page.text("#where") == "Page 1 of 5 · printed xii"
    page.js("location.hash = '#page=2'")
    shown(page, 2)
    assert "Corrected. A person" in page.text("#notes") and "In doubt" in page.text("#notes")
    names = "[...document.querySelectorAll('.entries h4')].map(each => each.innerText)"
    assert page.js(names) == ["a key", EVIL]
    assert "Givers" in page.text(".entries") and "Bo" in page.text(".entries")  # a list in words
    page.js("byId('about').open = true")
    assert "gemini-x-001" in page.text("#facts") and "Elm" in page.text("#facts")
    page.js("location.hash = '#page=3'")
    shown(page, 3)
    assert "Not read. 3 failures" in page.text("#notes")
    page.js("location.hash = '#page=4'")
    shown(page, 4)
    assert page.text("#text") == "No words on this page."
    page.js("location.hash = '#page=5'")
    shown(page, 5)
    assert page.table("#lists") == [["A seal", "0.5", "yes"]] * 2


def test_the_search_finds_words_as_old_prints_have_them(page: Page, room: ReadingRoom) -> None:
    page.open(shelf(room))
    wait_for(lambda: page.text("#summary"))
    of_book = f"{SCHOOL}, 1850, page "
    assert look_for(page, "geometry") == "2 pages with “geometry”"  # across a line's end
    assert hits(page) == [f"{of_book}1", f"{of_book}5"]
    wait_for(lambda: "Geo-\nmetry" in page.js("document.querySelector('mark')?.textContent ?? ''"))
    for query, number in (("genesis", 1), ("GENE\u017fIS", 1), ("aesop", 5), ("naive fine", 5)):
        assert look_for(page, query) == f"1 page with “{query}”"
        assert hits(page) == [f"{of_book}{number}"]
    assert look_for(page, "legnedre") == "“legnedre” is nowhere; 1 page with words like it"
    assert look_for(page, "geom").startswith("2 pages")
    assert look_for(page, "latin legendre").startswith("No page has all of “latin legendre”; 2")
    assert look_for(page, "xyzzy") == "Nothing found for “xyzzy”"
    # A hit leads to its page, with its words marked; there the book alone is searched.
    look_for(page, "genesis")
    page.js("document.querySelector('#hits a').click()")
    wait_for(lambda: page.js("document.body?.dataset.shown") == "1")
    assert page.js("[...document.querySelectorAll('#text mark')].map(m => m.innerText)") == [
        "Gene\u017fis"
    ]
    assert page.text("#found") == "1 page with “genesis”"
    assert page.js("document.querySelectorAll('#pages li:not([hidden])').length") == 1
    page.js("byId('all').click()")
    wait_for(lambda: page.js("document.querySelectorAll('#pages li:not([hidden])').length") == 5)


def test_a_book_that_is_being_read_opens_as_far_as_it_is(page: Page, tmp_path: Path) -> None:
    made = ReadingRoom(tmp_path, {BOOK: [letter(words="Latin")], "Maine/Fir/1852": None})
    made.begin("Maine/Fir/1852", [letter(words="Geometry of firs"), None, None])
    made.make()
    for width, dark in ((1280, False), (390, True)):
        page.look(width=width, dark=dark)
        page.open(shelf(made))
        wait_for(lambda: page.text("#summary"))
        assert "1 of 3 pages so far" in page.text(".unfinished")
        assert complaints(page) == []
        assert look_for(page, "firs") == "1 page with “firs”"
        page.js("document.querySelector('#hits a').click()")
        wait_for(lambda: page.js("document.body?.dataset.shown") == "1")
        assert "Geometry of firs" in page.text("#text")
        page.js("location.hash = '#page=2'")
        shown(page, 2)
        assert "Not read yet." in page.text("#notes") and page.text("#text") == "No text."
        assert page.js("document.querySelectorAll('.dot.waiting').length") == 2
        assert complaints(page) == []


def test_a_deep_link_finds_its_page_and_its_words(page: Page, room: ReadingRoom) -> None:
    page.open(book(room, "#page=5&q=geometry"))
    shown(page, 5)
    wait_for(lambda: page.js("document.querySelectorAll('#text mark').length") == 1)
    assert page.js("byId('query').value") == "geometry"
    page.open(shelf(room, "#q=latin"))
    wait_for(lambda: hits(page) == ["Ash, 1851, page 1"])


def test_what_is_worth_a_look_leads_to_its_pages_by_keyboard(page: Page, room: ReadingRoom) -> None:
    page.open(shelf(room))
    wait_for(lambda: page.text("#summary"))
    assert "3 worth a look" in page.text(".badges")
    assert "0.65\u00a0% of characters wrong (95 % interval 0.40 to 0.90)" in page.text("#accurate")
    [cer] = page.table("#accuracy")
    assert cer[:4] == ["CER", "0.65%", "0.40 to 0.90", "400"]
    assert "1 page changed since. Of 1 page that was read" in page.text("#accuracy")
    assert complaints(page) == []
    page.open(book(room, "#page=1"))
    shown(page, 1)
    assert "Goes on on page 2" in page.text("#notes") and "Worth" not in page.text("#notes")
    for width, dark in ((390, True), (1280, False)):
        page.look(width=width, dark=dark)
        page.js("byId('worth-open').focus()")
        page.press("Enter")
        wait_for(lambda: page.js("byId('worth').open"))
        assert page.text("#worth h2") == "Worth a look" and EVIL in page.text("#worth-list")
        worst = page.js(
            "[...document.querySelectorAll('#worth section:nth-child(2) li')]"
            ".map(each => each.innerText.slice(0, 28))"
        )
        assert worst == ["Page 5. About 25 words in 10", "Page 4. About 10 words in 10"]
        assert complaints(page) == []
        page.press("Escape")
        wait_for(lambda: not page.js("byId('worth').open"))
    page.press("Enter")
    page.press("Tab", "Tab", "Enter")  # the second: to the page itself
    shown(page, 2)
    assert not page.js("byId('worth').open")
    assert "It and the next may have changed places" in page.text("#notes")
    page.js("[...document.querySelectorAll('#notes a')].at(0).click()")
    shown(page, 5)
    assert "It may lack a line" in page.text("#notes")


def test_without_words_and_certificate_there_is_nothing_of_it(
    page: Page, room: ReadingRoom
) -> None:
    page.open((room.folder / "Ohio/Ash/1851/index.html").as_uri())
    shown(page, 1)
    assert page.js("byId('worth-open').hidden && byId('notes').children.length === 1")


def test_it_folds_as_the_index_does(page: Page, room: ReadingRoom) -> None:
    page.open(shelf(room))
    texts = [
        "Gene\u017fis ﬁne ﬀ ﬅ Æ\u017fop Œuvre Straße naïve ŁÓDŹ Þorn co\u00adoperate",
        "Sophocles\u2019 text-book non\u2011stop, 1852-53; don't_stop ½ x² ΣΊΣΥΦΟΣ",
        "天地 ひらがな कहानी مدرسة ﻻ İstanbul \u0131",
    ]
    for text in texts:
        assert page.js(f"fold({json.dumps(text)})") == fold(text)
        assert page.js(f"wordsOf({json.dumps(text)})") == list(words_of(text))


def test_the_keyboard_alone_is_enough(page: Page, room: ReadingRoom) -> None:
    page.open(shelf(room))
    wait_for(lambda: page.text("#summary"))
    page.press("Tab")
    assert page.js("document.activeElement.className") == "skip"
    page.press("Tab", *"genesis", "Enter")
    wait_for(lambda: len(hits(page)) == 1)
    for _ in range(9):
        if page.js("document.activeElement.closest('#hits') !== null"):
            break
        page.press("Tab")
    # The search that typing began and Enter was quicker than: it does not take the focus away.
    page.js("search()")
    assert page.js("document.activeElement.closest('#hits') !== null")
    page.press("Enter")
    shown(page, 1)
    page.press("ArrowRight")
    shown(page, 2)
    page.press("ArrowRight")
    shown(page, 3)
    page.press("ArrowLeft")
    shown(page, 2)
    press = "new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true})"
    page.js(f"for (const _ of '12') document.body.dispatchEvent({press})")  # in one moment
    shown(page, 4)
    page.js("location.hash = '#page=2'")
    shown(page, 2)
    # Every control is reached, and shows that it is.
    reached = set()
    for _ in range(40):
        page.press("Tab")
        reached.add(page.js("document.activeElement.id || document.activeElement.tagName"))
        seen = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.js(f"document.activeElement === document.body || {seen} !== 'none'")
    assert {"query", "number", "previous", "next", "closer", "farther", "whole"} <= reached
    page.js("byId('closer').focus()")
    page.press("Enter")
    wait_for(lambda: page.js("byId('scan').classList.contains('covered')"))
    zoomed = "zoom.viewer.viewport.getZoom(false) / zoom.viewer.viewport.getHomeZoom()"
    assert page.js(zoomed) > 1.3
    page.js("zoom.viewer.canvas.focus()")
    before = page.js("zoom.viewer.viewport.getCenter(false).x")
    page.press("ArrowRight")
    wait_for(lambda: page.js("zoom.viewer.viewport.getCenter(false).x") != before)
    assert page.js("document.body?.dataset.shown") == "2"  # it moves the scan, not the page
    page.press("Escape")
    wait_for(lambda: page.js("byId('viewer').hidden"))


@pytest.mark.parametrize(
    ("width", "dark"), [(390, False), (390, True), (1280, True), (1600, False)]
)
def test_a_checker_of_accessibility_finds_nothing(
    page: Page, room: ReadingRoom, width: int, dark: bool
) -> None:
    page.look(width=width, dark=dark)
    page.open(shelf(room))
    wait_for(lambda: page.text("#summary"))
    assert complaints(page) == []
    look_for(page, "geometry")
    assert complaints(page) == []
    for number in (2, 3, 5):
        page.open("about:blank")
        page.open(book(room, f"#page={number}&q=key"))
        shown(page, number)
        page.js("byId('about').open = true")
        assert complaints(page) == []
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.js(wide) == 0
    page.js("byId('closer').click()")
    wait_for(lambda: page.js("byId('scan').classList.contains('covered')"))
    assert complaints(page) == []


def test_a_server_gives_little_for_the_first_page_and_only_what_is_there(
    chromium: Page, room: ReadingRoom
) -> None:
    serve = partial(Quiet, directory=str(room.folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}/"
        chromium.look()
        chromium.errors.clear()
        chromium.requests.clear()
        sizes = "performance.getEntries().reduce((sum, e) => sum + (e.encodedBodySize ?? 0), 0)"
        chromium.open(here)
        wait_for(lambda: chromium.text("#summary"))
        assert 10_000 < chromium.js(sizes) < FIRST_PAGE_BYTES
        chromium.js("document.querySelector('.book a').click()")
        wait_for(lambda: chromium.js("document.body?.dataset.shown"))
        assert chromium.js(sizes) < FIRST_PAGE_BYTES
        assert all(url.startswith(here) for url in chromium.requests)
        assert chromium.errors == []
        chromium.open("about:blank")
        server.shutdown()
