"""Logging to Braintrust as part of a run, and of calls made by hand."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.braintrust_server import BraintrustServer
from helpers.embedded_process import SCRIPTS, wait_for
from helpers.library import Library

BOOKS = {"Ohio/Elm School/1850": 3, "Vermont/Linden: North/1866": 2}
FAILING = "Ohio:Elm School:1850:2"
OUTBOX = "SELECT status, COUNT(*) FROM outbox GROUP BY status"


def test_a_run_logs_every_attempt(tmp_path: Path) -> None:
    faults = {"faults": [f"invalid-schema:match={FAILING}$,times=1"]}
    sections = {"embedded": faults, "tracking": {"interval_seconds": 0.2}}
    with BraintrustServer() as server, Library(tmp_path, BOOKS, **sections) as library:
        library.environment = server.environment
        output = library.run()
        assert "Braintrust: 6 rows logged." in output
        assert "not sent yet" not in output
        assert library.ledger(OUTBOX) == [("delivered", 6)]
        attempts = library.ledger("SELECT key, number, ok FROM attempt ORDER BY id")
        logged = [
            (row["input"]["page_id"], row["metrics"]["attempt"], row["metrics"]["success"])
            for row in server.rows.values()
        ]
        assert sorted(logged) == sorted(attempts)
        failed = next(row for row in server.rows.values() if not row["metrics"]["success"])
        assert failed["input"]["page_id"] == FAILING
        assert failed["error"]
        assert '"courses":"none"' in failed["metadata"]["raw_response_text"]
        for row in server.rows.values():
            if row is not failed:
                said = f"Page {row['input']['page_id']}."
                assert said in json.dumps(row["output"])
                assert said in row["metadata"]["raw_response_text"]
                assert said in row["metadata"]["raw_response_json"]
            assert row["metadata"]["engine"] == "embedded"
            before = row["input"]["previous_context"]
            assert (before is None) == row["input"]["page_id"].endswith(":1")
            assert before is None or before in row["input"]["prompt"]
        everything = json.dumps(server.rows)
        for value in ("BRAINTRUST_API_KEY", "BRAINTRUST_APP_URL"):
            assert server.environment[value] not in everything
        assert server.other_calls == []


def test_a_run_goes_on_while_braintrust_is_down(tmp_path: Path) -> None:
    with BraintrustServer() as server, Library(tmp_path, BOOKS) as library:
        library.environment = server.environment
        server.stop()
        output = library.run()
        assert output.count("rows for Braintrust stay in the ledger for now") == 1
        assert f"Braintrust: 5 rows not sent yet ({server.url} gave no answer" in output
        assert library.ledger(OUTBOX) == [("waiting", 5)]
        assert "Traceback" not in output

        # They go with the next run, whatever that reads, and though it is not time to try again.
        server.start()
        library.add_page("Ohio/Elm School/1850", 4)
        assert "Braintrust: 6 rows logged." in library.run()
        assert len(server.rows) == 6


@pytest.mark.parametrize("batch_seconds", [3.0, 0.0], ids=["amid waves", "at the end"])
def test_a_run_that_is_told_to_stop_does_not_wait_for_braintrust(
    tmp_path: Path, batch_seconds: float
) -> None:
    tracking = {"wait_at_end_seconds": 3600, "timeout_seconds": 600, "interval_seconds": 1}
    sections = {"tracking": tracking, "embedded": {"batch_seconds": batch_seconds}}
    with BraintrustServer() as server, Library(tmp_path, BOOKS, **sections) as library:
        library.environment = server.environment
        server.trouble = lambda rows: "hang"
        head = library.start()
        wait_for(lambda: server.held)
        head.signal(signal.SIGTERM)
        _, output = head.wait()
        assert "not sent yet" in output
        assert "Traceback" not in output
        server.release()
        server.trouble = lambda rows: None
        library.configure(embedded={"batch_seconds": 0.0})
        library.add_page("Ohio/Elm School/1850", 4)
        assert "not sent yet" not in library.run()
        assert len(server.rows) == 6
        assert library.ledger(OUTBOX) == [("delivered", 6)]


def test_without_braintrust_rows_are_kept_or_not(tmp_path: Path) -> None:
    with BraintrustServer() as server, Library(tmp_path, BOOKS) as library:
        output = library.run("results/pages/Ohio/Elm School/1850/2.json")
        said = "logging to Braintrust is off"
        assert output.count(said) == 1
        assert "rows are kept and can be sent later" in output
        assert library.ledger(OUTBOX) == [("waiting", 2)]
        assert said not in library.run("-n")

        library.configure(tracking={"keep_rows": False})
        assert "no rows are kept" in library.run()
        assert library.ledger(OUTBOX) == [("waiting", 2)]

        library.environment = server.environment
        library.add_page("Ohio/Elm School/1850", 4)
        assert "Braintrust: 3 rows logged." in library.run()


def test_the_client_is_not_loaded_while_the_snakefile_is_read() -> None:
    code = (
        "import sys, pagewave.workflow.snakefile, pagewave.tracking\n"
        "print({'braintrust', 'requests', 'google.genai'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        **{
            "capture_output": True,
            "text": True,
            "check": True,
            "env": {"PYTHONPATH": str(SCRIPTS)},
        },
    )
    assert result.stdout == "set()\n"
