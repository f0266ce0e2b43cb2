"""What status.py tells of a run, held against the server's own log."""

import contextlib
import io
from pathlib import Path

from embedded_process import wait_for
from library import Library
from operators import main_of, said

BOOKS = {"Ohio/Ashgrove/1852": 3, "Vermont/Linden/1866": 2}
DEAD = "Ohio:Ashgrove:1852:2"


def at_the_server(library: Library) -> set[str]:
    """The batches that the server was given and has not finished."""
    ended = {entry["batch"] for entry in library.events("finish")}
    return {entry["batch"] for entry in library.events("create")} - ended


def table(library: Library) -> str:
    """What status.py prints for people."""
    with contextlib.chdir(library.root), contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main_of("status.py")(["--configfile", "config.yaml"]) == 0
    return printed.getvalue()


def test_it_tells_the_truth_during_a_run_after_a_crash_and_at_the_end(tmp_path: Path) -> None:
    faults = [f"record-error:match={DEAD}$", "batch-hold:match=wave2-,times=1,seconds=60"]
    with Library(tmp_path, BOOKS, embedded={"faults": faults}) as library:
        head = library.start()
        head.wait_for_create(library, 2)
        wait_for(lambda: said(library, "status.py")["records"]["sent"] == 4)
        status = said(library, "status.py")
        assert status["process"] == head.process.pid
        assert (status["pages"], status["pages_read"], status["pages_left"]) == (5, 2, 3)
        assert {batch["name"] for batch in status["batches"]} == at_the_server(library)
        assert [(b["lane"], b["wave"], b["records"]) for b in status["batches"]] == [(1, 2, 2)]
        assert status["eta_seconds"] > 0
        assert f"going on (process {head.process.pid})" in table(library)

        head.kill()
        status = said(library, "status.py")
        assert (status["process"], status["ended_at"]) == (None, None)
        assert {batch["name"] for batch in status["batches"]} == at_the_server(library)
        assert "broken off: run the same command again" in table(library)

        library.configure(embedded={"faults": faults[:1]})
        cancel = ["--configfile", "config.yaml", "--cancel", "all"]
        with contextlib.chdir(library.root), contextlib.redirect_stdout(io.StringIO()):
            main_of("batches.py")(cancel)
        library.run(code=1)
        status = said(library, "status.py")
        assert (status["outcome"], status["batches"]) == ("failed", [])
        assert (status["dead_letters"], status["pages_blocked"]) == ([DEAD], 1)
        assert status["pages_left"] == 0
        totals = library.ledger(
            "SELECT SUM(records_answered), SUM(records_valid) FROM batch_totals WHERE batch_id IN"
            f" (SELECT id FROM batch WHERE run_id = '{status['id']}')"
        )
        records = status["records"]
        assert (records["answered"], records["valid"]) == totals[0]
        assert records["failed"] == records["answered"] - records["valid"]
        assert status["lanes"][0]["chains_blocked"] == 1
        assert DEAD in table(library)


def test_before_the_first_run_there_is_nothing_to_tell(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run("-n")
        with contextlib.chdir(tmp_path):
            assert main_of("status.py")(["--configfile", "config.yaml"]) == 4
