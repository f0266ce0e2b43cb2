"""One folder of pages, one ledger, which knows all: else exit code 4 before anything is sent."""

import contextlib
import itertools
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from helpers.command_calls import main_of, said
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import Player, head_of, in_one_process
from helpers.reading import QUICK, Reading
from pagewave.errors import LedgerError
from pagewave.ledger.belonging import MARK
from pagewave.plan.targets import Command
from pagewave.waves.lost_ledger import refuse_lost
from pagewave.waves.submit import Submission, intend
from pagewave.workflow.run import Run

BOOK = "Ohio/Elm/1850"
FIRST = Command({f"results/pages/{BOOK}/1.json"})
LEDGER = "ledger.sqlite"


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    """A book of two pages, and the server that commands start anew over the same jobs."""
    folder = tmp_path / "state/embedded"
    with in_one_process(), EmbeddedProcess(folder, "--file-seconds", "0") as server:
        yield Player(Library(tmp_path, {BOOK: 2}, **QUICK), server)


def command(player: Player, script: str, *arguments: str) -> None:
    """An operator's command; an embedded server is its own while it goes on."""
    player.server.stop()
    said(player.library, script, *arguments)
    player.server.restart()


def lose_ledger(player: Player) -> None:
    """As if it had been deleted."""
    for file in player.library.state.glob(f"{LEDGER}*"):
        file.unlink()


def is_refused(player: Player, words: str) -> None:
    """The next command ends with code 4 and these words, and sends nothing."""
    sent = len(player.server.log("create"))
    with contextlib.chdir(player.library.root), pytest.raises(LedgerError) as refused:
        head_of(player.library, Command()).plan.refuse_foreign()
    assert refused.value.exit_code == 4
    assert words in str(refused.value)
    assert re.search(r"python \S*scripts/rebuild_ledger.py", str(refused.value))
    assert player.play() == "failed"
    assert len(player.server.log("create")) == sent


def new_folder(path: Path) -> Path:
    """The folder, once it is there."""
    path.mkdir()
    return path


def readings(player: Player) -> list[int]:
    """How often each page was read, by its number."""
    return [times for _, times in sorted(player.library.inferences().items())]


# The ledger is gone


def test_without_the_ledger_what_is_in_flight_is_not_sent_again(player: Player) -> None:
    assert player.play(crash_at="name-stored") == "crashed"
    lose_ledger(player)
    is_refused(player, "requests of batches that the ledger does not know")
    command(player, "rebuild_ledger.py")
    assert player.play() == "ok"
    assert readings(player) == [1, 1]


def test_without_the_ledger_the_pages_are_still_its_own(player: Player) -> None:
    assert player.play() == "ok"
    lose_ledger(player)
    player.library.add_page(BOOK, 3)
    is_refused(player, "belong to another ledger")
    command(player, "rebuild_ledger.py")
    assert player.play() == "ok"
    assert readings(player) == [1, 1, 1]


def test_requests_that_nothing_came_of_stop_no_run_after_a_rebuild(player: Player) -> None:
    assert player.play(crash_at="requests-uploaded") == "crashed"
    lose_ledger(player)
    is_refused(player, "requests of batches that the ledger does not know")
    command(player, "rebuild_ledger.py")
    assert player.play() == "ok"
    assert readings(player) == [1, 1]


TRIAL = ("try_prompt.py", "--page", "Ohio:Elm:1850:2", "--template", "v1.jinja")
COMPARISON = ("compare_prompts.py", "--a", "v1.jinja", "--b", "v1.1.jinja", "--sample", "1")


@pytest.mark.parametrize(
    ("crash_at", "beside", "words"),
    [
        ("name-stored", COMPARISON, "requests of batches that the ledger does not know"),
        ("page-marked", COMPARISON, "belong to another ledger"),
        ("page-marked", TRIAL, "belong to another ledger"),
    ],
)
def test_a_command_that_reads_in_between_hides_no_lost_ledger(
    player: Player, crash_at: str, beside: tuple[str, ...], words: str
) -> None:
    assert player.play(crash_at=crash_at) == "crashed"
    lose_ledger(player)
    command(player, *beside, *(["--yes"] if beside is COMPARISON else []))
    is_refused(player, words)
    command(player, "rebuild_ledger.py")
    assert player.play() == "ok"


