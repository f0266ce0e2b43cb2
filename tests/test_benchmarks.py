"""The benchmarks run, and the documentation quotes what they measured."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.overhead import FIGURES, OURS, ROOT, said, table
from helpers import forked_heads

SCALING = ROOT / "docs" / "scaling.md"


def run(*command: str, python: Sequence[str] = (sys.executable,)) -> str:
    """Run a benchmark; returns what it prints."""
    done = subprocess.run(
        [*python, str(ROOT / "benchmarks" / command[0]), *command[1:]],
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_documentation_quotes_what_was_measured() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    quoted = table(figures)
    assert quoted in SCALING.read_text(encoding="utf-8"), (
        f"docs/scaling.md is to have what python benchmarks/overhead.py --table prints:\n{quoted}"
    )
    for each in figures["sizes"]:
        for name, ratios in each["ratios"].items():
            ours, other = (
                min(cost["cpu_ms_a_page"] for cost in each["runs"][who]) for who in (OURS, name)
            )
            assert ratios["cpu"]["least"] == pytest.approx(ours / other, abs=0.001)


@pytest.mark.slow
def test_overhead_is_measured_beside_its_yardsticks(tmp_path: Path) -> None:
    asked = ("4", "--pages-a-book", "2", "--rounds", "1", "--call-ms", "5", "--batch-seconds", "0")
    run("overhead.py", *asked, "--write", str(tmp_path / "figures.json"))
    figures = json.loads((tmp_path / "figures.json").read_text())
    [found] = figures["sizes"]
    assert {*found["runs"]} == {"pagewave", "bare", "script"}
    assert found["ratios"]["script"]["makespan"]["least"] > 0
    assert found["ratios"]["bare"]["makespan"] is None
    assert "| 4 | 5 ms |" in table(figures)


def test_what_was_measured_alone_is_told_without_its_yardsticks() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    size = figures["sizes"][0]
    ours = size["runs"][OURS][:1]
    figures["sizes"] = [size | {"runs": {OURS: ours}, "ratios": {}}]
    memory = f"{ours[0]['memory_mb']} MB"
    assert f"| {memory} | - | - | - |" in table(figures)
    assert f"{ours[0]['cpu_ms_a_page']:.1f} ms CPU a page" in said(figures["sizes"][0])
    assert f"makespan {ours[0]['makespan']:.0f} s, {memory}" in said(figures["sizes"][0])


@pytest.mark.slow
def test_starts_are_measured(tmp_path: Path) -> None:
    asked = ("4", "--pages-a-book", "2", "--rounds", "1", "--only", "nothing", "few")
    printed = run("starts.py", *asked, "--write", str(tmp_path / "figures.json"))
    [found] = json.loads((tmp_path / "figures.json").read_text())["sizes"]
    for start in ("nothing", "few"):
        [cost] = found["starts"][start][OURS]
        assert cost["cpu"] > 0 and cost["memory_mb"] > 0
        assert f"| 4 | {start} |" in printed


@pytest.mark.slow
def test_makespan_is_measured_beside_its_limit(tmp_path: Path) -> None:
    asked = ("mixed", "far", "--scale", "0.05", "--write", str(tmp_path / "figures.json"))
    printed = run("makespan.py", *asked, python=forked_heads.python())
    found = json.loads((tmp_path / "figures.json").read_text())["libraries"]
    assert (found["mixed"]["books"], found["mixed"]["limit"]) == (3, 4.0)
    for each in found.values():
        assert all(min(spans) >= each["limit"] for spans in each["makespans"].values())
    assert {*found["mixed"]["parts"][0]} == {"sent", "taken", "closed", "next", "between"}
    assert found["far"]["parts"][0]["sent"] > found["far"]["call_ms"] / 1000
    assert "| mixed: 3 books, 4 pages, 2 s | 4 s |" in printed
    assert "| far: 5 books, 5 pages, 2 s, 100 ms a call | 2 s |" in printed


def test_a_wave_that_is_sent_before_it_starts_is_measured_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    parts_of = importlib.import_module("makespan").parts_of
    batches = {"batches/a": (1, 1), "batches/b": (2, 1), "batches/c": (1, 2)}

    def of_service(event: str, batch: str, t: float) -> dict[str, Any]:
        lane, wave = batches[batch]
        name = f"pagewave-7-lane{lane}-wave{wave}-0abc-12"
        return {"event": event, "batch": batch, "display_name": name, "t": t}

    def of_run(event: str, batch: str, t: float) -> dict[str, Any]:
        lane, wave = batches[batch]
        time = datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")
        return {"event": event, "lane": lane, "wave": wave, "time": time}

    service = [
        of_service("create", "batches/a", 100.5),
        of_service("create", "batches/b", 100.6),
        of_service("finish", "batches/a", 105.5),
        of_service("create", "batches/c", 106.2),
        of_service("finish", "batches/b", 107.0),
        of_service("finish", "batches/c", 111.0),
    ]
    run = [
        of_run("wave_started", "batches/a", 100.0),
        of_run("batch_sent", "batches/a", 100.6),
        of_run("batch_collected", "batches/a", 105.8),
        of_run("batch_sent", "batches/c", 106.3),
        of_run("wave_started", "batches/c", 106.7),
        of_run("wave_closed", "batches/a", 106.9),
    ]
    parts = {"sent": 0.55, "taken": 0.3, "closed": 1.1, "next": -0.2, "between": 0.7}
    assert parts_of(service, run) == pytest.approx(parts)


@pytest.mark.slow
def test_pagewave_is_measured_beside_itself(tmp_path: Path) -> None:
    asked = ("--scale", "0.02", "--rounds", "1", "--write", str(tmp_path / "figures.json"))
    printed = run("pairs.py", *asked, python=forked_heads.python())
    found = json.loads((tmp_path / "figures.json").read_text())["pairs"]
    [batch], [flex] = found["flex"]["runs"].values()
    assert flex["pages_a_second"] > 0 and {*flex} > {*batch}
    [none], [one] = found["stuck"]["runs"].values()
    assert 0.02 * 60 <= one["hung_seconds"] <= one["makespan"]
    ratio = one["outside_seconds"] / none["outside_seconds"]
    assert found["stuck"]["ratio"]["least"] == pytest.approx(ratio, abs=0.001)
    assert "| stuck: 5 books, 10 pages | one |" in printed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["images.py", "tracking.py"])
def test_what_something_adds_is_measured_in_pairs(name: str) -> None:
    assert "median" in run(name, "2", "1")


def test_the_page_on_words_quotes_what_was_measured() -> None:
    quoted = run("words.py", "--table", str(ROOT / "benchmarks/words.json")).strip()
    assert quoted in (ROOT / "docs/words.md").read_text(encoding="utf-8"), (
        f"docs/words.md is to have what python benchmarks/words.py --table prints:\n{quoted}"
    )
