"""What the service counted, thoughts and cached tokens included, wherever tokens and USD are told.

Two pages, of which the first is read twice, at prices of the test's own; and the same pages by the
embedded engine, which costs nothing but counts for budgets as if it did.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import said
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import head_of
from pagewave.commands.monitor.known_pages import KnownPages
from pagewave.commands.monitor.page_history import page_history
from pagewave.commands.monitor.reading import Reading
from pagewave.exports.summary import tables
from pagewave.plan.targets import Command

BOOK, FIRST, SECOND = "Ohio/Elm/1850", "Ohio:Elm:1850:1", "Ohio:Elm:1850:2"
FAULTS = [
    "token-counts:prompt=1000,output=100,thoughts=900,cached=500",
    f"invalid-schema:match={FIRST}$,times=1",
]
PRICE = {"input": 2.0, "output": 10.0, "cached_input": 0.4}
USD = 0.0112
"""500 tokens at 2.00, 500 cached ones at 0.40 and 1,000 out at 10.00 a million."""
READINGS = 3
SECTIONS: dict[str, Any] = {
    "pricing": {"batch_usd_per_million_tokens": {"gemini-2.5-flash": PRICE}},
    "execution": {"max_cost_usd_total": 10},
}


@pytest.fixture(scope="module")
def gemini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Library, str]]:
    """Read by Gemini, as far as pagewave can tell; with what the run printed."""
    root = tmp_path_factory.mktemp("gemini")
    faults = [word for fault in FAULTS for word in ("--fault", fault)]
    with (
        EmbeddedProcess(root / "server", *faults) as server,
        Library(root, {BOOK: 2}, **SECTIONS) as library,
    ):
        library.config["engine"] = "gemini"
        library.configure()
        library.environment = {
            "GOOGLE_GEMINI_BASE_URL": server.base_url,
            "GEMINI_API_KEY": server.token,
        }
        yield library, library.run()


def test_every_attempt_has_its_price(gemini: tuple[Library, str]) -> None:
    library, _ = gemini
    rows = library.ledger(
        "SELECT key, ok, prompt_tokens, output_tokens, thoughts_tokens, cached_tokens, usd"
        " FROM attempt ORDER BY id"
    )
    counts = (1000, 100, 900, 500, pytest.approx(USD))
    assert rows == [(FIRST, 0, *counts), (FIRST, 1, *counts), (SECOND, 1, *counts)]
    totals = "SELECT prompt_tokens, output_tokens, thoughts_tokens, usd FROM batch_totals"
    assert library.ledger(totals) == [(1000, 100, 900, pytest.approx(USD))] * READINGS


def test_the_run_says_what_was_paid(gemini: tuple[Library, str]) -> None:
    library, output = gemini
    assert "2 of 2 pages done, 0.0336 USD." in output
    assert "Spent (USD): 0.0336, expected " in output
    assert "Tokens: 3,000 in (expected " in output
    assert " 3,000 out (expected " in output
    manifests = [batch["usd"] for manifest in library.manifests() for batch in manifest["batches"]]
    assert manifests == [pytest.approx(USD)] * READINGS


def test_so_do_status_pages_and_books(gemini: tuple[Library, str]) -> None:
    library, _ = gemini
    status = said(library, "status.py")
    spent = {"usd": pytest.approx(READINGS * USD), "input_tokens": 3000, "output_tokens": 3000}
    assert status["spent"] == status["spent_in_all"] == spent
    assert status["estimate"]["input_tokens"] == status["estimate"]["output_tokens"] == 3000
    assert status["estimate"]["cached_tokens"] == 1500
    (budget,) = status["budgets"]
    assert (budget["spent"], budget["held"]) == (pytest.approx(READINGS * USD), 0)
    pages = said(library, "pages.py")["pages"]
    counts = [(page["input_tokens"], page["output_tokens"], page["usd"]) for page in pages]
    assert counts == [(1000, 1000, pytest.approx(USD))] * 2
    sources = [page["provenance"] for page in library.book(BOOK)["pages"]]
    assert [(page["thoughts_tokens"], page["cached_tokens"]) for page in sources] == [
        (900, 500),
        (900, 500),
    ]
    assert [page["usd"] for page in sources] == [pytest.approx(USD)] * 2


def test_so_do_summary_and_monitor(gemini: tuple[Library, str]) -> None:
    library, _ = gemini
    with contextlib.chdir(library.root):
        session = head_of(library, Command()).session
    with contextlib.closing(session.ledger):
        cost = tables.of_cost(session.ledger)[0].rows[-1]
        assert cost[0] == "all" and cost[-6:] == (READINGS, 3000, 1500, 300, 2700, 0.0336)
        book = tables.of_books(session)[0].rows[0]
        assert book[7:11] == (READINGS, 3000, 3000, 0.0336)
        history = page_history(
            session.ledger, KnownPages(session.settings), Reading(session.settings), FIRST
        )
        assert [attempt["thoughts_tokens"] for attempt in history["attempts"]] == [900, 900]
        # What the next pages are expected to take: failed attempts are paid for as well.
        measured = session.ledger.spending.measured(
            "gemini", "gemini-2.5-flash", session.prompt.sha256
        )
        assert measured[:3] == (2, 1500.0, 1500.0)


def test_the_embedded_engine_costs_nothing_and_counts_alike_for_budgets(tmp_path: Path) -> None:
    with Library(tmp_path, {BOOK: 2}, embedded={"faults": FAULTS}, **SECTIONS) as library:
        output = library.run()
        assert "2 of 2 pages done, 0.0000 USD." in output
        assert "Spent (USD): nothing; at Gemini's prices 0.0336, expected " in output
        assert library.ledger("SELECT SUM(usd) FROM attempt") == [(0.0,)]
        (budget,) = said(library, "status.py")["budgets"]
        assert (budget["spent"], budget["held"]) == (pytest.approx(READINGS * USD), 0)
