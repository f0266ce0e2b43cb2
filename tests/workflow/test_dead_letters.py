"""Dead letters that do not block: what goes on without them, and how a run ends."""

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from helpers.command_calls import said
from helpers.forked_heads import python
from helpers.library import REPO, Library
from pagewave.config.settings import load_settings
from pagewave.ledger import FailureRow, Ledger, PlannedPage, Record
from pagewave.pages.dataset import scan
from pagewave.plan.targets import Command, Wanted, wanted_pages
from pagewave.prompts.registry import load_prompt
from pagewave.workspace import Workspace

MIDDLE, LAST, GAP = "Ohio/Middle/1850", "Ohio/Last/1850", "Ohio/Gap/1850"
# Of the last book, page 1 dies long after the other chain has ended.
BOOKS = {MIDDLE: 4, LAST: 2, GAP: [1, 2, 4]}
DEAD = {MIDDLE: "Ohio:Middle:1850:2", LAST: "Ohio:Last:1850:2", GAP: "Ohio:Gap:1850:1"}
CONTINUE = {"on_dead_letter": "continue", "max_retries": 2}


def failing(*keys: str) -> dict[str, list[str]]:
    """The embedded server's section, by which these pages fail whenever they are asked for."""
    return {"faults": [f"record-error:match={key}$" for key in keys]}


def sent(library: Library) -> Counter[str]:
    """How often each page was sent, read or not."""
    return Counter(key for batch in library.events("create") for key in batch["keys"])


def clear(library: Library, key: str) -> None:
    """Lets a dead letter be tried again."""
    script = REPO / "scripts/clear_failure_counts.py"
    subprocess.run([*python(), str(script), "--key", key], cwd=library.root, check=True)


def numbers(library: Library, book: str) -> tuple[list[int], list[int]]:
    """The pages that a book holds, and those it says are missing."""
    content = library.book(book)
    assert content["page_count"] == len(content["pages"])
    return [page["number"] for page in content["pages"]], [p["number"] for p in content["missing"]]


@pytest.mark.slow
def test_chains_and_books_go_on_without_dead_letters(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution=CONTINUE, embedded=failing(*DEAD.values())) as library:
        output = library.run(code=1)
        for key in DEAD.values():
            assert f"{key} is a dead letter after 2 failures, the last one APIError" in output
            assert not library.page_file(key).exists()
        assert "Exiting because a job execution failed" in output
        status = said(library, "status.py")
        assert status["dead_letters"] == sorted(DEAD.values())
        assert (status["pages_read"], status["pages_blocked"], status["pages_left"]) == (6, 0, 0)
        first = sent(library)
        assert first == Counter(
            [f"Ohio:Middle:1850:{n}" for n in (1, 3, 4)]
            + ["Ohio:Last:1850:1", "Ohio:Gap:1850:2", "Ohio:Gap:1850:4"]
            + [*DEAD.values()] * 2
        )
        assert numbers(library, MIDDLE) == ([1, 3, 4], [2])
        assert numbers(library, LAST) == ([1], [2])
        assert numbers(library, GAP) == ([2, 4], [1])
        assert "Read after: nothing" in library.text("Ohio:Middle:1850:3")
        assert "Read after: Ohio:Middle:1850:3" in library.text("Ohio:Middle:1850:4")
        [missing] = library.book(MIDDLE)["missing"]
        assert missing["key"] == DEAD[MIDDLE]
        assert missing["image"] == "images/Ohio/Middle/1850/2.jpg"
        assert missing["reason"].startswith("2 failures, the last one APIError: ")
        text = (tmp_path / "results/books" / MIDDLE / "text.txt").read_text()
        assert "[page 2]\n[missing: not read, after 2 failures, the last one APIError" in text

        # Nothing is sent again, and each run says what is missing, whatever it was asked for.
        keys = ", ".join(sorted(DEAD.values()))
        assert f"3 pages not sent again, dead letters: {keys}." in library.run("-n")
        assert f"{DEAD[LAST]} is a dead letter" in library.run(code=1)
        output = library.run(f"results/books/{LAST}/book.json", code=1)
        assert "not all was read: dead letters, named above (1)" in output
        assert numbers(library, LAST) == ([1], [2])
        assert sent(library) == first

        # A dead letter that was cleared is read alone, and its book is written again.
        library.configure(embedded={"faults": []})
        clear(library, DEAD[MIDDLE])
        output = library.run("-n", "--verbose")
        assert "lane 1 wave 1: 1 page of 1 book" in output
        assert f"page 2 of {MIDDLE}" in output and f"page 3 of {MIDDLE}" not in output
        library.run(code=1)
        assert sent(library) == first + Counter([DEAD[MIDDLE]])
        assert numbers(library, MIDDLE) == ([1, 2, 3, 4], [])
        assert "Read after: Ohio:Middle:1850:1" in library.text(DEAD[MIDDLE])
        assert "Read after: nothing" in library.text("Ohio:Middle:1850:3")
        for key in (DEAD[LAST], DEAD[GAP]):
            clear(library, key)
        library.run()
        assert sent(library) == first + Counter(DEAD.values())


