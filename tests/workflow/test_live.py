"""What a person at a terminal sees of a run that goes on: a block that stays a few lines."""

import io
import re
import signal
from pathlib import Path

import pytest
from rich.console import Console

from helpers.embedded_process import wait_for
from helpers.library import Library
from helpers.pty_terminal import text_of
from pagewave.ledger import EstimateAndActual
from pagewave.plan.budget import Budget
from pagewave.waves.status import BatchStatus, LaneStatus, RecordCounts, RunStatus, Spend
from pagewave.waves.waiting import waiting_lines
from pagewave.workflow.live_view import Failure, Seen, live_view

KEY = "North Carolina:Saint Mary's Academy of Raleigh:1859:2"
BOOKS = {"North Carolina/Saint Mary's Academy of Raleigh/1859": 3, "Ohio/Oak/1851": 3}
EXITING = "Exiting because a job execution failed"


def test_a_block_at_80_columns_shows_what_is_in_flight_and_why_a_page_failed(
    tmp_path: Path,
) -> None:
    faults = [f"record-error:match={KEY}$", "batch-hold:match=wave3-,seconds=3600"]
    with Library(tmp_path, BOOKS, embedded={"faults": faults}) as library:
        head = library.start(columns=80)
        head.wait_for_create(library, 3)  # what is shown before may not be sent yet
        wait_for(lambda: "lane 1 wave 3 for " in text_of(head.output))
        head.signal(signal.SIGINT)
        code, drawn = head.wait()
        assert code == 6
        shown = text_of(drawn)
        assert re.search(rf"^newest +{re.escape(KEY)} *$", shown, re.MULTILINE)
        assert re.search(r"^failed +1 try: 1 APIError *$", shown, re.MULTILINE)
        assert re.search(r"^in flight +1 batch, 2 pages: 1 up to 10 min", shown, re.MULTILINE)
        assert "3 of 6 pages (50%)" in shown
        # What the block shows is no line of its own, and batches have no names there.
        assert "batches/" not in shown and "pages sent" not in shown
        # The last lines say what is left, and the cursor was never hidden for good.
        end = shown[shown.index("stopped. 3 pages read") :]
        assert "wait for the service: 2 pages, lane 1 wave 3 for " in end
        assert "wait for their turn: 1 page, each for" in end and "wait for you: nothing" in end
        assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")


def test_an_end_that_was_planned_is_not_red(tmp_path: Path) -> None:
    faults = [f"record-error:match={KEY}$"]
    execution = {"max_retries": 1}
    with Library(tmp_path, BOOKS, embedded={"faults": faults}, execution=execution) as library:
        head = library.start(columns=120)
        code, drawn = head.wait()
        assert code == 1
        assert f"\x1b[33m{EXITING}" in drawn and f"\x1b[31m{EXITING}" not in drawn
        last = text_of(drawn).rpartition("wait for you: ")[2]
        assert last.startswith("1 dead letter and 1 page behind: ")


def status_of(number: int) -> RunStatus:
    """A run of 10,000 pages with so many batches in flight, dead letters and lanes."""
    return RunStatus(
        id="20261129T170000Z",
        engine="gemini",
        model="gemini-2.5-flash",
        started_at=0.0,
        ended_at=None,
        outcome=None,
        pages=10_000,
        pages_read=1_200,
        pages_free=34,
        pages_blocked=40,
        pages_left=8_000,
        dead_letters=[f"{KEY}{n}" for n in range(number)],
        records=RecordCounts(1_300, 1_250, 1_200, 50),
        lanes=[LaneStatus(n, 100, 0, 7, 90, 800) for n in range(number)],
        batches=[
            BatchStatus(f"batches/{n:036}", f"d{n}", n, 7, "submitted", None, 1000.0 * n, 100, None)
            for n in range(number)
        ],
        calls=0,
        spent=Spend(0.8, 1, 1),
        spent_in_all=Spend(0.8, 1, 1),
        estimate=EstimateAndActual(0, 0, 0, 0, 0, 0, 0),
        budgets=[Budget("execution.max_cost_usd", 5.0, 0.8123, 0.2)],
        over_budget=None,
        seconds_a_wave=660.0,
        eta_seconds=61_200.0,
        roads=[],
    )


@pytest.mark.parametrize("columns", [80, 120])
def test_a_block_stays_small_and_keys_whole_whatever_the_size(columns: int) -> None:
    console = Console(file=io.StringIO(), width=columns)
    newest = Failure(KEY, "NotJson", "x " * 5000)
    failures = {"NotJson": 10, "Truncated": 300}
    seen = Seen(100_000.0, status_of(60), failures, newest)
    console.print(live_view(seen, 100_060.0))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= columns
    assert any(line.rstrip().endswith(KEY) for line in lines)
    text = " ".join(" ".join(lines).split())
    assert "1,234 of 10,000 pages (12%)" in text
    assert "about 16 h 59 min left (11 min a wave, with pauses)" in text
    assert "0.8123 of 5.0000 USD, 0.2000 held" in text
    assert "60 batches, 6000 pages: 1 up to 10 min, 3 to 1 h, 18 to 6 h, 38 older" in text
    assert "310 tries: 300 Truncated, 10 NotJson" in text
    told = "".join(console.file.getvalue().split())
    assert "".join(waiting_lines(status_of(60))[2].split()) in told  # with the whole command


def test_three_lines_say_what_waits_for_what_and_none_where_all_is_read() -> None:
    service, turn, person = waiting_lines(status_of(60))
    assert service.startswith("wait for the service: 6000 pages, 60 batches, the oldest lane 59 ")
    assert turn == "wait for their turn: 2000 pages, each for the page before it or a free batch"
    assert person.startswith("wait for you: 60 dead letters and 40 pages behind: ")
    assert "analyze_failures" in person
