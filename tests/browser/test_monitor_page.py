"""The monitor in a real browser: a run is followed to its end, and no name or text does harm."""

import signal
import threading
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from helpers.axe import complaints
from helpers.browser import Page, browser
from helpers.command_calls import said
from helpers.embedded_process import wait_for
from helpers.library import Library
from helpers.monitor_process import MonitorProcess
from pagewave.ledger import FailureRow, Ledger
from pagewave.plan.schedule import plan

EVIL = """<img src=x onerror="document.title='harm'"><script src=x>"""
BOOKS = {f"Ohio/{EVIL}/1852": 3, "Vermont/Linden/1866": 2}
FIRST, DEAD = f"Ohio:{EVIL}:1852:1", f"Ohio:{EVIL}:1852:2"
TWO_PRESSES = """for (const _ of "12") document.body.dispatchEvent(
    new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true, cancelable: true}))"""
"""Faster than the browser says that the address has changed."""
HELD = "batch-hold:match=wave2-,times=1,seconds=600"


def cells(page: Page) -> dict[str, int]:
    """How many pages stand how, by the cells of all books."""
    kinds = "[...document.querySelectorAll('.cell')].map(cell => cell.className.slice(5))"
    return Counter(page.js(kinds))


def go(page: Page, part: str) -> None:
    """Show a part of the monitor."""
    page.js(f"location.hash = {part!r}")


def rectangles(page: Page, kind: str) -> int:
    """How many bars of a kind the timeline has."""
    return int(page.js(f"document.querySelectorAll('#timeline rect.{kind}').length"))


def shows(page: Page, selector: str, text: str) -> None:
    """Wait until a text is to be read there."""
    wait_for(lambda: text in page.text(selector))


def assert_harmless(page: Page) -> None:
    """What names and answers say is text and nothing else, and the console is silent."""
    assert page.js("document.querySelectorAll('img[src=\"x\"], main script').length") == 0
    assert "harm" not in page.js("document.title")
    assert page.errors == []


@pytest.mark.slow
def test_a_run_is_followed_and_nothing_it_shows_does_harm(tmp_path: Path) -> None:
    faults = [f"max-tokens:match={DEAD[:4]}.*:2$", HELD]
    execution = {"max_retries": 2}
    with (
        Library(tmp_path, BOOKS, embedded={"faults": faults}, execution=execution) as library,
        MonitorProcess(tmp_path) as monitor,
        browser() as page,
    ):
        page.open(monitor.url)
        shows(page, "#no-run", "No run yet")
        assert page.js("location.href") == f"{monitor.base}/"
        assert monitor.token not in page.js("document.documentElement.outerHTML")

        head = library.start()
        head.wait_for_create(library, 2)
        shows(page, "#pages-done", "2 of 5 pages")
        wait_for(lambda: cells(page) == {"done": 2, "in-flight": 2, "waiting": 1})
        assert f"going on (process {head.process.pid})" in page.text("#headline")
        assert page.text("#connection") == "live"
        assert "about" in page.text("#figures")
        assert page.js("document.getElementById('needs').hidden")
        assert page.text("#failure-count") == ""
        page.js("document.querySelector('#run-link').click()")
        page.js("document.querySelectorAll('#run details').forEach(fold => { fold.open = true; })")
        wait_for(lambda: rectangles(page, "open") == 1)
        shows(page, "#open-batches", "RUNNING")
        ((batch, state, _, records, _),) = page.table("#open-batches")
        assert (batch, state, records) == ("lane 1, wave 2", "RUNNING", "2")
        assert "4 sent, 2 answered" in page.text("#numbers")
        age = page.table("#open-batches")[0][2]
        wait_for(lambda: page.table("#open-batches")[0][2] != age)
        page.js("document.querySelector('#open-batches a').click()")
        name = library.events("create")[-1]["batch"]
        shows(page, "#batch-facts", name)
        assert [row[2] for row in page.table("#batch-records")] == ["in flight"] * 2
        go(page, "books")
        assert_harmless(page)

        head.kill()
        shows(page, "#headline", "broken off: run the same command again")
        shows(page, "#needs", "The run broke off. The same command goes on where it stood:")
        assert "snakemake" in page.text("#needs code")

        library.configure(embedded={"faults": faults[:1]})
        said(library, "batches.py", "--cancel", "all")
        library.run(code=1)
        shows(page, "#headline", "failed")
        follow_to_the_end(page, library)
        show_earlier_runs(page, library)
        show_failures(page, library)
        show_page(page)
        assert_usable(page)
        refuse_others(page, monitor, tmp_path / "output")
        assert_harmless(page)

        page.errors.clear()
        monitor.process.send_signal(signal.SIGTERM)
        shows(page, "#connection", "no connection")