def test_a_dead_letter_nothing_asks_for_any_more_still_fails_the_run(tmp_path: Path) -> None:
    with Library(tmp_path, {LAST: 2}, execution=CONTINUE, embedded=failing(DEAD[LAST])) as library:
        output = library.run(f"results/books/{LAST}/book.json", code=1)
        assert f"Dead letter: {DEAD[LAST]} is a dead letter" in output
        assert "not all was read" in output
        assert numbers(library, LAST) == ([1], [2])


def test_a_page_that_dies_when_it_is_read_again_stays_in_the_book(tmp_path: Path) -> None:
    with Library(tmp_path, {MIDDLE: 3}, execution=CONTINUE) as library:
        library.run()
        before = library.page_file(DEAD[MIDDLE]).read_bytes()
        library.configure(embedded=failing(DEAD[MIDDLE]))
        library.run("-F", f"results/books/{MIDDLE}/book.json", code=1)
        assert library.page_file(DEAD[MIDDLE]).read_bytes() == before
        assert numbers(library, MIDDLE) == ([1, 2, 3], [2])
        [missing] = library.book(MIDDLE)["missing"]
        assert missing["earlier_answer"]
        # What it said before is no context any more.
        assert "Read after: nothing" in library.text("Ohio:Middle:1850:3")


@pytest.mark.slow
def test_jobs_that_are_processes_go_on_too(tmp_path: Path) -> None:
    execution = {"on_dead_letter": "continue", "max_retries": 1}
    first, second = (f"Ohio:Last:1850:{n}" for n in (1, 2))
    with Library(tmp_path, {LAST: 2}, execution=execution, embedded=failing(first)) as library:
        output = library.run(code=1, profile=False)
        assert f"{first} is a dead letter after 1 failure, the last one APIError" in output
        assert sent(library) == Counter([first, second])
        assert numbers(library, LAST) == ([2], [1])
        assert "Read after: nothing" in library.text(second)


# What a command asks for


def demand_of(
    library: Library, mode: str, *targets: str, dead: list[str], files: list[str]
) -> Wanted:
    """The demand of a command when these pages are dead letters and those are on file."""
    library.configure(execution={"on_dead_letter": mode})
    config = library.config | {
        "paths": {name: str(library.root / path) for name, path in library.config["paths"].items()}
        | {"output_dir": "pages"}
    }
    settings = load_settings(config, library.root)
    ledger = Ledger.open(library.root / "ledger.sqlite")
    for key in dead:
        ledger.runs.start(key, "embedded", "m", [PlannedPage(key, 1, 1, 0)], [])
        ledger.files.add_prompt("p", "page_ocr", "v1.jinja", "text")
        record = Record(key, key, 1, None, "{}", "1.jpg", "a")
        batch = ledger.batches.add_intent(key, "embedded", "m", "p", key, 1, 1, [record])
        failures = [FailureRow(key, n, True, "Truncated", "cut off") for n in (1, 2, 3)]
        ledger.answers.commit(batch.id, "SUCCEEDED", None, [], failures)
    prompt = load_prompt(REPO / "prompts", "page_ocr", "v1.jinja")
    workspace = Workspace(settings, scan(settings), ledger, prompt)
    for key in files:
        path = workspace.page_file(workspace.dataset.page(key))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    try:
        return wanted_pages(workspace, Command(targets=targets), workspace.dead_letters())
    finally:
        ledger.close()


