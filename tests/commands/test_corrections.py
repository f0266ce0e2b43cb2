"""corrections.py: what people changed is listed, shown beside what was read, and discarded."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import main_of, said
from helpers.embedded_process import EmbeddedProcess
from helpers.hand_edits import FIELD, WORD, break_json, correction_file, edit, on_file
from helpers.library import Library
from helpers.playing import Player, in_one_process
from pagewave.plan.targets import Command

SCRIPT = "corrections.py"
KEY, OTHER = "Ohio:Elm:1850:2", "Ohio:Elm:1850:3"


@pytest.fixture
def player(tmp_path: Path, quiet_server: EmbeddedProcess) -> Any:
    """A book of three pages that was read; somebody changed the second since."""
    with in_one_process():
        player = Player(Library(tmp_path, {"Ohio/Elm/1850": 3}), quiet_server)
        assert player.play() == "ok"
        edit(player.library, KEY)
        yield player


def printed(library: Library, *arguments: str, code: int = 0) -> str:
    """What the command prints for people."""
    given = ["--configfile", "config.yaml", *arguments]
    with contextlib.chdir(library.root), contextlib.redirect_stdout(io.StringIO()) as out:
        assert main_of(SCRIPT)(given) == code, out.getvalue()
    return out.getvalue()


def test_corrections_are_listed_before_and_after_a_run_keeps_them(player: Player) -> None:
    library = player.library
    [found] = said(library, SCRIPT)
    assert (found["key"], found["kept"], found["fields_changed"]) == (KEY, False, [FIELD])
    assert not correction_file(library, KEY).exists()  # it only looks
    player.play(Command(forced={"page"}))
    [found] = said(library, SCRIPT)
    assert (found["key"], found["kept"], found["page"]) == (KEY, True, on_file(library, KEY))
    assert found["corrects"]["attempt"] == 1
    assert "1 page corrected by hand." in printed(library)
    assert said(library, SCRIPT, "--states", "Vermont") == []


def test_what_was_read_is_shown_beside_what_it_is_now(player: Player) -> None:
    shown = printed(player.library, "--show", KEY).splitlines()
    assert shown[0] == f"--- {KEY} (what was read)"
    [added] = [line for line in shown if line.startswith("+ ")]
    assert WORD in added
    assert printed(player.library, "--show", OTHER, code=3) == ""


def test_discarding_asks_shows_what_is_lost_and_puts_back_what_was_read(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = player.library
    player.play(Command(forced={"page"}))
    page = on_file(library, KEY)
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    refused = printed(library, "--discard", KEY, code=1)
    assert WORD in refused and "Nothing was changed" in refused
    assert on_file(library, KEY) == page and correction_file(library, KEY).exists()
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert WORD in printed(library, "--discard", KEY)
    read = on_file(library, KEY)
    [newest] = library.ledger(
        f"SELECT page FROM attempt WHERE key = '{KEY}' ORDER BY id DESC LIMIT 1"
    )
    assert read == json.loads(newest[0])
    assert not correction_file(library, KEY).exists()
    assert said(library, SCRIPT) == []
    player.play(Command(forced={"page"}))
    assert WORD not in library.text(KEY)


def test_a_broken_file_is_listed_with_its_problem_and_may_be_discarded(player: Player) -> None:
    library = player.library
    break_json(library, OTHER)
    problems = {found["key"]: found["problem"] for found in said(library, SCRIPT)}
    assert problems[KEY] is None
    assert problems[OTHER].startswith("line 3, column 1: ")
    discarded = said(library, SCRIPT, "--discard-all", "--yes")
    assert [(found["key"], found["put_back"]) for found in discarded] == [
        (KEY, True),
        (OTHER, True),
    ]
    assert WORD not in library.text(KEY)
    assert f"Page {OTHER}." in library.text(OTHER)
    assert said(library, SCRIPT) == []
