"""A run that lasts for days, and who looks after it: from another terminal, by the browser, after a
crash. With the real commands over one library."""

from pathlib import Path

import pytest

from helpers.embedded_process import wait_for
from helpers.library import Library
from helpers.monitor_process import MonitorProcess

BOOKS = {"Ohio/Elm School/1850": 3, "Vermont/Linden/1866": 2}
HELD = "batch-hold:match=wave2-,times=1,seconds=3600"


@pytest.mark.slow
def test_it_is_looked_at_while_it_goes_on_killed_and_resumed(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, embedded={"faults": [HELD]}) as library:
        head = library.start()
        head.wait_for_create(library, 2)
        with MonitorProcess(tmp_path) as monitor, monitor.events() as told:
            seen = next(told)
            assert seen["goes_on"] and seen["state"].startswith("going on")
            wait_for(lambda: len(library.ledger("SELECT key FROM page")) == 2)
            going_on = library.command("status.py").stdout
            assert f"going on (process {head.process.pid})" in going_on
            assert "2 of 5 pages" in going_on and "Batches not collected yet" in going_on

            head.kill()
            while seen["goes_on"]:
                seen = next(told)
            assert seen["state"].startswith("broken off: run the same command again")
            (broken_off,) = monitor.ask("/runs")
            assert broken_off["outcome"] == "broken off"
            assert "broken off" in library.command("status.py").stdout

            # What the killed head left at the service ends; the same command takes it in.
            library.configure(embedded={"faults": []})
            (held,) = library.ledger("SELECT name FROM batch WHERE status = 'submitted'")
            library.command("batches.py", "--cancel", str(held[0]))
            assert "pages done, 0.0000 USD" in library.run()
            while seen["goes_on"] or not seen["state"].startswith("ended"):
                seen = next(told)
        assert set(library.ledger("SELECT outcome FROM run")) == {("ok",), (None,)}
        pages = {
            f"{book.replace('/', ':')}:{n}" for book, m in BOOKS.items() for n in range(1, m + 1)
        }
        assert {key for (key,) in library.ledger("SELECT key FROM page")} == pages
        assert max(library.inferences().values()) == 1
