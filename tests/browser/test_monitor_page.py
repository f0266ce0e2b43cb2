"""The monitor in a real browser: a run is followed to its end, and no name or text does harm."""

import signal
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from helpers.browser import Page, browser
from helpers.command_calls import said
from helpers.embedded_process import wait_for
from helpers.library import Library
from helpers.monitor_process import MonitorProcess

EVIL = """<img src=x onerror="document.title='harm'"><script src=x>"""
BOOKS = {f"Ohio/{EVIL}/1852": 3, "Vermont/Linden/1866": 2}
FIRST, DEAD = f"Ohio:{EVIL}:1852:1", f"Ohio:{EVIL}:1852:2"
HELD = "batch-hold:match=wave2-,times=1,seconds=60"


def tiles(page: Page) -> dict[str, str]:
    """The figures of the run, by name."""
    pairs = "[...document.querySelectorAll('#tiles > div')].map(tile => [tile.id, tile.innerText])"
    return {name: text.replace("\n", " ") for name, text in page.js(pairs)}


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
        wait_for(lambda: rectangles(page, "open") == 1)
        shows(page, "#open-batches", "RUNNING")
        assert f"going on (process {head.process.pid})" in page.text("#headline")
        assert page.text("#connection") == "live"
        ((lane, wave, name, _, _, records, _),) = page.table("#open-batches")
        assert (lane, wave, records) == ("1", "2", "2")
        assert name == library.events("create")[-1]["batch"]
        assert tiles(page)["tile-records"] == "records sent 4 2 answered"
        assert "about" in tiles(page)["tile-left"]
        age = page.table("#open-batches")[0][4]
        wait_for(lambda: page.table("#open-batches")[0][4] != age)
        assert_harmless(page)

        head.kill()
        shows(page, "#headline", "broken off: run the same command again")

        library.configure(embedded={"faults": faults[:1]})
        said(library, "batches.py", "--cancel", "all")
        library.run(code=1)
        shows(page, "#headline", "failed")
        follow_to_the_end(page, library)
        show_failures(page, library)
        show_page(page)
        refuse_others(page, monitor, tmp_path / "output")
        assert_harmless(page)

        page.errors.clear()
        monitor.process.send_signal(signal.SIGTERM)
        shows(page, "#connection", "no connection")


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
    wait_for(lambda: tiles(page)["tile-records"] == f"records sent {sent} {answered} answered")
    done = status["pages_read"] + status["pages_free"]
    assert read == [(done, 1)]
    assert page.text("#pages-done") == f"{done} of {status['pages']} pages"
    assert (
        page.text("#bar-legend").replace("\n", " ").split()
        == (
            f"{status['pages_read']} read {status['pages_free']} from stored answers "
            f"1 dead letters 1 blocked by them 0 left"
        ).split()
    )
    shown = tiles(page)
    assert shown["tile-answers"] == f"valid answers {valid} {answered - valid} failed"
    assert shown["tile-blocked"] == "chains blocked 1 1 dead letters"
    assert shown["tile-spent"].startswith("USD in this run 0.0000")
    assert shown["tile-tokens"].startswith(f"tokens out {tokens:,}")
    batches = library.ledger(f"SELECT name FROM batch WHERE id IN {run} ORDER BY id DESC")
    assert batches
    assert [row[2] for row in page.table("#ended-batches")] == [name for (name,) in batches]
    assert rectangles(page, "collected") + rectangles(page, "troubled") == len(batches)
    assert rectangles(page, "open") == 0
    waves = library.ledger(f"SELECT COUNT(*) FROM wave WHERE run_id = '{status['id']}'")
    assert rectangles(page, "wave") == waves[0][0]
    assert page.table("#open-batches") == []
    assert page.js("document.querySelector('#pages-chart .line').getTotalLength()") > 100


def show_failures(page: Page, library: Library) -> None:
    """Failures and dead letters, and what the filters leave of them."""
    page.js("document.querySelector('nav a[href=\"#failures\"]').click()")
    shows(page, "#dead-letters", DEAD)
    assert f"--key '{DEAD[:9]}" in page.text("#dead-letters")
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
    """The history of a page, with a name and an answer that would like to do harm."""
    page.js("document.querySelector('#failure-list a').click()")
    shows(page, "#history", "Attempt 2: Truncated")
    assert page.text("#history h2") == DEAD
    image = "document.querySelector('#history img')"
    wait_for(lambda: page.js(f"{image}?.complete && {image}.naturalWidth") == 16)
    page.js("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert "<<<PREVIOUS_PAGE" in page.text("#history")  # the prompt
    form = "document.forms.find"
    page.js(f"{form}.elements.key.value = {FIRST!r}; {form}.requestSubmit()")
    shows(page, "#history h2", FIRST)
    shows(page, "#history", "valid, on file")
    page.js("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert f"Page {FIRST}." in page.text("#history pre").replace('\\"', '"')
    assert_harmless(page)


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
    shows(page, "#history h2", FIRST)
