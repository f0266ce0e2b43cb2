"""What a run shows and leaves: lines in the terminal, its log, webhook, summary and report."""

import csv
import json
import re
import signal
import zipfile
from pathlib import Path
from typing import Any

from helpers.embedded_process import wait_for
from helpers.library import Library
from helpers.webhook import SECRET, Webhook

MARKUP = "Ohio/<img src=x onerror=alert(1)> & Sons/1850"
BOOKS = {"Ohio/Ashgrove/1852": 3, "Vermont/Linden/1866": 2, MARKUP: 1}
DEAD = "Ohio:Ashgrove:1852:2"
CHATTER = ("Select jobs", "Execute ", "Updating checkpoint", "DAG of jobs will", "Finished jobid")
SECONDS_AN_HOUR = 3600


def events_of(library: Library) -> list[dict[str, Any]]:
    """The events of the newest run, in order."""
    newest = max((library.root / "logs/runs").iterdir())
    return [json.loads(line) for line in newest.read_text(encoding="utf-8").splitlines()]


def named(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == name]


def progress(output: str) -> list[str]:
    """pagewave's lines about waves, without the time and names of batches."""
    lines = re.findall(r"^[\d:]{8} pagewave: (lane .*)$", output, re.MULTILINE)
    return [re.sub(r" as batches/\w+", "", line) for line in lines]


def report_of(library: Library, name: str) -> str:
    output = library.run("--report", name)
    assert "Report created." in output
    return output


def test_a_run_with_a_dead_letter_from_its_first_line_to_its_report(tmp_path: Path) -> None:
    faults = [f"record-error:match={DEAD}$"]
    notify = {"batch_older_than_hours": 0.5 / SECONDS_AN_HOUR}
    embedded = {"faults": faults, "batch_seconds": 3.0}
    with Webhook(500) as webhook, Library(tmp_path, BOOKS, notify=notify) as library:
        library.configure(embedded=embedded)
        library.environment = {"PAGEWAVE_WEBHOOK": webhook.url}
        output = library.run(code=1)

        # The terminal: a line a wave event; what failed is seen, and no page that did not.
        lines = [line for line in progress(output) if " is still " not in line]
        assert lines == [
            "lane 1 wave 1: 3 pages sent",
            "lane 1 wave 1: 3 read; 3 of 6 pages done",
            "lane 1 wave 2: 2 pages sent",
            "lane 1 wave 2: 1 read, 1 failed (1 APIError), to be tried again; 4 of 6 pages done",
            "lane 1 wave 3: 1 page sent",
            "lane 1 wave 3: 1 failed (1 APIError), to be tried again; 4 of 6 pages done",
            "lane 1 wave 4: 1 page sent",
            "lane 1 wave 4: 1 dead letter; 4 of 6 pages done",
        ]
        assert "6 pages of 3 books to read, 3 waves in 1 lane, engine embedded" in output
        assert f"pagewave: {DEAD} is a dead letter after 3 failures, the last one APIErr" in output
        assert f"Dead letter: {DEAD} is a dead letter after 3 failures" in output
        assert "/scripts/analyze_failures.py --configfile config.yaml" in output
        for noise in (*CHATTER, "Cannot restore", "RuleException", ": page 1 of"):
            assert noise not in output
        # Snakemake's own log has it all.
        snakemake_log = next((tmp_path / ".snakemake/log").iterdir()).read_text()
        assert "Select jobs" in snakemake_log and f"{DEAD} is a dead letter" in snakemake_log

        # The run's log, held against the ledger.
        events = events_of(library)
        batches = library.ledger("SELECT name FROM batch ORDER BY id")
        assert [(e["batch"],) for e in named(events, "batch_sent")] == batches
        assert [e["attempts"][DEAD] for e in named(events, "batch_sent")[1:]] == [1, 2, 3]
        collected = named(events, "batch_collected")
        totals = "records_sent, records_answered, records_valid, prompt_tokens, output_tokens"
        assert [tuple(e[name] for name in totals.split(", ")) for e in collected] == library.ledger(
            f"SELECT {totals} FROM batch_totals ORDER BY batch_id"
        )
        failed = [(e["key"], e["attempt"], e["error_type"]) for e in named(events, "record_failed")]
        assert failed == library.ledger(
            "SELECT key, attempt_number, error_type FROM failure ORDER BY id"
        )
        assert {e["state"] for e in named(events, "batch_state")} >= {"SUCCEEDED"}
        assert [e["key"] for e in named(events, "dead_letter")] == [DEAD]
        assert [e["pages_done"] for e in named(events, "wave_closed")][:4] == [3, 4, 4, 4]
        assert events[-1]["event"] == "run_ended" and events[-1]["outcome"] == "failed"

        # The webhook: long batches, and the end; refused once, and posted again.
        posted = [event["event"] for event in webhook.events]
        assert posted == [*["batch_old"] * 4, "run_ended"]
        end = webhook.events[-1]
        assert (end["pages_done"], end["pages"], end["dead_letters"]) == (4, 6, 1)
        everything = output + json.dumps(events) + snakemake_log
        assert SECRET not in everything

        # The report after a failed run: no server starts, and what is not there breaks nothing.
        served = (library.state / "embedded/log.jsonl").read_text()
        ledger = (library.state / "ledger.sqlite").read_bytes()
        report_of(library, "failed.html")
        assert (library.state / "embedded/log.jsonl").read_text() == served
        assert (library.state / "ledger.sqlite").read_bytes() == ledger
        assert "<img src=x" not in (tmp_path / "failed.html").read_text(encoding="utf-8")
        failures = (tmp_path / "logs/summary/failures.html").read_text()
        assert f"<td>{DEAD}</td><td>3 failures, the last one APIError" in failures

        # Another run reads the rest; the summary follows, and nothing is done for its sake.
        library.configure(embedded={"faults": [], "batch_seconds": 0.0})
        library.command("clear_failure_counts.py", "--key", DEAD)
        output = library.run()
        assert "2 of 2 pages done" in output
        assert re.search(
            r"Next: \S*snakemake .*--configfile config.yaml --report report.html\n", output
        )
        assert "Nothing to be done" in library.run()
        assert len(list((tmp_path / "logs/runs").iterdir())) == 2
        check_summary(library)
        check_report(library)


