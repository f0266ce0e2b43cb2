"""Random books, faults, crashes, forced rebuilds, corrections, other settings, keys and transports:
nothing is lost, nothing paid twice.

In each run of the tests a sample of 40 cases, and 2 with the real command: each commit draws
others, and pytest's first lines say how to draw them again. The campaign of 2,000 and 10 cases is
campaign.py.
"""

import contextlib
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed, settings

from helpers.accounts import (
    events_of,
    problems_of_accounts,
    problems_of_leftovers,
    problems_of_pages,
)
from helpers.embedded_process import EmbeddedProcess
from helpers.hand_edits import WORD, edit, on_file
from helpers.keyed_proxy import KeyedProxy
from helpers.library import Library
from helpers.playing import Player, in_one_process, undone
from helpers.random_cases import PROJECTS, Case, cases, seed_of_commit
from helpers.reading import QUICK
from pagewave import crash_points as crash
from pagewave.errors import ServiceError
from pagewave.plan.targets import Command

PARTS = 8
"""Of the cases, each with a seed of its own: most of a case's time is waiting."""
RUNS_IN_TROUBLE, RUNS_IN_PEACE = 4, 4
"""Plain commands after those of a case: with its faults, and without."""
SAMPLE, REAL_SAMPLE = 40, 2
REAL_CASES = 10
IN_HALVES = {error: [{"halves": True}] for error in ("Truncated", "Repetition")}
DEADLINES = {"max_poll_attempts": 40, "cancel_seconds": 0.5, "reconcile_seconds": 0.5}
"""A batch has 0.8 seconds, and 0.5 more once it is cancelled."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    """One server for all cases; their keys tell them apart."""
    arguments = ("--file-seconds", "0", "--active", "100000")
    with in_one_process(), EmbeddedProcess(tmp_path_factory.mktemp("server"), *arguments) as ready:
        yield ready


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new folder for each case."""
    base = tmp_path_factory.mktemp("cases")
    return (base / f"C{number}" for number in count())


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_pages_are_right_or_dead_and_paid_once(
    request: pytest.FixtureRequest, server: EmbeddedProcess, folders: Iterator[Path], part: int
) -> None:
    @draw(request, part, SAMPLE // PARTS, settings().max_examples // PARTS)
    @given(case=cases())
    def play(case: Case) -> None:
        play_case(server, next(folders), case)

    play()


def draw(
    request: pytest.FixtureRequest, part: int, few: int, many: int
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Lets a test have `few` cases of a commit's sample, or `many` in a campaign."""
    first_seed = int(request.config.getoption("--hypothesis-seed") or seed_of_commit())
    is_campaign = request.config.getoption("--hypothesis-profile") == "long"

    def with_settings(test: Callable[[], None]) -> Callable[[], None]:
        chosen = settings(max_examples=many if is_campaign else few)(test)
        return seed(PARTS * first_seed + part)(chosen)

    return with_settings


def play_case(server: EmbeddedProcess, root: Path, case: Case) -> None:
    """The commands of a case, plain ones until all is well, and what must be true then."""
    with KeyedProxy(server, PROJECTS) as proxy:
        service = server if case.engine == "embedded" else proxy
        play_against(Player(make_library(root, case), service, case.at_once), server, case)
    shutil.rmtree(root)


def play_against(player: Player, server: EmbeddedProcess, case: Case) -> None:
    """The same by a player; `server` is told of the faults."""
    library, root = player.library, player.library.root
    is_keyed = case.engine == "gemini"
    log = server.state_dir / "log.jsonl"
    start = log.stat().st_size
    server.set_faults(case.faults)
    for folder in ("images", "state/halves"):
        server.show_images(root / folder)
    edited: dict[str, Any] = {}
    for step in case.steps:
        edit_page(library, step.edit, edited)
        if step.temperature is not None:
            library.configure(model={"generation_config": {"temperature": step.temperature}})
        if step.transport:
            library.configure(execution={"transport": step.transport})
        player.key = step.key if is_keyed else ""
        command = command_of(step.force, root.name)
        player.play(command, step.crash_at, begins_late=step.begins_late)
    # None can go on while something of another is in flight, or may be.
    keys = [*PROJECTS] if is_keyed else [""]
    for number in range(RUNS_IN_TROUBLE + RUNS_IN_PEACE):
        if number == RUNS_IN_TROUBLE:
            server.set_faults([])
        if all(play_with(player, key) != "crashed" for key in keys) and not undone(library)[0]:
            break
    server.set_faults([])
    for player.key in [*keys, *keys]:
        with contextlib.suppress(ServiceError):  # something of another key is in flight
            player.collect_all()
    pending, unread = undone(library)
    events = events_of(log, start)
    assert not pending
    assert problems_of_pages(library, unread, goes_on(case)) == []
    assert problems_of_accounts(library, events, player.forced, unread, edited) == []
    assert {key: on_file(library, key) for key in edited} == edited
    if not is_keyed:  # files of another project can't be deleted: they expire
        assert problems_of_leftovers(library, events) == []
    if not (case.faults or edited) and case.in_flight == "collect":
        good = Counter(key for (key,) in library.ledger("SELECT key FROM attempt WHERE ok"))
        assert {k: n for k, n in good.items() if n > 1 + player.forced[k]} == {}


def play_with(player: Player, key: str) -> str:
    """A plain command with this key: how it ended."""
    player.key = key
    return player.play()


def test_so_it_is_with_the_real_command(
    request: pytest.FixtureRequest, folders: Iterator[Path]
) -> None:
    @draw(request, 0, REAL_SAMPLE, REAL_CASES)
    @given(case=cases(most_steps=2))
    def play(case: Case) -> None:
        play_really(next(folders), case)

    play()


def play_really(root: Path, case: Case) -> None:
    """The same with the real command; its server is a part of each run."""
    forced: Counter[str] = Counter()
    case = replace(case, engine="embedded")
    with make_library(root, case) as library:
        library.configure(embedded={"faults": case.faults})
        edited: dict[str, Any] = {}
        for step in case.steps:
            edit_page(library, step.edit, edited)
            if step.temperature is not None:
                library.configure(model={"generation_config": {"temperature": step.temperature}})
            if step.transport:
                library.configure(execution={"transport": step.transport})
            if step.crash_at:
                library.environment[crash.VARIABLE] = step.crash_at
            run(library, *arguments_of(step.force, root.name))
            library.environment.pop(crash.VARIABLE, None)
            forced.update(keys_of(step.force, root.name, case))
        library.configure(embedded={"faults": []})
        for _ in range(RUNS_IN_PEACE):
            run(library)
            if not undone(library)[0]:
                break
        if library.ledger("SELECT 1 FROM batch WHERE status = 'submitted'"):
            # A batch that no page needs any more is taken in by the next run that does anything.
            book, pages = next(iter(case.books.items()))
            again = f"{book}/{pages[0]}"
            run(library, *arguments_of(again, root.name))
            forced.update(keys_of(again, root.name, case))
        pending, unread = undone(library)
        events = events_of(library.state / "embedded/log.jsonl")
        assert not pending
        assert problems_of_pages(library, unread, goes_on(case)) == []
        assert problems_of_accounts(library, events, forced, unread, edited) == []
        assert {key: on_file(library, key) for key in edited} == edited
        assert problems_of_leftovers(library, events) == []
    shutil.rmtree(root)


def edit_page(library: Library, page: str, edited: dict[str, Any]) -> None:
    """Correct a page by hand, if it was read by now; `edited` has what all of them are to say."""
    key = f"{library.root.name}/{page}".replace("/", ":")
    if page and library.page_file(key).exists():
        edited[key] = edit(library, key, f"\n{WORD} {len(edited)}")


def run(library: Library, *arguments: str) -> None:
    """One command, which may fail or die, but in a way that was thought of."""
    code, output = library.start(*arguments).wait()
    assert code in (0, 1, 5, crash.EXIT_CODE), output
    assert "Traceback" not in output


def make_library(root: Path, case: Case) -> Library:
    """The library of a case; its folder's name is the state of all its books."""
    root.mkdir()
    books = {f"{root.name}/{book}": pages for book, pages in case.books.items()}
    execution = {
        "batch_size_limit": case.batch_size_limit,
        "max_retries": case.max_retries,
        "on_dead_letter": case.on_dead_letter,
        "in_flight": case.in_flight,
    }
    library = Library(root, books, execution=execution, **QUICK)
    library.config["engine"] = case.engine
    if case.halves:
        library.configure(retry={"steps": {"any": [{"temperature": 0.4}], **IN_HALVES}})
    library.configure(batch=DEADLINES, files={"processing_seconds": 0.3, "timeout_seconds": 1.0})
    library.configure(calls={"retry_pause_seconds": 0.02, "timeout_seconds": 1.0})
    return library


def command_of(force: str, state: str) -> Command:
    """The command that forces this: nothing, `all`, a book or a page."""
    if not force:
        return Command()
    if force == "all":
        return Command(force_all=True)
    if is_page(force):
        return Command(targets={f"results/pages/{state}/{force}.json"}, force_targets=True)
    return Command(targets={f"results/books/{state}/{force}/book.json"}, force_all=True)


def arguments_of(force: str, state: str) -> list[str]:
    """The same for the command line."""
    command = command_of(force, state)
    flags = ["-F"] * command.force_all + ["-f"] * command.force_targets
    return [*flags, *command.targets]


def keys_of(force: str, state: str, case: Case) -> list[str]:
    """The keys of the pages that a command forces."""
    pages = [f"{book}/{page}" for book, numbers in case.books.items() for page in numbers]
    chosen = [p for p in pages if force == "all" or f"{p}/".startswith(f"{force}/")]
    return [f"{state}/{page}".replace("/", ":") for page in chosen if force]


def is_page(force: str) -> bool:
    """Is this a page, or else a book?"""
    return bool(re.search(r"/\d+/\d+$", force))


def goes_on(case: Case) -> bool:
    """Do pages behind a dead letter do without it?"""
    return case.on_dead_letter == "continue"
