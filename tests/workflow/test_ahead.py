"""The next wave of a lane is sent when the one before is closed; its job goes on with it.

`test_crash_points` and `test_random_runs` let heads die in the middle of that.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.library import Library
from helpers.playing import Player, in_one_process
from pagewave.errors import RunStopped, ServiceError
from pagewave.ledger import RunOutcome
from pagewave.workflow.run import Run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    """One server for all of these."""
    with in_one_process(), EmbeddedProcess(tmp_path_factory.mktemp("server")) as ready:
        yield ready


class Story:
    """A run over two books of three pages, a lane each or one for both; nothing is read yet."""

    def __init__(self, root: Path, server: EmbeddedProcess, lane_size: int = 2) -> None:
        self.state = root.name
        books = {f"{self.state}/Elm/{year}": 3 for year in (1850, 1851)}
        self.player = Player(Library(root, books), server)
        self.player.library.configure(execution={"batch_size_limit": lane_size})

    def creates(self) -> list[list[str]]:
        """The keys of each batch that the server was given, with their state taken off."""
        events = self.player.server.log("create")
        mine = [e["keys"] for e in events if e["keys"][0].startswith(f"{self.state}:")]
        return [sorted(key.partition(":Elm:")[2] for key in keys) for keys in mine]

    def inferences(self) -> list[str]:
        """What the server read, in alphabetical order."""
        keys = [e["key"] for e in self.player.server.log("inference")]
        return sorted(key for key in keys if key.startswith(f"{self.state}:"))


@pytest.fixture
def story(server: EmbeddedProcess, tmp_path: Path) -> Story:
    """Both books in one lane."""
    return Story(tmp_path, server)


def read(head: Run, wave: int, lane: int = 1) -> Path:
    """Carries out a wave's job; returns its manifest."""
    manifest = head.plan.wave_file(lane, wave)
    head.read_wave(lane, wave, manifest)
    return Path(manifest)


def when_written(head: Run, do: Callable[[], object]) -> None:
    """Has something done when pages are written: then the next wave is sent."""
    write = head._write_answers

    def written(answers: Mapping[str, int]) -> set[str]:
        do()
        return write(answers)

    head._write_answers = written  # type: ignore[method-assign]


FIRST, SECOND, THIRD = (["1850:" + page, "1851:" + page] for page in "123")


def test_the_next_wave_is_sent_before_its_job_begins(story: Story) -> None:
    with story.player.begun() as head:
        read(head, 1)
        assert story.creates() == [FIRST, SECOND]
        waves = [json.loads(read(head, wave).read_text()) for wave in (2, 3)]
        assert story.creates() == [FIRST, SECOND, THIRD]
        assert head.ahead and head.ahead.taken(1, 2) is None  # a job has it, and nobody else
        head.end(RunOutcome.OK)
    assert len(story.inferences()) == len(set(story.inferences())) == 6
    closed = story.player.library.ledger("SELECT number, started_at FROM wave ORDER BY number")
    for (number, started_at), manifest in zip(closed[1:], waves, strict=True):
        assert manifest["wave"] == number and manifest["started_at"] == started_at
        rows = f"SELECT intent_at FROM batch WHERE wave = {number}"
        assert story.player.library.ledger(rows)[0][0] >= started_at


def test_a_page_is_asked_with_what_the_page_before_says(story: Story) -> None:
    assert story.player.play() == "ok"
    sql = "SELECT key, previous_context FROM record WHERE key LIKE '%:2'"
    asked = story.player.library.ledger(sql)
    assert len(asked) == 2
    for key, context in asked:
        assert f"Page {key.removesuffix('2')}1." in context


def test_a_wave_that_has_to_pause_does_not_hold_up_the_pages_before_it(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = story.player.server
    assert isinstance(server, EmbeddedProcess)
    monkeypatch.setattr("pagewave.waves.ahead.SENDING_SECONDS", 0.1)
    story.player.library.configure(batch={"retry_pause_seconds": 600, "reconcile_seconds": 0.3})
    with story.player.begun() as head:
        faults = len(server.log("fault"))
        when_written(head, lambda: server.set_faults(["http-error:code=429,call=create"]))
        read(head, 1)
        wait_for(lambda: len(server.log("fault")) > faults)
        server.set_faults([])
        head.session.stop.set()
        with pytest.raises(RunStopped):
            head.end(RunOutcome.STOPPED)
    assert story.creates() == [FIRST]
    assert story.player.play() == "ok"
    assert len(story.inferences()) == len(set(story.inferences())) == 6


def test_with_more_lanes_than_batches_each_waits_for_its_job(
    server: EmbeddedProcess, tmp_path: Path
) -> None:
    story = Story(tmp_path, server, lane_size=1)
    story.player.library.configure(execution={"max_concurrent_batches": 1})
    with story.player.begun() as head:
        read(head, 1)
        read(head, 1, lane=2)
        assert head.ahead and head.ahead.taken(1, 2) is None
    assert story.creates() == [FIRST[:1], FIRST[1:]]
    assert story.player.play() == "ok"


def test_why_it_can_not_be_sent_is_told_by_its_job(story: Story) -> None:
    server = story.player.server
    assert isinstance(server, EmbeddedProcess)
    with story.player.begun() as head:
        when_written(head, lambda: server.set_faults(["refused:reason=key,call=create"]))
        faults = len(server.log("fault"))
        read(head, 1)
        with pytest.raises(ServiceError, match="API key"):
            read(head, 2)
        assert len(server.log("fault")) == faults + 1
        server.set_faults([])
        with pytest.raises(ServiceError, match="API key"):
            head.end(RunOutcome.FAILED)
    assert story.player.play() == "ok"
    assert len(story.inferences()) == len(set(story.inferences())) == 6


def test_what_no_job_asks_for_is_left_to_the_next_run(story: Story) -> None:
    with story.player.begun() as head:
        read(head, 1)
        head.end(RunOutcome.FAILED)
    batches = "SELECT wave, status FROM batch ORDER BY id"
    first, (wave, status) = story.player.library.ledger(batches)
    assert first == (1, "collected") and wave == 2
    assert status in ("submitted", "collected")  # where it has ended by then
    assert story.player.play() == "ok"
    assert len(story.inferences()) == len(set(story.inferences())) == 6


def test_a_run_that_is_told_to_stop_sends_nothing_more(story: Story) -> None:
    with story.player.begun() as head:
        when_written(head, head.session.stop.set)
        read(head, 1)
        assert head.ahead and head.ahead.taken(1, 2) is None
        with contextlib.suppress(RunStopped):
            head.end(RunOutcome.FAILED)
    assert story.creates() == [FIRST]
    assert story.player.play() == "ok"
    assert len(story.inferences()) == len(set(story.inferences())) == 6


def test_uploads_are_deleted_when_the_wave_is_closed_and_written(story: Story) -> None:
    story.player.library.configure(files={"images": "uploaded"})
    assert story.player.play(crash_at="cleanup") == "crashed"
    library = story.player.library
    assert library.ledger("SELECT number FROM wave") == [(1,)]
    assert all(library.page_file(f"{story.state}:Elm:{page}").exists() for page in FIRST)
    assert story.player.play() == "ok"
    assert len(story.inferences()) == len(set(story.inferences())) == 6
