"""status.py --runs, --run, --batch and --page: any run of a ledger, opened down to a page."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import main_of
from pagewave.ledger import FailureRow, Ledger, MemberOutcome, Outcome, Record
from pagewave.ledger.answers import Attempt, Flag
from pagewave.plan.schedule import plan

LONG = "Massachusetts:Mount Holyoke Female Seminary:1852:17"
ELM = "Ohio:Elm:1850:1"
BATCH = "batches/rn8h1713xzv7ufhtjk0enc7esatcomkphckp"


def send(ledger: Ledger, run: str, keys: list[str], attempt: int = 1) -> int:
    records = [Record(key, f"f{key}", attempt, None, "{}", "1.jpg", "abc") for key in keys]
    batch = ledger.batches.add_intent(
        f"pagewave-{run}-lane1-wave1-699b734a", "gemini", "m", "p", run, 1, 1, records
    )
    return batch.id


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with a run that broke off, one that ended, and a trial."""
    file = tmp_path_factory.mktemp("runs") / "ledger.sqlite"
    ledger = Ledger.open(file)
    ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "Read.")
    ledger.runs.start("20261101T100000Z", "gemini", "m", plan([[LONG], [ELM]], 10), [])
    first = send(ledger, "20261101T100000Z", [LONG, ELM])
    ledger.batches.mark_submitted(first, BATCH)
    good = Attempt(ELM, 1, f"f{ELM}", "{}", "STOP", 10, 5, 2, 0, 0.25, (Flag("Echo", "as before"),))
    failed = FailureRow(LONG, 1, True, "Truncated", "the answer reached its limit " * 3)
    ledger.answers.commit(first, "SUCCEEDED", None, [good], [failed])
    outcomes = [
        MemberOutcome(ELM, Outcome.READ, False, None),
        MemberOutcome(LONG, Outcome.FAILED, False, None),
    ]
    ledger.runs.close_wave("20261101T100000Z", 1, 1, 0.0, outcomes)
    ledger.runs.start("20261102T100000Z", "gemini", "m", plan([[LONG]], 10), [])
    second = send(ledger, "20261102T100000Z", [LONG], 2)
    ledger.batches.mark_submitted(second, "batches/2")
    ledger.runs.end("20261102T100000Z", "on its way")
    ledger.runs.start("20261103T100000Z-trial", "embedded", "m", [], [], "trial")
    ledger.runs.end("20261103T100000Z-trial", "ok")
    ledger.close()
    return file


def told(path: Path, *arguments: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main_of("status.py")([*arguments, "--ledger", str(path)]) == 0
    return printed.getvalue()


def told_as_json(path: Path, *arguments: str) -> Any:
    return json.loads(told(path, *arguments, "--json"))


def test_all_runs_are_listed_the_newest_first(path: Path) -> None:
    runs = told_as_json(path, "--runs")
    assert [(run["id"], run["purpose"], run["outcome"]) for run in runs] == [
        ("20261103T100000Z-trial", "trial", "ok"),
        ("20261102T100000Z", "workflow", "on its way"),
        ("20261101T100000Z", "workflow", "broken off"),
    ]
    assert [(run["pages"], run["read"], run["usd"]) for run in runs] == [
        (0, 0, 0.0),
        (1, 0, 0.0),
        (2, 1, 0.25),
    ]
    table = told(path, "--runs")
    assert "1 of 2" in table and "0.2500" in table
    assert "status.py --ledger" in table and "--run 20261103T100000Z-trial" in table


def test_an_earlier_run_is_opened(path: Path) -> None:
    run = told_as_json(path, "--run", "20261101T100000Z")
    assert (run["id"], run["pages_read"], run["process"]) == ("20261101T100000Z", 1, None)
    assert [batch["name"] for batch in run["all_batches"]] == [BATCH]
    # What the later run has at the service is none of its own.
    assert run["batches"] == []
    assert run["eta_seconds"] is None
    shown = told(path, "--run", "20261101T100000Z")
    assert "broken off; a later run went on where it stood" in shown
    assert f"--batch {BATCH}" in shown
    assert told_as_json(path)["id"] == "20261102T100000Z"


def test_a_batch_opens_to_its_records_and_a_record_to_its_page(path: Path) -> None:
    for name in (BATCH, "pagewave-20261101T100000Z-lane1-wave1-699b734a"):
        members = told_as_json(path, "--batch", name)["members"]
        assert [(m["key"], m["attempt"], m["outcome"], m["usd"]) for m in members] == [
            (LONG, 1, "failed", None),
            (ELM, 1, "read", 0.25),
        ]
        assert members[0]["reason"].startswith("Truncated: the answer reached its limit")
        assert members[1]["reason"] == "Echo: as before"
    attempts = told_as_json(path, "--page", LONG)
    assert [(a["run_id"], a["attempt"], a["outcome"]) for a in attempts] == [
        ("20261101T100000Z", 1, "failed"),
        ("20261102T100000Z", 2, "in flight"),
    ]
    assert f"--page '{LONG}'" in told(path, "--batch", BATCH)


@pytest.mark.parametrize(
    ("option", "name"), [("--run", "nobody"), ("--batch", "batches/0"), ("--page", "a:b:1:1")]
)
def test_what_is_not_there_is_one_message(
    path: Path, option: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_of("status.py")([option, name, "--ledger", str(path)]) == 2
    assert name in capsys.readouterr().err
