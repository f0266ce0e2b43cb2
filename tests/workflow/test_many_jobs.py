"""Jobs that are ready at once: each is carried out once, and told as done only where it was.

`test_internals` does the same with the real command; here the executor is one that takes notes, so
that each way of going wrong takes no Snakemake.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn
from unittest import mock

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.hand_edits import WORD, break_json, correction, edit, on_file
from helpers.library import Library
from helpers.playing import Crash, Player, in_one_process
from pagewave import crash_points as crash
from pagewave.errors import LedgerError, PagewaveError
from pagewave.plan.targets import Command
from pagewave.workflow import many_jobs
from pagewave.workflow.many_jobs import TOGETHER, fitting
from pagewave.workflow.run import Run


class Executor:
    """Notes what becomes of jobs, by their names."""

    def __init__(self, refuses: str = "") -> None:
        self.use_threads = True
        self.pool = ThreadPoolExecutor(2)
        self.begun, self.alone, self.done = Counter[str](), Counter[str](), Counter[str]()
        self.failed: dict[str, BaseException | None] = {}
        self._refuses = refuses

    def run_jobs(self, jobs: list[Any]) -> None:
        for job in jobs:
            self.run_job_pre(job)
            self.run_job(job)

    def run_job_pre(self, job: Any) -> None:
        self.begun[job.name] += 1

    def run_job(self, job: Any) -> None:
        if job.name == self._refuses:
            raise OSError("it can't even begin")
        self.alone[job.name] += 1

    def report_job_success(self, told: Any) -> None:
        self.done[told.job.name] += 1

    def _callback(self, told: Any, future: Future[None]) -> None:
        self.failed[told.job.name] = future.exception()


def job(name: str, rule: str = "page", *, is_group: bool = False) -> Any:
    return SimpleNamespace(
        name=name,
        rule=SimpleNamespace(name=rule),
        wildcards=name,
        is_group=lambda: is_group,
    )


PAGES = [f"page {number}" for number in range(2 * TOGETHER + 3)]


def carried(
    executor: Executor, carry: Callable[[list[Any]], list[bool]], jobs: list[Any]
) -> Executor:
    """The executor after it was given these jobs at once."""
    workflow = SimpleNamespace(
        scheduler=SimpleNamespace(_local_executor=None, _executor=executor),
    )
    many_jobs.run_together(workflow, "page", carry)
    executor.run_jobs(jobs)
    executor.pool.shutdown()
    return executor


def test_each_job_is_carried_out_once_and_only_what_was_done_is_told_as_done() -> None:
    parts: list[list[str]] = []

    def carry(names: list[str]) -> list[bool]:
        parts.append(names)
        return [int(name.split()[1]) % 2 == 0 for name in names]

    others = [job("wave", "wave"), job("book", "book"), job("group", is_group=True)]
    executor = carried(Executor(), carry, [others[0], *map(job, PAGES), *others[1:]])
    assert sorted(name for part in parts for name in part) == sorted(PAGES)
    assert [len(part) for part in parts] != [] and max(map(len, parts)) == TOGETHER
    even, odd = set(PAGES[::2]), set(PAGES[1::2])
    assert executor.done == Counter(even)
    assert executor.alone == Counter(odd | {"wave", "book", "group"})
    assert executor.begun == Counter({*PAGES, "wave", "book", "group"})
    assert executor.failed == {}


def test_of_a_part_that_fails_each_job_is_carried_out_alone() -> None:
    def carry(names: list[str]) -> list[bool]:
        if PAGES[0] in names:
            raise OSError("a whole part fails")
        return [True for _ in names]

    executor = carried(Executor(), carry, [*map(job, PAGES)])
    assert executor.alone == Counter(PAGES[:TOGETHER])
    assert executor.done == Counter(PAGES[TOGETHER:])


def test_a_job_that_can_not_even_begin_has_failed_and_those_behind_it_go_on() -> None:
    """Else Snakemake would wait for it without an end."""
    executor = carried(
        Executor(refuses=PAGES[1]), lambda names: [False for _ in names], [*map(job, PAGES)]
    )
    assert executor.failed.keys() == {PAGES[1]}
    assert isinstance(executor.failed[PAGES[1]], OSError)
    assert executor.alone == Counter({*PAGES} - {PAGES[1]})


@pytest.mark.parametrize("told", [[], [True]])
def test_of_what_nothing_is_told_each_job_is_carried_out_alone(told: list[bool]) -> None:
    executor = carried(Executor(), lambda names: told, [*map(job, PAGES[:3])])
    assert executor.done == Counter(PAGES[: len(told)])
    assert executor.alone == Counter(PAGES[len(told) : 3])


def test_jobs_that_are_processes_are_left_as_they_are_and_one_alone_is_not() -> None:
    def unwanted(names: list[str]) -> list[bool]:
        raise AssertionError(names)

    processes = Executor()
    processes.use_threads = False
    assert carried(processes, unwanted, [*map(job, PAGES)]).alone == Counter(PAGES)
    for some in (PAGES[:1], PAGES[:2]):
        executor = carried(Executor(), lambda names: [True for _ in names], [*map(job, some)])
        assert executor.done == Counter(some)


def test_no_more_is_chosen_than_the_resources_are_enough_for() -> None:
    def needs(**resources: int) -> Any:
        return SimpleNamespace(scheduler_resources=resources)

    wave, page = needs(gemini_batches=1, cores=0), needs(cores=1, other=9)
    assert fitting([wave, wave, wave], {"gemini_batches": 2, "cores": 1}) == [wave, wave]
    assert fitting([page, wave], {"gemini_batches": 1, "cores": 0}) == [wave]
    # What needs nothing fits where others took more than there is.
    assert fitting([needs(cores=0)], {"cores": -1}) == [needs(cores=0)]


# What the jobs of pages do together

FORCED = Command(forced={"page"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    """One server for all of these."""
    with in_one_process(), EmbeddedProcess(tmp_path_factory.mktemp("server")) as ready:
        yield ready


@pytest.fixture
def player(server: EmbeddedProcess, tmp_path: Path) -> Player:
    """A library of three pages, each a book's first: one wave brings all."""
    books = {f"{tmp_path.name}/Elm/{year}": 1 for year in (1850, 1851, 1852)}
    return Player(Library(tmp_path, books), server)