def check_summary(library: Library) -> None:
    """The tables say what the ledger and the books say; names are text in them."""
    summary = library.root / "logs/summary"
    with (summary / "books.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, dialect="excel-tab"))
    assert [(row["state"], row["school"], row["year"]) for row in rows] == [
        tuple(book.split("/")) for book in sorted(BOOKS)
    ]
    assert [(row["pages"], row["read"], row["dead letters"]) for row in rows] == [
        (str(BOOKS[book]), str(BOOKS[book]), "0") for book in sorted(BOOKS)
    ]
    attempts = library.ledger("SELECT COUNT(*), SUM(prompt_tokens) FROM attempt")[0]
    assert sum(int(row["attempts"]) for row in rows) == attempts[0]
    assert sum(int(row["tokens in"]) for row in rows) == attempts[1]
    cost = (summary / "cost.html").read_text()
    assert f'<td>all</td>{"<td></td>" * 6}<td class="number">{attempts[0]}<' in cost
    for read in (4, 2):
        assert f'Z</td><td class="number">{read}</td>' in cost
    check_history(library, (summary / "history.html").read_text())
    for file in summary.iterdir():
        assert "<img" not in file.read_text() or file.suffix == ".tsv"
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; Sons" in (summary / "books.html").read_text()
    run = library.ledger("SELECT id FROM run ORDER BY started_at DESC LIMIT 1")[0][0]
    waves = (summary / "waves.svg").read_text()
    assert f"Waves of run {run}" in waves
    assert waves.count("<title>") == 2
    assert f"<h2>Run {run}</h2>" in (summary / "run.html").read_text()


def check_history(library: Library, history: str) -> None:
    """Runs lead to batches, batches to records, and records to all attempts at their pages."""
    places = dict(re.findall(r'<details id="(\w+)"><summary>(.*?)</summary>', history))
    titles = {title: place for place, title in places.items()}
    runs = [run for (run,) in library.ledger("SELECT id FROM run")]
    assert len(runs) == 2
    for run in runs:
        title = f"Batches of run {run}"
        assert f'<a href="#{titles[title]}">{title}</a>' in history
    for name, number in library.ledger(
        "SELECT display_name, COUNT(*) FROM batch JOIN record ON batch_id = batch.id GROUP BY 1"
    ):
        assert f'<a href="#{titles[name]}">{name}</a>' in history
        opened = history.partition(f"<summary>{name}</summary>")[2].partition("</details>")[0]
        assert opened.count("<tr>") == number + 1
    failed = history.partition(f"<summary>{DEAD}</summary>")[2].partition("</details>")[0]
    assert f'<a href="#{titles[DEAD]}">{DEAD}</a>' in history
    outcomes = re.findall(r'<td class="number">(\d)</td><td>(\w+)</td><td>(\w*)', failed)
    assert outcomes == [*((str(n), "failed", "APIError") for n in (1, 2, 3)), ("1", "read", "")]


def check_report(library: Library) -> None:
    """The report holds the summary and every finished book; no name is markup in it."""
    output = report_of(library, "report.zip")
    assert "Missing metadata" not in output
    with zipfile.ZipFile(library.root / "report.zip") as report:
        names = [Path(name).name for name in report.namelist()]
        page = report.read("report/report.html").decode()
        texts = [report.read(name).decode() for name in report.namelist() if "text.txt" in name]
    for name in (
        "run.html",
        "waves.svg",
        "books.html",
        "books.tsv",
        "failures.html",
        "cost.html",
        "history.html",
    ):
        assert names.count(name) == 1
    # The book whose path could become a tag of the report's own page is in its tables alone.
    assert names.count("book.json") == names.count("text.txt") == len(BOOKS) - 1
    assert any("Page Vermont:Linden:1866:2." in text for text in texts)
    assert "<img src=x" not in page
    for told in ('"what": "waves over time"', '"school": "Linden"', "A finished book."):
        assert told in page


def test_what_was_told_before_a_crash_is_in_the_log(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm/1850": 2}, embedded={"batch_seconds": 600.0}) as library:
        head = library.start()
        wait_for(lambda: (tmp_path / "logs/runs").exists())
        wait_for(lambda: bool(named(events_of(library), "batch_sent")))
        head.kill()
        told = [event["event"] for event in events_of(library) if event["event"] != "message"]
        assert told[:3] == ["run_started", "wave_started", "batch_sent"]
        assert not (tmp_path / "logs/summary").exists()
        # The report works without a summary too: there has been no end yet.
        report_of(library, "report.html")

        head = library.start("--verbose")
        wait_for(lambda: len(list((tmp_path / "logs/runs").iterdir())) == 2)
        wait_for(lambda: "waiting for batch" in head.output)
        head.signal(signal.SIGTERM)
        code, output = head.wait()
        assert code != 0
        assert "Select jobs" in output  # --verbose shows what is hidden else
        assert re.search(r"Next: \S*snakemake (--verbose|-s)", output)
        assert events_of(library)[-1]["outcome"] == "stopped"
