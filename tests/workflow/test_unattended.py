"""Runs that a clock starts: cut short by `timeout`, or not waiting for their batches at all."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.library import Head, Library

STOPPED, MORE_TO_COME, TIMED_OUT = 6, 7, 124
SHORTER = 4.0
"""A timeout in which a run can be sent and not be answered; grows where the machine is too busy."""
MOST_RUNS = 30


@contextmanager
def served(library: Library, *arguments: str) -> Iterator[EmbeddedProcess]:
    """A server that stays while runs come and go, as Google's does."""
    with EmbeddedProcess(library.state / "embedded", *arguments) as server:
        point_at(server, library)
        yield server


def point_at(server: EmbeddedProcess, library: Library) -> None:
    """Lets runs find the server, as its user would."""
    library.environment |= {
        "PAGEWAVE_EMBEDDED_URL": server.base_url,
        "PAGEWAVE_EMBEDDED_TOKEN": server.token,
    }


def run_until_all_is_read(library: Library, server: EmbeddedProcess) -> list[tuple[int, str]]:
    """Runs that begin when all batches have ended, until there is no more to come: codes and
    outputs. The server holds what a run sends for longer than the run takes."""
    ended: list[tuple[int, str]] = []
    while not ended or ended[-1][0] == MORE_TO_COME:
        assert len(ended) < MOST_RUNS, ended[-1][1]
        server.finish_all()
        ended.append(library.start().wait())
    return ended


def cut_short(library: Library, seconds: float, *options: str) -> tuple[int, str]:
    """A run that `timeout` ends, if need be: its exit code and output."""
    code, output = library.start(under=["timeout", *options, str(seconds)]).wait()
    assert "Traceback" not in output
    # Before its first job a run has nothing to put in order: the signal ends it.
    assert code in (0, STOPPED, TIMED_OUT, 128 + signal.SIGTERM), output
    return code, output


@pytest.mark.slow
def test_runs_cut_short_every_hour_read_everything_and_pay_once(tmp_path: Path) -> None:
    books = {"Ohio/Ashgrove/1852": 2, "Vermont/Linden/1866": 1}
    with Library(tmp_path, books) as library:
        # Still at the server when a run is over, whatever the machine does meanwhile.
        with served(library, "--batch-seconds", "600") as server:
            seconds, output = SHORTER, ""
            while "still at the service" not in output:
                before = len(library.events("create"))
                _, output = cut_short(library, seconds, "--preserve-status")
                if len(library.events("create")) == before:
                    seconds *= 1.5  # too short to begin
            assert len(library.events("create")) == 1
            assert not library.events("finish")
            # Longer than any run, so that the second batch is left behind too.
            point_at(server.restart("--batch-seconds", str(1.5 * seconds)), library)
            codes: list[int] = []
            while 0 not in codes:
                assert len(codes) < MOST_RUNS, codes
                # `timeout` says 124, unless it is told to hand on what its command said.
                code, _ = cut_short(library, seconds, *["--preserve-status"] * (len(codes) % 2))
                codes.append(code)
            assert len(codes) > 1
            assert len(library.events("create")) == 2
        keys = ["Ohio:Ashgrove:1852:1", "Ohio:Ashgrove:1852:2", "Vermont:Linden:1866:1"]
        assert library.inferences() == Counter(keys)
        assert all(library.has_book(book) for book in books)


@pytest.mark.slow
def test_runs_that_do_not_wait_read_everything_and_pay_once(tmp_path: Path) -> None:
    """Two lanes, images to be made, a batch that fails, a dead letter that does not block."""
    books = {f"Ohio/{name}/1852": 2 for name in ("Ash", "Elm", "Fir")}
    dead = "Ohio:Fir:1852:1"
    execution = {"wait": False, "batch_size_limit": 2, "max_retries": 1}
    sections = {"execution": execution | {"on_dead_letter": "continue"}}
    with Library(tmp_path, books, images={"grey": True}, **sections) as library:
        always = ["--fault", f"record-error:match={dead}$"]
        once = ["--fault", "job-failed:match=lane1-wave1-,times=1"]
        with served(library, "--batch-seconds", "600", *always, *once) as server:
            code, output = library.start().wait()
            assert code == MORE_TO_COME, output
            assert "In flight: 2 batches with 3 pages, the oldest since" in output
            assert "Error" not in output and "Exiting because" not in output
            assert library.ledger("SELECT outcome FROM run") == [("on its way",)]
            assert not library.ledger("SELECT 1 FROM failure")
            ended = run_until_all_is_read(library, server)
            code, output = ended[-1]
            assert code == 1  # for the dead letter, once nothing else is left to do
            assert f"{dead} is a dead letter" in output
            assert len(library.events("create")) == 2 + 2 + 2
        pages = {f"Ohio:{n}:1852:{p}" for n in ("Ash", "Elm", "Fir") for p in (1, 2)} - {dead}
        assert library.inferences() == Counter(pages)
        assert all(library.has_book(book) for book in books)
        failures = library.ledger("SELECT DISTINCT error_type FROM failure ORDER BY 1")
        assert failures == [("APIError",), ("BadBatch",)]