def read_wave(head: Run) -> None:
    """The first wave, which writes what it read."""
    head.read_wave(1, 1, head.plan.wave_file(1, 1))


@contextlib.contextmanager
def wave_read(player: Player, command: Command | None = None) -> Iterator[Run]:
    """A run whose first wave was read; its pages' jobs have still to be carried out."""
    with player.begun(command) as head:
        read_wave(head)
        yield head


@contextlib.contextmanager
def crashes_at(place: str) -> Iterator[None]:
    """The block comes to this point, and not beyond."""

    def die() -> NoReturn:
        raise Crash

    crash.arm(place)
    try:
        with mock.patch.object(crash, "die", die), pytest.raises(Crash):
            yield
    finally:
        crash.arm(None)


def noted(player: Player) -> dict[str, int]:
    """Of which attempt the ledger believes that a page's file holds it, by key."""
    return dict(player.library.ledger("SELECT key, attempt_id FROM page"))


def answers(player: Player, key: str) -> list[str]:
    """What was read of a page, in order."""
    sql = f"SELECT page FROM attempt WHERE key = '{key}' AND ok ORDER BY id"
    return [page for (page,) in player.library.ledger(sql)]


def test_pages_are_written_together_as_each_would_be_alone(player: Player) -> None:
    with wave_read(player) as head:
        pages = list(head.session.dataset.pages)
        assert head.write_pages(pages) == [True, True, True]
    for page in pages:
        (answer,) = answers(player, page.key)
        assert json.loads(player.library.page_file(page.key).read_text()) == json.loads(answer)
    attempts = dict(player.library.ledger("SELECT key, id FROM attempt"))
    assert noted(player) == attempts and len(attempts) == 3
    assert player.play() == "ok"  # the books are made, and nothing is read again
    assert player.library.ledger("SELECT COUNT(*) FROM attempt") == [(3,)]