K1, K2, K3, K4 = (f"Ohio:Middle:1850:{n}" for n in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("mode", "dead", "chains", "blocked"),
    [
        ("block", [K2], [[K1]], [K2, K3, K4]),
        ("continue", [K2], [[K1], [K3, K4]], [K2]),
        ("continue", [K2, K3], [[K1], [K4]], [K2, K3]),
        ("continue", [K1, K4], [[K2, K3]], [K1, K4]),
        ("continue", [], [[K1, K2, K3, K4]], []),
    ],
)
def test_what_is_behind_a_dead_letter_is_wanted_where_it_does_not_block(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    dead: list[str],
    chains: list[list[str]],
    blocked: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    found = demand_of(Library(tmp_path, {MIDDLE: 4}), mode, dead=dead, files=[])
    assert (found.chains, found.blocked) == (chains, blocked)


@pytest.mark.parametrize(
    ("mode", "target", "chains", "blocked"),
    [
        ("continue", 4, [[K3, K4]], []),  # it needs neither the dead page nor what is before it
        ("continue", 2, [], [K2]),
        ("block", 4, [[K1]], [K2, K3, K4]),
    ],
)
def test_a_page_as_target_does_not_want_the_dead_letter_before_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    target: int,
    chains: list[list[str]],
    blocked: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    page = f"pages/{MIDDLE}/{target}.json"
    found = demand_of(Library(tmp_path, {MIDDLE: 4}), mode, page, dead=[K2], files=[])
    assert (found.chains, found.blocked) == (chains, blocked)


def test_a_dead_letter_that_a_person_transcribed_is_no_longer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    library = Library(tmp_path, {MIDDLE: 4})
    found = demand_of(library, "continue", dead=[K2], files=[K1, K2, K3])
    assert (found.chains, found.blocked) == ([[K4]], [])


@pytest.mark.parametrize("at_once", [1, 10])
def test_a_bad_request_is_found_by_halving_and_the_others_are_read(
    tmp_path: Path, at_once: int
) -> None:
    books = {f"Ohio/School {number}/1850": 2 for number in range(6)}
    bad = "Ohio:School 4:1850:1"
    sections = {
        "execution": {"max_concurrent_batches": at_once},
        "embedded": {"faults": ["bad-request:match=School 4:1850:1$"]},
        "batch": {"retry_pause_seconds": 0.05},
    }
    with Library(tmp_path, books, **sections) as library:
        output = library.run(code=1)
        assert f"{bad} is a dead letter after 1 failure, the last one BadRequest" in output
        assert "Traceback" not in output
        assert library.inferences() == Counter(
            f"Ohio:School {number}:1850:{page}" for number in (0, 1, 2, 3, 5) for page in (1, 2)
        )
        assert [book for book in books if not library.has_book(book)] == ["Ohio/School 4/1850"]
        alone = [batch["keys"] for batch in library.events("create") if bad in batch["keys"]]
        assert [len(keys) for keys in alone] in ([6, 3, 2, 1], [6, 3, 1])
        assert max(event["active"] for event in library.events("create")) <= at_once
        library.configure(embedded={"faults": []})
        clear(library, bad)
        library.run()
        assert set(library.inferences().values()) == {1}
        assert len(library.inferences()) == 12
