"""What makes a clock that tests move (helpers/clock.py) the clock of all pagewave."""

import ast
import subprocess
import sys
import time
from pathlib import Path

from helpers.clock import HOUR, moved_clock
from helpers.library import REPO

OTHER_CLOCKS = {"now", "utcnow", "today", "time_ns", "clock_gettime"}
WORDS_OF_NOW = ("ask.now", "seen.now", "change.now", "].now", "self.now", "entry.now", "last.now")
"""What a page or a line says now, in review and audit: no time."""


def test_pagewave_asks_no_other_clock_than_time_time() -> None:
    files = [*(REPO / "scripts").rglob("*.py"), *(REPO / "rules").glob("*.smk")]
    trees = {file: ast.parse(file.read_text()) for file in files if file.suffix == ".py"}
    nodes = [(file, node) for file, tree in trees.items() for node in ast.walk(tree)]
    calls = {id(node.func) for _, node in nodes if isinstance(node, ast.Call)}
    found = [
        (f"{file.relative_to(REPO)}:{node.lineno}", ast.unparse(node), id(node) in calls)
        for file, node in nodes
        if (
            (isinstance(node, ast.Attribute) and node.attr in {"time", *OTHER_CLOCKS})
            and not ast.unparse(node).endswith((".client.now", "_clock.now", *WORDS_OF_NOW))
        )  # the service's own time
        or (isinstance(node, ast.ImportFrom) and node.module == "time")
    ]
    assert len(found) > 50
    # A function that is kept instead of called would be the unmoved one.
    assert [place for place, asked, called in found if (asked, called) != ("time.time", True)] == []
    # Nor does the ledger: SQLite's own clock would be a second one.
    texts = [file.read_text() for file in files]
    assert not [text for text in texts if "'now'" in text or "CURRENT_TIMESTAMP" in text]


def test_a_clock_moves_this_process_and_those_that_are_started_with_it(tmp_path: Path) -> None:
    real = time.time()
    with moved_clock(tmp_path / "ahead") as clock:
        clock.move(hours=48)
        clock.move(seconds=60)
        code = "import time; print(time.time())"
        command = [sys.executable, "-c", code]
        there = subprocess.run(command, env=clock.environment, capture_output=True, text=True)
        for now in (time.time(), float(there.stdout)):
            assert real + 48 * HOUR + 60 <= now < real + 49 * HOUR
    assert time.time() < real + HOUR
