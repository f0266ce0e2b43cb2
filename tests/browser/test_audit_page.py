"""The audit's lines in a real browser, by keyboard alone: what was typed is there after a kill."""

from pathlib import Path

import pytest

from helpers.audited import AuditedLibrary
from helpers.axe import complaints
from helpers.browser import Page, browser
from helpers.command_calls import printed, said
from helpers.embedded_process import wait_for
from helpers.monitor_process import AuditProcess
from pagewave.words.audit.answers import Typed, typed

LINES = 12
TYPED = "document.activeElement.id === 'printed' ? document.activeElement.value : null"


def shows(page: Page, selector: str, text: str) -> None:
    """Wait until a text is to be read there."""
    wait_for(lambda: text in page.text(selector))


@pytest.mark.slow
def test_lines_are_judged_by_keyboard_alone_and_nothing_is_lost(tmp_path: Path) -> None:
    library = AuditedLibrary(tmp_path, {"Ohio/Elm/1850": 4})
    printed(library, "audit", "--lines", str(LINES))
    csv = tmp_path / "audit/lines.csv"
    names = list(typed(csv))

    def row(number: int) -> Typed:
        return typed(csv)[names[number]]

    with browser() as page:
        with AuditProcess(tmp_path, "--name", "Ann") as audit:
            port = audit.base.rpartition(":")[2]
            page.open(audit.url)
            shows(page, "#where", f"Line 1 of {LINES}")
            wait_for(lambda: page.js("byId('picture').naturalWidth > 0"))
            page.press("r")
            shows(page, "#where", "Line 2")
            assert row(0) == Typed("right")
            page.press("m")
            shows(page, "#where", "Line 3")
            page.press("l", *"above", "Enter", "x")
            shows(page, "#where", "Line 4")
            assert row(1) == Typed("made up") and row(2) == Typed("unreadable", "", "above")
            page.press("Enter")
            page.js("document.activeElement.select()")
            page.press(*"printed so", "Enter")
            shows(page, "#where", "Line 5")
            assert row(3) == Typed("wrong", "printed so")
            page.press("u")  # and said in another way
            shows(page, "#where", "Line 4")
            assert row(3) == Typed()
            page.press("r")
            shows(page, "#where", "Line 5")
            page.press("ArrowLeft")
            shows(page, "#said", "Judged: right")
            look(page)
            page.press("Enter")
            page.js("document.activeElement.select()")
            page.press(*"half a li")
            page.open("about:blank")  # the tab is closed
            page.open(audit.base)
            shows(page, "#where", "Line 5")
            page.press("ArrowLeft")
            shows(page, "#problem", "You typed “half a li”, which is not saved")
            page.press("Enter")
            assert page.js(TYPED) == "half a li"
            page.press("Escape", "ArrowRight")
            shows(page, "#where", "Line 5")
            audit.save(
                {"id": "another-browser", "key": names[4], "base": ["", "", ""], "do": "answer"}
                | {"verdict": "made up"}
            )
            page.press("Enter", *"x", "Enter")
            shows(
                page, "#problem", "Ann said of this line meanwhile: made up. What you typed is kept"
            )
            page.press("ArrowRight")
            shows(page, "#where", "Line 6")
            audit.process.kill()
            audit.process.wait()
            page.press("r")
            shows(page, "#saved", "is kept in this browser")
            shows(page, "#where", "Line 6")  # it is on no disk of the server's yet
            page.open("about:blank")
        assert row(5) == Typed()
        with AuditProcess(tmp_path, "--name", "Ann", "--port", port) as audit:
            page.open(audit.url)
            for number in range(7, LINES + 1):
                shows(page, "#where", f"Line {number}")
                assert row(number - 2) != Typed()
                page.press("r")
            shows(page, "#where", f"All {LINES} lines are judged")
            assert page.text("#command").endswith("audit --certify")
            [cer, *_] = page.table("#figures")
            look(page)
            page.press("u")
            shows(page, "#where", f"Line {LINES} of")
            page.press("r")
            shows(page, "#where", "All")
        # Of the server that was killed, perhaps in the middle of a picture; and what was meant.
        known = ("net::ERR_", "409 (Conflict)")
        assert [e for e in page.errors if not any(each in e for each in known)] == []
    made = said(library, "audit", "--certify")["figures"]["cer"]
    assert cer[1] == f"{made['value']:.2%}"


def look(page: Page) -> None:
    """Nothing is wider than the window, and a checker of accessibility finds nothing."""
    for width, dark in ((1280, False), (390, True)):
        page.look(dark=dark, width=width)
        assert page.js("document.documentElement.scrollWidth") <= width
        assert complaints(page) == [], (width, dark)
    page.look()
