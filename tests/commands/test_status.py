"""What status.py tells of a run, held against the server's own list of jobs."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from helpers.command_calls import main_of, said
from helpers.embedded_process import NEVER_SECONDS, EmbeddedProcess, wait_for
from helpers.library import Library

BOOKS = {"Ohio/Ashgrove/1852": 3, "Vermont/Linden/1866": 2}
DEAD = "Ohio:Ashgrove:1852:2"


class Job(NamedTuple):
    """A batch as the server lists it."""

    name: str
    display_name: str
    state: str
    records: int
    answered: int


def jobs_at(address: str, token: str) -> list[Job]:
    """The server's own list of jobs, oldest first."""
    with httpx2.Client(
        base_url=address, verify=False, trust_env=False, timeout=NEVER_SECONDS
    ) as client:
        reply = client.get("/v1beta/batches", headers={"x-goog-api-key": token})
    jobs = [entry["metadata"] for entry in reply.raise_for_status().json()["operations"]]
    return [
        Job(
            job["name"],
            job["displayName"],
            job["state"].removeprefix("BATCH_STATE_"),
            counts["requestCount"],
            counts["requestCount"] - counts.get("pendingRequestCount", 0),
        )
        for job in reversed(jobs)
        if (counts := {name: int(count) for name, count in job["batchStats"].items()})
    ]


def jobs_of(library: Library) -> list[Job]:
    """The same of the server of a run that goes on, or of one started over what it left."""
    try:
        address = json.loads((library.state / "embedded/address.json").read_bytes())
        return jobs_at(address["base_url"], address["token"])
    except (OSError, httpx2.TransportError):
        with EmbeddedProcess(library.state / "embedded") as server:
            return jobs_at(server.base_url, server.token)


def assert_true(status: dict[str, Any], jobs: list[Job]) -> None:
    """Every job that did not end is in the status, as it is at the server, and no other."""
    told = [
        (batch["name"], batch["display_name"], batch["state"], batch["records"])
        for batch in status["batches"]
    ]
    assert told == [
        (job.name, job.display_name, job.state, job.records)
        for job in jobs
        if job.state in ("PENDING", "RUNNING")
    ]


def table(library: Library) -> str:
    """What status.py prints for people."""
    with contextlib.chdir(library.root), contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main_of("status.py")(["--configfile", "config.yaml"]) == 0
    return printed.getvalue()


def test_it_tells_the_truth_during_a_run_after_a_crash_and_at_the_end(tmp_path: Path) -> None:
    faults = [f"record-error:match={DEAD}$", "batch-hold:match=wave2-,times=1,seconds=600"]
    with Library(tmp_path, BOOKS, embedded={"faults": faults}) as library:
        head = library.start()
        head.wait_for_create(library, 2)
        wait_for(lambda: [b["state"] for b in said(library, "status.py")["batches"]] == ["RUNNING"])
        status = said(library, "status.py")
        jobs = jobs_of(library)
        assert_true(status, jobs)
        assert status["records"]["sent"] == sum(job.records for job in jobs) == 4
        ended = [job for job in jobs if job.state == "SUCCEEDED"]
        assert status["records"]["answered"] == sum(job.answered for job in ended) == 2
        wait_for(lambda: said(library, "status.py")["batches"][0]["done"] == 2)
        assert status["process"] == head.process.pid
        assert (status["pages"], status["pages_read"], status["pages_left"]) == (5, 2, 3)
        assert [(b["lane"], b["wave"], b["records"]) for b in status["batches"]] == [(1, 2, 2)]
        assert status["eta_seconds"] > 0
        assert f"going on (process {head.process.pid})" in table(library)
        assert "2 in 1 lanes, 0 blocked; 1 waves ended, 2 to come" in table(library)

        head.kill()
        status = said(library, "status.py")
        assert (status["process"], status["ended_at"]) == (None, None)
        assert_true(status, jobs_of(library))
        assert status["records"]["sent"] == 4
        assert "broken off: run the same command again" in table(library)

        library.configure(embedded={"faults": faults[:1]})
        cancel = ["--configfile", "config.yaml", "--cancel", "all"]
        with contextlib.chdir(library.root), contextlib.redirect_stdout(io.StringIO()):
            main_of("batches.py")(cancel)
        library.run(code=1)
        status = said(library, "status.py")
        assert (status["outcome"], status["batches"]) == ("failed", [])
        jobs = jobs_of(library)
        assert_true(status, jobs)
        ours = {row[0] for row in library.ledger("SELECT name FROM batch WHERE name IS NOT NULL")}
        assert {job.name for job in jobs} == ours
        first = library.ledger(f"SELECT name FROM batch WHERE run_id = '{status['id']}'")
        sent = sum(job.records for job in jobs if (job.name,) in first)
        assert status["records"]["sent"] == sent
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
        assert DEAD in table(library) and "1 blocked" in table(library)

        # Before the first wave of a run has ended, earlier runs say how long one takes.
        hold = "batch-hold:match=wave1-,times=1,seconds=600"
        library.configure(embedded={"faults": [hold]})
        library.command("clear_failure_counts.py", "--key", DEAD)
        library.start().wait_for_create(library, len(library.events("create")) + 1)
        status = said(library, "status.py")
        assert status["lanes"][0]["waves_ended"] == 0
        assert status["eta_seconds"] == 2 * status["seconds_a_wave"] > 0


def test_before_the_first_run_there_is_nothing_to_tell(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run("-n")
        with contextlib.chdir(tmp_path):
            assert main_of("status.py")(["--configfile", "config.yaml"]) == 4