def test_ten_thousand_pages_in_three_hundred_books_are_rows_of_cells(tmp_path: Path) -> None:
    """Those of rows that are in sight are made, the others as one scrolls there."""
    library = Library(tmp_path, {"Ohio/School 000/1850": 1})
    books = [f"Ohio:School {number:03}:{1850 + number % 20}" for number in range(300)]
    chains = [[f"{book}:{page}" for page in range(1, 35)] for book in books]
    ledger = Ledger.open(library.state / "ledger.sqlite")
    ledger.runs.start("r1", "embedded", "m", plan(chains, 300), [])
    failures = [FailureRow(chains[299][9], 1, True, "Truncated", "too long")] * 3
    ledger.failures.add("embedded", failures)
    ledger.close()
    with MonitorProcess(tmp_path) as monitor, browser() as page:
        for width, dark in ((1280, False), (390, True)):
            page.look(dark=dark, width=width)
            page.open(monitor.url)
            shows(page, "#pages-done", "0 of 10,200 pages")
            assert page.js("document.querySelectorAll('.book').length") == 300
            assert page.text("#shelf .book .name a") == "School 299"
            assert (
                page.js("document.querySelector('.book .failed.cell').title") == "Page 10: failed"
            )
            assert sum(cells(page).values()) < 3000
            page.js("document.querySelector('.book:last-child').scrollIntoView()")
            wait_for(lambda: page.js("document.querySelector('.book:last-child .cell')?.title"))
            assert page.js("document.documentElement.scrollWidth") <= width
            assert complaints(page) == []
        page.js("document.querySelector('#shows button:nth-child(2)').click()")
        wait_for(lambda: page.js("document.querySelectorAll('.book:not([hidden])').length") == 1)
        page.js("document.querySelector('.book .cell.failed').click()")
        shows(page, "#where", "Page 10 of 34")
        assert_harmless(page)


def follow_to_the_end(page: Page, library: Library) -> None:
    """All figures are those of the ledger, without the page having been loaded again."""
    status: dict[str, Any] = said(library, "status.py")
    run = f"(SELECT id FROM batch WHERE run_id = '{status['id']}')"
    read = library.ledger(
        "SELECT SUM(p.outcome = 'read'), SUM(p.outcome = 'dead') FROM wave_page p"
        f" JOIN wave w ON w.id = p.wave_id WHERE w.run_id = '{status['id']}'"
    )
    sent, answered, valid, tokens = library.ledger(
        "SELECT SUM(records_sent), SUM(records_answered), SUM(records_valid),"
        f" SUM(output_tokens + thoughts_tokens) FROM batch_totals WHERE batch_id IN {run}"
    )[0]
    done = status["pages_read"] + status["pages_free"]
    assert read == [(done, 1)]
    on_file = library.ledger("SELECT COUNT(*) FROM page")[0][0]
    wait_for(lambda: cells(page) == {"done": on_file, "failed": 1, "waiting": 1})
    assert page.text("#pages-done") == f"{on_file} of 5 pages"
    # The book with the dead letter comes first.
    assert page.text("#shelf .book .name a") == EVIL
    assert "1 failed" in page.text("#shelf .book .tally")
    shows(page, "#needs", "1 page failed for good; 1 page behind can't be read.")
    page.js("document.querySelector('#run-link').click()")
    shows(page, "#run-title", status["id"])
    assert page.text("#run-pages") == f"{done} of {status['pages']} pages"
    legend = " ".join(page.text("#run-legend").split())
    assert "1 failed for good 1 blocked by them" in legend
    shows(page, "#numbers", f"{sent} sent, {answered} answered")
    assert f"{valid} valid, {answered - valid} failed" in page.text("#numbers")
    assert f"{tokens:,} out" in page.text("#numbers")
    batches = library.ledger(f"SELECT COUNT(*) FROM batch WHERE id IN {run}")[0][0]
    assert batches == len(page.table("#ended-batches"))
    wait_for(lambda: rectangles(page, "collected") + rectangles(page, "troubled") == batches)
    assert rectangles(page, "open") == 0
    waves = library.ledger(f"SELECT COUNT(*) FROM wave WHERE run_id = '{status['id']}'")
    assert rectangles(page, "wave") == waves[0][0]
    assert page.table("#open-batches") == []
    assert page.js("document.querySelector('#pages-chart .line').getTotalLength()") > 100


def show_earlier_runs(page: Page, library: Library) -> None:
    """The run that was killed is opened, then its first batch, then a page of that."""
    runs = said(library, "status.py", "--runs")
    go(page, "runs")
    wait_for(lambda: len(page.table("#run-list")) == len(runs) == 2)
    assert [(row[0], row[-1].split(" (")[0]) for row in page.table("#run-list")] == [
        (run["id"], run["outcome"]) for run in runs
    ]
    page.js("document.querySelectorAll('#run-list tbody a')[1].click()")
    shows(page, "#run-title", runs[1]["id"])
    assert "broken off; a later run went on" in page.text("#run-state")
    assert page.text("#run-pages") == "2 of 5 pages"
    page.js("[...document.querySelectorAll('#ended-batches a')].at(-1).click()")
    shows(page, "#batch-title", "lane 1, wave 1")
    wait_for(lambda: [row[2] for row in page.table("#batch-records")] == ["read", "read"])
    page.js("document.querySelector('#batch-records a').click()")
    shows(page, "#reading", "Page ")
    go(page, "batch=nothing")
    shows(page, "#batch-title", "A batch is asked for by its number.")
    page.errors.clear()  # the console tells of the 404


