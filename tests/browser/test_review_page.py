"""Review in a real browser, by keyboard alone: what was typed is there after a kill."""

from pathlib import Path

import pytest

from helpers.axe import complaints
from helpers.browser import Page, browser
from helpers.embedded_process import wait_for
from helpers.hand_edits import correction, on_file
from helpers.library import Library
from helpers.monitor_process import ReviewProcess
from helpers.reviewed import FIRST, SECOND, elm

CHOSEN = "document.querySelector('.word.chosen')?.firstChild.data ?? ''"
INPUT = "document.activeElement.id === 'now' ? document.activeElement.value : null"


def shows(page: Page, selector: str, text: str) -> None:
    """Wait until a text is to be read there."""
    wait_for(lambda: text in page.text(selector))


def looks_at(page: Page, word: str) -> None:
    """Wait until this word is the one that is looked at."""
    wait_for(lambda: page.js(CHOSEN) == word)


def type_over(page: Page, word: str) -> None:
    """Type another word for the one that is looked at."""
    page.press("Enter", *word)
    assert page.js(INPUT) == word


@pytest.mark.slow
def test_the_worst_word_is_corrected_by_keyboard_and_survives_the_server(tmp_path: Path) -> None:
    library = elm(tmp_path)
    tree = (tmp_path / "results/words/Ohio/Elm/1850/2.json").read_bytes()
    with browser() as page:
        with ReviewProcess(tmp_path, "--name", "Ann") as review:
            port = review.base.rpartition(":")[2]
            page.open(review.url)
            shows(page, "#pile-note", "3 places to look at on 2 of 2 pages")
            assert page.js("location.href") == f"{review.base}/"
            page.press("Enter")  # on the first page of the pile
            shows(page, "#where", "Page 2")
            looks_at(page, "Mathematcs")
            assert "The engine read “Mathematics”" in page.text("#what")
            assert page.js("document.querySelector('rect.chosen') !== null")
            type_over(page, "Mathematics")
            page.press("Enter")
            looks_at(page, "Grarnmar")
            shows(page, "#saved", "all saved")
            assert (
                "Mathematics and" in on_file(library, SECOND)["raw_ocr"]["text_blocks"][0]["text"]
            )
            assert correction(library, SECOND)["corrected_by"] == "Ann"
            review.process.kill()
            review.process.wait()
            type_over(page, "Grammar")
            page.press("Enter")
            shows(page, "#saved", "is kept in this browser")
            assert "Grarnmar" in str(on_file(library, SECOND))
            page.open("about:blank")  # the tab is closed
        with ReviewProcess(tmp_path, "--name", "Ann", "--port", port) as review:
            page.open(review.url)
            shows(page, "#saved", "all saved")
            wait_for(lambda: "Greek Grammar and" in str(on_file(library, SECOND)))
            page.open(f"{review.base}/#page={SECOND}")
            shows(page, "#where", "0 in doubt")
            corrected = (
                "[...document.querySelectorAll('.word.corrected')].map(w => w.firstChild.data)"
            )
            assert page.js(corrected) == ["Mathematics", "Grammar"]
            assert (tmp_path / "results/words/Ohio/Elm/1850/2.json").read_bytes() == tree
            go_on(page, review, library)
        # Of the server that was killed, perhaps in the middle of a picture; and what was meant.
        known = ("net::ERR_", "409 (Conflict)")
        assert [e for e in page.errors if not any(each in e for each in known)] == []


def go_on(page: Page, review: ReviewProcess, library: Library) -> None:
    """To the next page: a draft outlives its tab, a word is confirmed and that undone; another
    browser is quicker; fields."""
    page.press("]")
    shows(page, "#where", "Page 1")
    looks_at(page, "Juue")
    type_over(page, "Jun")
    page.open("about:blank")
    page.open(f"{review.base}/#page={FIRST}")
    wait_for(lambda: page.js(INPUT) == "Jun")
    assert "You typed “Jun”, which is not saved" in page.text("#problem")
    page.press("Escape")
    looks_at(page, "Juue")
    page.press("c")
    shows(page, "#where", "0 in doubt")
    page.press("u")
    shows(page, "#where", "1 in doubt")
    type_over(page, "June")
    other = review.ask("/page", key=FIRST)
    number = next(w["n"] for line in other["lines"] for w in line["words"] if w["text"] == "Juue")
    wish = {"id": "another-browser", "key": FIRST, "base": other["base"], "do": "word"}
    review.save(wish | {"number": number, "was": "Juue", "now": "Junc"})
    page.press("Enter")
    shows(page, "#problem", "Ann made “Junc” of “Juue”")
    assert page.js(INPUT) == "June"
    assert "Junc" in str(on_file(library, FIRST))
    page.press("Enter")
    wait_for(lambda: "June" in str(on_file(library, FIRST)))
    shows(page, "#saved", "all saved")
    page.press("u")
    wait_for(lambda: "Junc" in str(on_file(library, FIRST)))
    page.press("u")
    shows(page, "#where", "1 in doubt")
    light = "[...document.querySelectorAll('.word.lit, rect.lit')].length"
    point = "dispatchEvent(new PointerEvent('pointerenter'))"
    page.js(f"document.querySelector('rect.doubt').{point}")
    assert page.js(light) == 2  # in the text and on the scan
    page.press("f")
    shows(page, "#what", "(page_info.is_complete_page)")
    for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
        page.look(dark=dark, width=width)
        assert page.js("document.documentElement.scrollWidth") <= width
        assert complaints(page) == [], (width, dark)
    page.look()
    page.js("location.hash = ''")
    shows(page, "#pile-note", "1 places to look at on 1 of 2 pages")
    assert complaints(page) == []
