"""Waves whose road is chosen when they begin: by flex, by batch while it refuses, and back."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.known_pace import know_pace
from helpers.reading import Reading

BOOKS = {"Elm/1850": 6, "Oak/1851": 3}
PAGES = sum(BOOKS.values())
QUICK_CALLS = {"retry_pause_seconds": 0.01}
REFUSES = "tier-full:tier=flex"


def reading_of(
    root: Path,
    server: EmbeddedProcess,
    books: dict[str, int] = BOOKS,
    batch: float = 1.0,
    flex: float = 0.02,
    **sections: dict[str, Any],
) -> Reading:
    """A reading by `auto`; so many seconds an earlier run met."""
    execution = {"transport": "auto"} | sections.pop("execution", {})
    calls = QUICK_CALLS | sections.pop("calls", {})
    know_pace(root / "state/ledger.sqlite", batch=batch, flex=flex)
    return Reading(root, server, books, execution=execution, calls=calls, **sections)


def roads(reading: Reading) -> Counter[str]:
    """By which roads its pages were asked for."""
    return Counter(
        row[0]
        for row in reading.query(
            "SELECT transport FROM batch b JOIN record r ON r.batch_id = b.id"
            " JOIN attempt a ON a.batch_id = b.id AND a.key = r.key WHERE run_id != 'earlier'"
        )
    )


def manifests(reading: Reading) -> Sequence[dict[str, Any]]:
    """The waves' manifests, in their order."""
    files = sorted(
        (reading.root / "logs").rglob("*.json"), key=lambda path: path.stat().st_mtime_ns
    )
    return [json.loads(file.read_text()) for file in files]


def test_while_flex_answers_all_go_by_it(tmp_path: Path, quiet_server: EmbeddedProcess) -> None:
    reading = reading_of(tmp_path, quiet_server)
    reading.run()
    reading.check()
    assert roads(reading) == {"flex": PAGES}


def test_while_flex_refuses_pages_go_by_batch_and_by_flex_again_once_it_answers(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults([REFUSES])
    reading = reading_of(tmp_path, quiet_server, {"Elm/1850": 9}, batch=0.2)

    def open_later(wave: int) -> None:
        if wave == 4:
            quiet_server.set_faults([])

    reading.run(before_wave=open_later)
    reading.check()
    taken = roads(reading)
    assert taken["batch"] >= 3 and taken["flex"] >= 1
    print(taken, [(m["transport"], m["why"], len(m["pages"])) for m in manifests(reading)])
