"""One wave: what is asked once though several pages want it, and what is free."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from helpers.accounts import problems_of_accounts
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import Player, in_one_process
from helpers.reading import QUICK, Reading
from pagewave.waves.members import Members, sort_members


def leaves_alike(library: Library, *keys: str) -> None:
    """Give these pages the image of the first, as blank leaves of one scanner may have."""
    for key in keys[1:]:
        shutil.copy(library.image(keys[0]), library.image(key))


def test_pages_that_ask_the_very_same_are_asked_once_in_a_batch(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2, "Oak/1850": 1, "Yew/1850": 1})
    keys = [reading.key(f"{name}/1850", 1) for name in ("Elm", "Oak", "Yew")]
    leaves_alike(reading.library, *keys)
    reading.run()
    assert sorted(len(batch["keys"]) for batch in reading.creates()) == [1, 1]
    assert sum(reading.inferences().values()) == 2
    (text,) = {reading.library.text(key) for key in keys}
    assert "Read after: nothing" in text
    assert reading.attempts() == reading.inferences()


def test_a_page_whose_image_was_changed_is_read_again_and_no_other(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1})
    reading.run()
    changed, same = reading.keys
    with reading.library.image(changed).open("ab") as image:
        image.write(b"more")
    reading.run()
    assert reading.inferences() == {changed: 2, same: 1}
    reading.check()


def test_what_a_wave_sends_is_decided_while_no_other_may(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two lanes send the same request, or spend the same dollar. Of two that decide at once
    by chance nothing would be sure: so it is looked at from the middle of a decision."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    held_off: list[str] = []

    def sort(*arguments: Any) -> Members:
        with closing(sqlite3.connect(tmp_path / "state/ledger.sqlite", timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                held_off.append(str(error))
        return sort_members(*arguments)

    monkeypatch.setattr("pagewave.waves.batch_road.sort_members", sort)
    reading.run()
    reading.check()
    assert held_off == ["database is locked"]


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    """Two books, each a lane of its own, that begin with leaves alike; their lanes ride at once."""
    with in_one_process(), EmbeddedProcess(tmp_path / "server", "--file-seconds", "0") as server:
        library = Library(tmp_path, {"Ohio/Elm/1850": 2, "Ohio/Oak/1850": 1}, **QUICK)
        library.configure(execution={"batch_size_limit": 1})
        leaves_alike(library, "Ohio:Elm:1850:1", "Ohio:Oak:1850:1")
        yield Player(library, server, at_once=2)


def test_pages_that_ask_the_very_same_are_asked_once_by_two_lanes(player: Player) -> None:
    player.server.set_faults(["batch-hold:times=1,seconds=0.3"])
    assert player.play() == "ok"
    assert len(player.server.log("inference")) == len(player.server.log("create")) == 2
    assert player.library.text("Ohio:Elm:1850:1") == player.library.text("Ohio:Oak:1850:1")
    assert problems_of_accounts(player.library, player.server.log(), {}) == []
