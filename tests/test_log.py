"""The run's log: whole lines whatever happens to the disk, without keys."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.small_disk import files_up_to
from pagewave.log import emit, log, start_run_log, stop_run_log
from pagewave.redaction import HIDDEN, remember_key

KEY = "AIza-a-key-of-this-test"


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Path]:
    """The log of a run in this process."""
    level = log.level
    start_run_log(tmp_path, "run1")
    yield tmp_path / "runs/run1.jsonl"
    stop_run_log()
    log.setLevel(level)


def events(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_events_and_plain_lines_are_json_without_keys(lines: Path) -> None:
    remember_key(KEY)
    emit("batch_sent", 'a "quoted"\nline', batch="batches/1", attempts={"Ohio:Élan:1852:1": 2})
    log.warning("%s failed with key %s", "upload", KEY)
    log.debug("no event, but told")
    first, second, third = events(lines)
    assert (first["event"], first["level"], first["run"]) == ("batch_sent", "info", "run1")
    assert first["text"] == 'a "quoted"\nline'
    assert first["attempts"] == {"Ohio:Élan:1852:1": 2}
    assert str(first["time"]).endswith("+00:00")
    assert (second["event"], second["text"]) == ("message", f"upload failed with key {HIDDEN}")
    assert third["level"] == "debug"


def test_a_full_disk_is_told_once_and_costs_only_what_it_must(
    lines: Path, caplog: pytest.LogCaptureFixture
) -> None:
    emit("wave_closed", "first")
    with files_up_to(lines.stat().st_size + 20):
        emit("wave_closed", "torn")
        emit("wave_closed", "lost")
        emit("wave_closed", "lost as well")
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "can't be written" in warnings[0] and "the run goes on" in warnings[0]
    emit("wave_closed", "last")
    whole, torn, last = lines.read_text(encoding="utf-8").splitlines()
    assert len(torn) == 20
    assert [json.loads(line)["text"] for line in (whole, last)] == ["first", "last"]


def test_a_folder_that_can_not_be_made_costs_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runs").write_text("a file")
    start_run_log(tmp_path, "run1")
    emit("wave_closed", "told all the same")
    stop_run_log()
    assert "can't be written" in caplog.text and "told all the same" in caplog.text


def test_jobs_that_are_processes_add_to_the_same_file(tmp_path: Path, lines: Path) -> None:
    emit("wave_started", "by the head")
    if (child := os.fork()) == 0:
        start_run_log(tmp_path, "run1")
        emit("wave_closed", "by a job")
        os._exit(0)
    os.waitpid(child, 0)
    emit("run_ended", "by the head")
    assert [e["event"] for e in events(lines)] == ["wave_started", "wave_closed", "run_ended"]