@pytest.mark.slow
def test_a_job_that_fails_is_not_hidden_behind_what_is_on_its_way(tmp_path: Path) -> None:
    books = {"Ohio/Ashgrove/1852": 2, "Vermont/Linden/1866": 2}
    execution = {"wait": False, "batch_size_limit": 1}
    with Library(tmp_path, books, execution=execution) as library:
        refused = "http-error:call=create,code=400,times=1"
        with served(library, "--batch-seconds", "600", "--fault", refused):
            code, output = library.start().wait()
            assert code == 5, output
            assert output.count("Error in rule wave") == 1
            assert "1 batches are still at the service" in output
            assert library.start().wait()[0] == MORE_TO_COME
            assert len(library.events("create")) == 2


@pytest.mark.slow
def test_jobs_that_are_processes_need_not_wait_either(tmp_path: Path) -> None:
    library = Library(tmp_path, {"Ohio/Ashgrove/1852": 1}, execution={"wait": False})
    with library, served(library, "--batch-seconds", "600"):
        code, output = library.start(profile=False).wait()
        assert code == MORE_TO_COME, output
        assert len(library.events("create")) == 1


def test_not_waiting_needs_a_server_that_stays(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Ashgrove/1852": 1}, execution={"wait": False}) as library:
        output = library.run(code=2)
        assert "the embedded\nserver of a run ends with it" in output
        assert "python -m pagewave.embedded --state state/embedded --port 8765 --stay" in output
        assert not library.events("create")


@pytest.mark.slow
def test_a_run_is_stopped_while_it_looks_after_earlier_ones(tmp_path: Path) -> None:
    quick = {"upload_retry_backoff_seconds": 0.05}
    with Library(tmp_path, {"Ohio/Ashgrove/1852": 1}, files=quick) as library:
        with served(library, "--batch-seconds", "600"):
            stop(library.start(), library)
        head = library.start()  # the server is gone
        wait_for(lambda: "failed 4 times" in head.output)
        head.signal(signal.SIGTERM)
        code, output = head.wait()
        assert code == STOPPED, output
        assert "stopped before the first job" in output
        assert "Traceback" not in output


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.real_start)]
)
def test_a_run_ends_though_a_call_to_the_service_hangs(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Library(tmp_path, {"Ohio/Ashgrove/1852": 1}) as library:
        with served(library, "--fault", "hang:call=create,acted=yes,times=1") as server:
            head = library.start()
            head.wait_for_create(library)
            head.signal(number)
            code, output = head.wait()
            assert code == STOPPED, output
            assert "stopped in the middle of something" in output
            server.wait_until_idle()
            library.run()
        assert library.inferences() == Counter(["Ohio:Ashgrove:1852:1"])
        assert len(library.events("create")) == 1


@pytest.mark.real_start
def test_jobs_that_are_processes_end_with_the_run(tmp_path: Path) -> None:
    library = Library(tmp_path, {"Ohio/Ashgrove/1852": 1})
    with library, served(library, "--batch-seconds", "600") as server:
        stop(library.start(profile=False), library)

        def others() -> list[psutil.Process]:
            found = []
            for process in psutil.process_iter(["cwd"]):
                if process.info["cwd"] == str(tmp_path) and process.pid != server.pid:
                    found.append(process)
            return found

        wait_for(lambda: not others())
        assert server.stats()["active_batches"] == 1


def stop(head: Head, library: Library) -> None:
    """Stops a run whose batch is at the server."""
    head.wait_for_create(library)
    head.signal(signal.SIGTERM)
    code, output = head.wait()
    assert code == STOPPED, output
