"""Keys, and names of books and batches, as the commands show them at a terminal: never broken."""

import contextlib
import io
import re
import sqlite3
from collections.abc import Iterator

import pytest

from helpers.command_calls import main_of
from helpers.embedded_process import EmbeddedProcess
from helpers.hand_edits import edit
from helpers.library import Library
from helpers.playing import Player, in_one_process
from pagewave.ledger import Ledger

SCHOOL = "Saint Mary's Academy Raleigh"
BOOK = f"North Carolina/{SCHOOL}/1859"
OTHER_BOOK = f"North Carolina/{SCHOOL}/1860"
KEY = f"North Carolina:{SCHOOL}:1859:{{}}"
READ, EDITED, DEAD = (KEY.format(number) for number in (1, 2, 3))
OPEN = "batches/rn8h1713xzv7ufhtjk0enc7esatcomkphckp"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A book of long names, with a page that was corrected, a dead letter and an open batch."""
    root = tmp_path_factory.mktemp("whole")
    (root / "drawer" / OTHER_BOOK).mkdir(parents=True)
    with EmbeddedProcess(root / "server") as server, in_one_process():
        server.set_faults(["blocked:match=:3$"])
        player = Player(Library(root, {BOOK: 3}, execution={"max_retries": 1}), server)
        assert player.play() == "failed"
    made = player.library
    edit(made, EDITED)
    ledger = Ledger.open(made.state / "ledger.sqlite")
    (first, *_) = ledger.batches.all()
    records = ledger.batches.records(first.id)
    sent = ledger.batches.add_intent(
        *("pagewave-r9-lane1-wave1-1", "embedded", first.model, first.prompt_sha256),
        *(first.run_id, 1, 9, records),
    )
    ledger.batches.mark_submitted(sent.id, OPEN)
    ledger.close()
    with sqlite3.connect(made.state / "ledger.sqlite") as connection:
        flag = "INSERT INTO flag (attempt_id, key, what, message, created_at)"
        answer = "SELECT attempt_id, key, 'Echo', 'as the page before', 0 FROM page WHERE key = ?"
        connection.execute(f"{flag} {answer}", [READ])
    for number in (1, 2):
        (root / "drawer" / OTHER_BOOK / f"{number}.jpg").write_bytes(made.image(READ).read_bytes())
    yield made


SHOWN: list[tuple[list[str], list[str]]] = [
    (["pages"], [READ, EDITED]),
    (["analyze_failures"], [DEAD]),
    (["analyze_failures", "--by-school"], [f"North Carolina/{SCHOOL}"]),
    (["analyze_failures", "--page", DEAD], [DEAD]),
    (["flags"], [READ]),
    (["corrections"], [EDITED]),
    (["batches"], [OPEN]),
    (["batches", "--all"], [OPEN]),
    (["status"], [OPEN, DEAD]),
    (["status", "--page", READ], [READ]),
    (["status", "--batch", OPEN], [READ]),
    (["import_scans", "drawer", "-n"], [OTHER_BOOK]),
]
"""Commands with their options, and what each shows."""


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(("command", "names"), SHOWN, ids=lambda given: " ".join(given[:2]))
def test_no_key_and_no_name_is_broken(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    names: list[str],
    columns: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    script, *options = command
    with contextlib.chdir(library.root), contextlib.redirect_stdout(io.StringIO()) as printed:
        main_of(f"{script}.py")([*options, "--configfile", "config.yaml"])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed.getvalue()).splitlines()
    for whole in names:
        assert any(whole in line for line in lines), printed.getvalue()
    drawn = [line for line in lines if re.search("[┏┃│└]", line)]
    assert all(len(line) <= columns for line in drawn)