def test_a_page_that_this_run_did_not_read_is_left_to_its_own_job(
    server: EmbeddedProcess, tmp_path: Path
) -> None:
    """Also where an earlier run did: that answer is not the one which was asked for."""
    player = Player(Library(tmp_path, {f"{tmp_path.name}/Elm/1850": 2}), server)
    with wave_read(player) as head:
        first, second = head.session.dataset.pages
        assert head.write_pages([second, first]) == [False, True]
        assert not player.library.page_file(second.key).exists()
    assert player.play() == "ok"
    before, second_before = noted(player), player.library.text(second.key)
    with wave_read(player, FORCED) as head:
        assert head.write_pages([first, second]) == [True, False]
    assert noted(player)[first.key] > before[first.key]
    assert noted(player)[second.key] == before[second.key]
    old, new = answers(player, first.key)
    assert on_file(player.library, first.key) == json.loads(new) != json.loads(old)
    assert player.library.text(second.key) == second_before
    assert player.library.ledger("SELECT key FROM rebuild") == [(second.key,)]


def test_what_people_wrote_meanwhile_is_kept_or_left_as_it_is(player: Player) -> None:
    assert player.play() == "ok"
    with player.begun(FORCED) as head:
        changed, broken, other = head.session.dataset.pages
        mine = edit(player.library, changed.key)
        content = break_json(player.library, broken.key)
        before = noted(player)
        read_wave(head)
        assert head.write_pages([changed, broken, other]) == [True, False, True]
        with pytest.raises(PagewaveError, match="it is not overwritten"):
            head.write_page(broken)  # its own job tells
    assert correction(player.library, changed.key)["page"] == mine
    assert WORD in player.library.text(changed.key)
    assert player.library.page_file(broken.key).read_bytes() == content
    assert noted(player)[broken.key] == before[broken.key]
    assert noted(player)[other.key] > before[other.key]


@pytest.mark.parametrize(
    ("place", "written", "known"),
    [("page-written", 1, 0), ("page-written:3", 3, 0), ("page-marked", 3, 3)],
)
def test_a_crash_while_pages_are_written_together_costs_nothing(
    player: Player, place: str, written: int, known: int
) -> None:
    with player.begun() as head, crashes_at(place):
        read_wave(head)
    files = [player.library.page_file(page.key) for page in head.session.dataset.pages]
    assert (sum(file.exists() for file in files), len(noted(player))) == (written, known)
    assert player.play() == "ok"
    assert player.library.ledger("SELECT COUNT(*) FROM attempt") == [(3,)]
    for key, attempt in noted(player).items():
        (answer,) = answers(player, key)
        assert on_file(player.library, key) == json.loads(answer) and attempt


def test_once_the_ledger_is_out_of_order_nothing_is_told_as_done(player: Player) -> None:
    with wave_read(player) as head:
        head.session.ledger.close()
        with pytest.raises(LedgerError):
            head.write_pages(list(head.session.dataset.pages))
        assert head.session.stop.is_set()


def test_a_file_that_the_wave_wrote_is_written_again_only_where_it_is_no_longer_that(
    player: Player,
) -> None:
    assert player.play() == "ok"
    old = noted(player)
    with wave_read(player, FORCED) as head:
        pages = list(head.session.dataset.pages)
        files = [player.library.page_file(page.key) for page in pages]
        times = [file.stat().st_mtime_ns for file in files]
        files[0].unlink()
        assert head.write_pages(pages) == [True, True, True]
        assert files[0].exists()
        assert [file.stat().st_mtime_ns for file in files[1:]] == times[1:]
        assert head._write_answers({pages[1].key: old[pages[1].key]}) == {pages[1].key}
    earlier, _ = answers(player, pages[1].key)
    assert on_file(player.library, pages[1].key) == json.loads(earlier)
