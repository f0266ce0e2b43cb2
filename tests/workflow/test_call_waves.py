"""Waves of single calls under the real command: they carry as far as they come."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from helpers.accounts import problems_of_pages
from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.known_pace import know_pace
from helpers.library import Library

BOOKS = {"Ohio/Elm/1850": 7, "Ohio/Oak/1851": 3}
FLEX: dict[str, Any] = {"transport": "flex"}
SLOW = ["slow:call=generate,seconds=0.2"]


def check(library: Library) -> None:
    """All was read once, each page with what the one before said."""
    assert problems_of_pages(library) == []
    assert set(library.inferences().values()) == {1}
    assert library.has_book("Ohio/Elm/1850")


def carried(library: Library) -> list[int]:
    """How many pages each wave that carried any did."""
    return [len(wave["pages"]) for wave in library.manifests() if wave["pages"]]


def test_as_many_pages_as_were_thought(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution=FLEX) as library:
        assert "lane 1 wave 1: 10 pages of 2 books" in library.run("-n", "--verbose")
        library.run()
        check(library)
        assert carried(library) == [10]
        assert {wave["transport"] for wave in library.manifests()} == {"flex"}


def test_more_pages_than_were_thought(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution=FLEX, calls={"wave_seconds": 60}) as library:
        shown = library.run("-n", "--verbose")
        assert "lane 1 wave 1: 4 pages of 2 books" in shown
        assert "lane 1 wave 4: 1 page of 1 book" in shown
        library.run()
        check(library)
        assert carried(library) == [10]


def test_fewer_pages_than_were_thought(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution=FLEX, calls={"wave_seconds": 0.5}) as library:
        know_pace(library.state / "ledger.sqlite", batch=1.0, flex=0.01)
        library.configure(embedded={"faults": SLOW})
        assert "lane 1 wave 1: 10 pages" in library.run("-n", "--verbose")
        library.run()
        check(library)
        waves = carried(library)
        assert len(waves) > 1
        assert sum(waves) == 10


def test_a_page_too_long_for_one_answer_is_read_in_halves(tmp_path: Path) -> None:
    retry = {"steps": {"Truncated": [{"halves": True}]}}
    with Library(tmp_path, {"Ohio/Elm/1850": 3}, execution=FLEX, retry=retry) as library:
        library.configure(embedded={"faults": ["max-tokens:match=:2$"]})
        library.run()
        key = "Ohio:Elm:1850:{}"
        assert library.text(key.format(2)).count("The middle of page") == 1
        assert f"Read after: {key.format(2)}" in library.text(key.format(3))
        flags = library.book("Ohio/Elm/1850")["pages"][1]["provenance"]["flags"]
        assert [flag["what"] for flag in flags] == ["halves"]


@pytest.mark.parametrize("on_dead_letter", ["block", "continue"])
def test_dead_letters_among_more_pages_than_were_thought(
    tmp_path: Path, on_dead_letter: str
) -> None:
    execution = FLEX | {"on_dead_letter": on_dead_letter, "max_retries": 2}
    faults = ["blocked:match=Elm:1850:4$"]
    with Library(tmp_path, BOOKS, execution=execution, calls={"wave_seconds": 60}) as library:
        library.configure(embedded={"faults": faults})
        output = library.run(code=1)
        assert "Ohio:Elm:1850:4 is a dead letter" in output
        assert library.inferences()["Ohio:Elm:1850:4"] == 2
        goes_on = on_dead_letter == "continue"
        assert library.has_book("Ohio/Elm/1850") == goes_on
        assert library.page_file("Ohio:Elm:1850:5").exists() == goes_on
        assert library.has_book("Ohio/Oak/1851")
        # The same command finds nothing new to pay for.
        library.run(code=1)
        assert library.inferences()["Ohio:Elm:1850:4"] == 2


@pytest.mark.slow
def test_a_wave_is_right_where_each_job_is_a_process_of_its_own(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm/1850": 3}, execution=FLEX) as library:
        library.run(profile=False)
        check(library)


def test_books_are_no_batches_and_batches_no_limit(tmp_path: Path) -> None:
    """Waves of calls take none of the slots for batches in flight."""
    execution = FLEX | {"batch_size_limit": 1}
    with Library(tmp_path, BOOKS, execution=execution, embedded={"call_seconds": 0.2}) as library:
        library.run("--resources", "gemini_batches=1")
        check(library)
        first, second = library.manifests()
        assert first["started_at"] < second["ended_at"]
        assert second["started_at"] < first["ended_at"]


def test_what_a_person_corrects_while_a_wave_goes_on_is_not_overwritten(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm/1850": 2}, execution=FLEX) as library:
        library.run()
        path = library.page_file("Ohio:Elm:1850:1")
        page = json.loads(path.read_text(encoding="utf-8"))
        page["raw_ocr"]["text_blocks"][0]["text"] = "What stands there."
        path.write_text(json.dumps(page), encoding="utf-8")
        library.run("-F")
        assert "What stands there." in library.text("Ohio:Elm:1850:1")
        assert library.inferences()["Ohio:Elm:1850:1"] == 2


def test_a_stopped_run_waits_for_calls_in_flight_and_ends_with_6(tmp_path: Path) -> None:
    slow = ["slow:call=generate,seconds=1.5"]
    with Library(tmp_path, BOOKS, execution=FLEX, embedded={"faults": slow}) as library:
        head = library.start()
        wait_for(lambda: len(library.events("call")) == 2)
        head.signal(signal.SIGINT)
        code, output = head.wait()
        assert code == 6, output
        assert library.ledger("SELECT DISTINCT status FROM batch") == [("collected",)]
        assert "lost" not in output
        library.configure(embedded={"faults": []})
        library.run()
        check(library)


def test_a_second_interrupt_ends_it_at_once_and_the_next_run_names_what_is_in_doubt(
    tmp_path: Path,
) -> None:
    slow = ["slow:call=generate,seconds=30,acted=no"]
    with Library(tmp_path, {"Ohio/Elm/1850": 2}, execution=FLEX) as library:
        library.configure(embedded={"faults": slow})
        head = library.start()
        wait_for(lambda: library.events("fault"))

        def is_over() -> bool:
            head.signal(signal.SIGINT)
            return head.process.poll() is not None

        wait_for(is_over)
        assert head.wait()[0] == 6
        library.configure(embedded={"faults": []})
        output = library.run()
        assert "1 answer of single calls got lost, and may be paid for: Ohio:Elm:1850:1" in output
        assert problems_of_pages(library) == []


@pytest.mark.parametrize(
    ("point", "reads", "lost"),
    [("call-sent:3", 7, 1), ("call-answered:3", 8, 1), ("answer-stored:3", 7, 0)],
)
def test_after_a_crash_the_same_command_goes_on(
    tmp_path: Path, point: str, reads: int, lost: int
) -> None:
    with Library(tmp_path, {"Ohio/Elm/1850": 7}, execution=FLEX) as library:
        library.crash(point)
        output = library.run()
        assert problems_of_pages(library) == []
        assert library.inferences().total() == reads
        assert library.ledger("SELECT COUNT(*) FROM attempt") == [(7 + lost,)]
        doubtful = library.ledger(
            "SELECT key FROM record r JOIN batch b ON b.id = batch_id WHERE state = 'UNANSWERED'"
        )
        assert doubtful == [("Ohio:Elm:1850:3",)] * lost
        assert ("got lost, and may be paid for: Ohio:Elm:1850:3." in output) == (lost > 0)


def test_a_run_that_does_not_wait_makes_one_wave_and_ends_with_7(tmp_path: Path) -> None:
    execution = FLEX | {"wait": False}
    with (
        Library(tmp_path, {"Ohio/Elm/1850": 2}, execution=execution) as library,
        EmbeddedProcess(library.state / "embedded") as server,
    ):
        server.show_images(tmp_path / "images")
        library.configure(calls={"wave_seconds": 0})
        library.environment |= {
            "PAGEWAVE_EMBEDDED_URL": server.base_url,
            "PAGEWAVE_EMBEDDED_TOKEN": server.token,
        }
        assert "Run the same command again" in library.run(code=7)
        library.run()
        check(library)


def test_a_budget_ends_it_with_8_and_more_money_goes_on(tmp_path: Path) -> None:
    counts = ["token-counts:prompt=1000,output=20000"]
    execution = FLEX | {"max_cost_usd": 0.06}
    with Library(tmp_path, {"Ohio/Elm/1850": 6}, execution=execution) as library:
        library.configure(embedded={"faults": counts})
        assert "Not sent for want of budget" in library.run(code=8)
        read = library.inferences().total()
        assert 0 < read < 6
        # What was carried is written and known: the run says so.
        assert len(library.ledger("SELECT 1 FROM wave_page WHERE outcome = 'read'")) == read
        library.configure(execution={"max_cost_usd": None})
        library.run()
        check(library)


def test_a_key_that_is_revoked_ends_it_with_5_and_the_next_run_goes_on(tmp_path: Path) -> None:
    faults = ["refused:call=generate,reason=key,skip=3"]
    with Library(tmp_path, {"Ohio/Elm/1850": 5}, execution=FLEX) as library:
        library.configure(embedded={"faults": faults})
        assert "GEMINI_API_KEY" in library.run(code=5)
        assert library.inferences().total() == 3
        library.configure(embedded={"faults": []})
        library.run()
        check(library)


def test_the_forecast_speaks_of_calls(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution=FLEX) as library:
        shown = library.run("-n")
        assert "1 in 1 lane, 10 calls by flex; longest chain 7 pages" in shown
        assert "7 calls one after another" in shown