def show_failures(page: Page, library: Library) -> None:
    """Failures and dead letters, and what the filters leave of them."""
    page.js("document.querySelector('nav a[href=\"#failures\"]').click()")
    shows(page, "#dead-letters", DEAD)
    assert f"--page '{DEAD[:9]}" in page.text("#dead-letters")
    uncleared = library.ledger("SELECT COUNT(*) FROM failure WHERE cleared_at IS NULL")[0][0]
    assert page.text("#failure-count") == f"({uncleared})"
    wait_for(lambda: len(page.table("#failure-list")) == uncleared)
    page.js("document.forms.filters.elements.cleared.click()")  # those that healed too
    failures = len(library.ledger("SELECT 1 FROM failure"))
    wait_for(lambda: len(page.table("#failure-list")) == failures)
    fill = """((name, value) => {
        const field = document.forms.filters.elements[name];
        field.value = value;
        field.dispatchEvent(new Event('input', {bubbles: true}));
    })"""
    page.js(f"{fill}('error_type', 'Truncated')")
    wait_for(lambda: {row[2] for row in page.table("#failure-list")} == {"Truncated"})
    page.js(f"{fill}('book', 'Vermont')")
    shows(page, "#failure-total", "0 failures")
    page.js(f"{fill}('book', '<IMG SRC')")
    shows(page, "#failure-total", "2 failures")
    page.js(f"{fill}('text', 'no such words')")
    shows(page, "#failure-total", "0 failures")
    page.js(f"{fill}('text', '')")
    shows(page, "#failure-total", "2 failures")
    assert_harmless(page)


def show_page(page: Page) -> None:
    """Scan, text and history of a page, with a name and an answer that would like to do harm."""
    page.js("document.querySelector('#failure-list a').click()")
    shows(page, "#history", "Attempt 2: Truncated")
    assert page.text("#where") == "Page 2 of 3"
    assert page.text("#of-book") == f"{EVIL}, Ohio, 1852"
    assert page.text("#history .copy code") == DEAD
    shows(page, "#reading", "Not read. Truncated: ")
    image = "document.querySelector('#scan img')"
    wait_for(lambda: page.js(f"{image}?.complete && {image}.naturalWidth") == 16)
    page.js("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert "<<<PREVIOUS_PAGE" in page.text("#history")  # the prompt
    page.js("document.querySelector('#previous').click()")
    shows(page, "#where", "Page 1 of 3")
    shows(page, "#history", "valid, on file")
    assert f"Page {FIRST}." in page.text("#reading .text").replace('\\"', '"')
    assert page.js("document.querySelector('#previous').hasAttribute('href')") is False
    page.press("ArrowRight")
    shows(page, "#where", "Page 2 of 3")
    page.press("ArrowLeft")
    shows(page, "#where", "Page 1 of 3")
    page.js(TWO_PRESSES)
    shows(page, "#where", "Page 3 of 3")
    form = "document.forms.find"
    page.js(f"{form}.elements.key.value = {FIRST!r}; {form}.requestSubmit()")
    shows(page, "#where", "Page 1 of 3")
    assert_harmless(page)


def assert_usable(page: Page) -> None:
    """On a desktop and a phone, in the light and in the dark, axe has nothing to say, and nothing
    is scrolled sideways."""
    for part in ("books", "runs", "run", "batch=1", "failures", f"page={quote(FIRST)}"):
        go(page, part)
        wait_for(
            lambda part=part: not page.js(f"document.getElementById({part.split('=')[0]!r}).hidden")
        )
        for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
            page.look(dark=dark, width=width)
            assert page.js("document.documentElement.scrollWidth") <= width, (part, width)
            if width == 1280 or not dark:
                assert complaints(page) == [], (part, width, dark)
    page.look()


def refuse_others(page: Page, monitor: MonitorProcess, folder: Path) -> None:
    """Another website in the same browser comes to nothing, though the browser has the cookie."""
    (folder / "index.html").write_text("<title>other</title>")
    serve = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        page.open(f"http://127.0.0.1:{other.server_port}/")
        for path in ("failures", "events", f"image?key={quote(FIRST)}"):
            for mode in ("cors", "no-cors"):
                options = {"credentials": "include", "mode": mode}
                call = f"fetch('{monitor.base}/{path}', {options})"
                got = page.js(f"{call}.then(reply => reply.text(), () => 'refused')")
                assert got in ("refused", "")  # "": an answer that may not be looked at
        picture = f"Object.assign(new Image(), {{src: '{monitor.base}/image?key={quote(FIRST)}'}})"
        assert page.js(f"{picture}.decode().then(() => 'seen', () => 'refused')") == "refused"
        other.shutdown()
    page.errors.clear()
    page.open(f"{monitor.base}/#page={quote(FIRST)}")  # our own: the cookie is still good
    shows(page, "#history .copy code", FIRST)