def test_a_trial_makes_no_new_ledger_beside_requests_in_flight(player: Player) -> None:
    assert player.play(crash_at="name-stored") == "crashed"
    lose_ledger(player)
    player.server.stop()
    given = ["--configfile", "config.yaml", *TRIAL[1:]]
    with contextlib.chdir(player.library.root):
        assert main_of(TRIAL[0])(given) == 4
    player.server.restart()
    is_refused(player, "requests of batches that the ledger does not know")


@pytest.mark.parametrize("beside", ["comparison", "trial"])
def test_what_is_no_reading_makes_a_new_ledger_no_old_one(
    tmp_path: Path, quiet_server: EmbeddedProcess, beside: str
) -> None:
    """compare_prompts.py and try_prompt.py write into a new ledger before the next run does."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    reading.library.config["engine"] = "gemini"
    quiet_server.set_faults(["batch-hold:times=1,seconds=3600"])
    with reading.crash_in("pagewave.waves.batch_road.collect"):
        reading.run()
    for file in (tmp_path / "state").glob(f"{LEDGER}*"):
        file.unlink()
    session = reading.session = reading._new_session()
    request = session.request_for(reading.keys[0])
    session.ledger.runs.start("beside", "gemini", "a model", [], [], purpose=beside)
    if beside == "comparison":
        intend(session, "beside", 1, 1, [Submission(request, 1, ())])
    else:
        session.ledger.calls.add("beside", request.key, "a model", "hash", "print", None)
    with pytest.raises(LedgerError, match=r"a ledger was lost.* Run first: rebuild it") as lost:
        refuse_lost(session, "rebuild it")
    assert reading.creates()[0]["batch"] in str(lost.value)
    reading.release()


@pytest.mark.parametrize("images", ["inline", "uploaded"])
@pytest.mark.parametrize("whose", ["ours", "others'"])
def test_with_nothing_left_here_the_service_tells_whose_batches_go_on(
    tmp_path: Path, quiet_server: EmbeddedProcess, whose: str, images: str
) -> None:
    """Others may use the same key and prefix; our images are told by their hashes."""
    names = {"ours": ["Elm/1850"], "others'": ["Oak/1850"]}
    first, second = (
        Reading(new_folder(tmp_path / name), quiet_server, {book: 1}, files={"images": images})
        for name, book in (("first", names[whose][0]), ("second", "Elm/1850"))
    )
    for reading in (first, second):
        reading.library.config["engine"] = "gemini"
        reading.session = reading._new_session()
    if whose == "ours":
        shutil.copy(first.library.image(first.keys[0]), second.library.image(second.keys[0]))
    quiet_server.set_faults(["batch-hold:times=1,seconds=3600"])
    with first.crash_in("pagewave.waves.batch_road.collect"):
        first.run()
    second.session = second._new_session()
    if whose == "ours":
        with pytest.raises(LedgerError, match=r"a ledger was lost.* Run first: rebuild it") as lost:
            refuse_lost(second.session, "rebuild it")
        assert first.creates()[-1]["batch"] in str(lost.value)
        second.session.ledger.identity.forget(time.time() + 60)
    refuse_lost(second.session, "rebuild it")
    refuse_lost(first.session, "rebuild it")  # it knows them
    first.release()


# nuke_database: go on


def test_a_ledger_that_was_emptied_goes_on_with_the_pages(player: Player) -> None:
    assert player.play() == "ok"
    command(player, "nuke_database.py", "--confirm")
    player.library.add_page(BOOK, 3)
    assert player.play() == "ok"
    assert readings(player) == [1, 1, 1]


def test_what_was_given_up_by_force_stops_no_run(player: Player) -> None:
    player.server.set_faults(["job-pending:times=1"])
    assert player.play(crash_at="name-stored") == "crashed"
    command(player, "nuke_database.py", "--confirm", "--force")
    assert player.play() == "ok"
    assert len(player.server.log("create")) == 3


# A copy of the ledger


def test_a_copy_that_lacks_nothing_goes_on(player: Player) -> None:
    assert player.play(FIRST) == "ok"
    ledger = player.library.state / LEDGER
    shutil.copy(ledger, player.library.root / "copy")
    lose_ledger(player)
    shutil.copy(player.library.root / "copy", ledger)
    assert player.play() == "ok"
    assert readings(player) == [1, 1]


def test_a_copy_from_before_the_last_run_is_completed_first(player: Player) -> None:
    assert player.play(FIRST) == "ok"
    ledger = player.library.state / LEDGER
    shutil.copy(ledger, player.library.root / "copy")
    assert player.play() == "ok"
    lose_ledger(player)
    shutil.copy(player.library.root / "copy", ledger)
    player.library.add_page(BOOK, 3)
    is_refused(player, "is an older copy: it does not know run run1")
    command(player, "rebuild_ledger.py")
    assert player.play() == "ok"
    assert readings(player) == [1, 1, 1]


def test_a_copy_from_the_middle_of_the_last_run_is_completed_first(player: Player) -> None:
    """Else the pages that it does not know would be taken for typed by hand."""
    copy, read_wave = player.library.root / "copy", Run.read_wave

    def read(run: Run, lane: int, wave: int, manifest: str) -> None:
        if wave == 2:
            with (
                contextlib.closing(sqlite3.connect(player.library.state / LEDGER)) as source,
                contextlib.closing(sqlite3.connect(copy)) as to,
            ):
                source.backup(to)
        read_wave(run, lane, wave, manifest)

    with patch.object(Run, "read_wave", read):
        assert player.play() == "ok"
    lose_ledger(player)
    shutil.copy(copy, player.library.state / LEDGER)
    player.library.add_page(BOOK, 3)
    is_refused(player, "is an older copy: it lacks answers")
    command(player, "rebuild_ledger.py")
    assert player.play() == "ok"
    assert readings(player) == [1, 1, 1]
    assert not list((player.library.root / "corrections").rglob("*.json"))


def test_an_attempt_that_turned_out_to_be_none_makes_no_older_copy(player: Player) -> None:
    player.library.configure(execution={"max_batch_failures": 1})
    player.server.set_faults(["no-result-file", "job-partial:share=0"])
    assert player.play() == "failed"
    assert player.library.ledger("SELECT COUNT(*) FROM attempt") == [(1,)]
    player.server.end_delays()
    assert player.play(crash_at="cleaned-up") == "crashed"
    assert player.library.ledger("SELECT COUNT(*) FROM attempt") == [(0,)]
    with contextlib.chdir(player.library.root):
        head_of(player.library, Command()).plan.refuse_foreign()


# Another checkout


def test_a_second_ledger_over_one_folder_is_refused(tmp_path: Path, player: Player) -> None:
    assert player.play(FIRST) == "ok"
    (tmp_path / "other").mkdir()
    other = Library(tmp_path / "other", {BOOK: 2}, **QUICK)
    other.configure(paths={"output_dir": str(tmp_path / "results/pages")})
    is_refused(Player(other, player.server), str(tmp_path / "state" / LEDGER))


def test_a_folder_that_was_moved_as_a_whole_goes_on(tmp_path: Path, player: Player) -> None:
    assert player.play(FIRST) == "ok"
    shutil.copytree(tmp_path, tmp_path / "moved", ignore=shutil.ignore_patterns("embedded"))
    moved = Library(tmp_path / "moved", {}, **QUICK)
    assert Player(moved, player.server, _numbers=itertools.count(5)).play() == "ok"


def test_pages_without_a_mark_are_taken_over(player: Player) -> None:
    """So they were left by versions before there was one."""
    assert player.play(FIRST) == "ok"
    mark = player.library.root / "results/pages" / MARK
    mark.unlink()
    assert player.play() == "ok"
    assert mark.exists()


# The command


def test_the_dry_run_says_it_with_a_command_to_paste(tmp_path: Path) -> None:
    with Library(tmp_path, {BOOK: 1}) as library:
        library.run()
        for file in library.state.glob(f"{LEDGER}*"):
            file.unlink()
        output = library.run("-n", code=4)
        assert "rebuild_ledger.py --configfile config.yaml" in output
