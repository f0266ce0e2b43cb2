"""The workflow as users start it: the real command, the real rules, the embedded server."""

import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from helpers.accounts import problems_of_pages
from helpers.embedded_process import wait_for
from helpers.forked_heads import python
from helpers.library import REPO, RUN_SECONDS, Library

TWO_BOOKS = {"Ohio/Ashgrove/1852": 3, "Vermont/Linden/1866": 2}
EVERY_PAGE = [f"Ohio:Ashgrove:1852:{n}" for n in (1, 2, 3)] + [
    f"Vermont:Linden:1866:{n}" for n in (1, 2)
]
DEAD = "Ohio:Ashgrove:1852:2"
PREVIEW = re.compile(r"lane (\d+) wave (\d+): (\d+) pages? of \d+ books?, .*USD")
HELD_SECONDS = 10 * RUN_SECONDS
HELD = {"batch_seconds": HELD_SECONDS}
"""No test waits for such a batch; a server that is started without it lets go of it at once."""
WAVE = re.compile(r"(lane\d+)-(wave\d+)-")
BATCHES = "SELECT lane, wave, status, state FROM batch ORDER BY id"
ATTEMPTS = "SELECT key, number, fingerprint, page, prompt_tokens, output_tokens FROM attempt"


def keys_of(book: str, *numbers: int) -> Counter[str]:
    """One of each key of a book's pages with these numbers."""
    return Counter(f"{book.replace('/', ':')}:{number}" for number in numbers)


def waves_of(library: Library) -> dict[tuple[int, int], set[str]]:
    """The keys that each wave carried, by lane and number."""
    return {
        (manifest["lane"], manifest["wave"]): {page["key"] for page in manifest["pages"]}
        for manifest in library.manifests()
    }


def assert_complete(library: Library, keys: list[str]) -> None:
    """Every page is there and was read at the server exactly once."""
    assert library.inferences() == Counter(keys)
    for key in keys:
        assert f"Page {key}." in library.text(key)


# Looking


@pytest.mark.real_start
def test_a_dry_run_lists_every_wave_and_page_and_leaves_nothing_behind(tmp_path: Path) -> None:
    books = {"Ohio/Ashgrove/1852": 4, "Ohio/Beech/1853": 2, "Vermont/Linden/1866": 3}
    with Library(tmp_path, books, execution={"batch_size_limit": 2}) as library:
        stray = tmp_path / "labels/Ohio/notes.txt"
        stray.write_text("check 1852 again")
        output = library.run("-n", "--verbose")
        assert output.count("labels/Ohio/notes.txt is no label and left alone.") == 1
        waves = {(int(lane), int(wave)): int(n) for lane, wave, n in PREVIEW.findall(output)}
        expected = {(1, 1): 2, (1, 2): 2, (1, 3): 2, (1, 4): 1, (2, 1): 1, (2, 2): 1}
        assert waves == expected
        for book, pages in books.items():
            for number in range(1, pages + 1):
                assert f": page {number} of {book}\n" in output
        assert not library.state.exists()
        assert not (tmp_path / "results").exists()
        assert not (tmp_path / "logs").exists()


# Waves


@pytest.mark.parametrize(("limit", "length"), [(2, 12), (3, 4)])
def test_books_advance_page_by_page_in_full_batches(
    tmp_path: Path, limit: int, length: int
) -> None:
    books = {f"Ohio/Book {letter}/1852": length for letter in "ABCDE"}
    execution = {"batch_size_limit": limit, "max_concurrent_batches": 2}
    with Library(tmp_path, books, execution=execution) as library:
        library.run()
        batches = library.events("create")
        lanes = -(-len(books) // limit)
        assert len(batches) == len(library.manifests()) == length * lanes
        for batch in batches:
            pages = batch["keys"]
            assert 1 <= len(pages) <= limit
            assert len({page.rpartition(":")[0] for page in pages}) == len(pages)
            assert batch["active"] <= 2

        numbers = [*range(1, length + 1)]
        keys = [key for book in books for key in keys_of(book, *numbers)]
        assert_complete(library, keys)
        for key in keys:
            book, _, number = key.rpartition(":")
            before = f"{book}:{int(number) - 1}" if number != "1" else "nothing"
            assert f"Read after: {before}" in library.text(key)
        for book in books:
            assert [page["number"] for page in library.book(book)["pages"]] == numbers

        # A second run finds nothing to do.
        assert "Nothing to be done" in library.run()
        assert len(library.events("create")) == len(batches)


def test_as_many_batches_as_may_be_are_in_flight(tmp_path: Path) -> None:
    books = {f"Ohio/Book {letter}/1852": 1 for letter in "ABC"}
    execution = {"batch_size_limit": 1, "max_concurrent_batches": 2}
    with Library(tmp_path, books, execution=execution, embedded=HELD) as library:
        head = library.start()
        head.wait_for_create(library, 2)
        assert [batch["active"] for batch in library.events("create")] == [1, 2]


def test_the_longest_lane_goes_first(tmp_path: Path) -> None:
    books = {"Ohio/Short/1852": 2, "Ohio/Long/1852": 6, "Ohio/Middle/1852": 4}
    execution = {"batch_size_limit": 1, "max_concurrent_batches": 1}
    with Library(tmp_path, books, execution=execution) as library:
        library.run()
        left = {book.replace("/", ":"): pages for book, pages in books.items()}
        order = [batch["keys"][0].rpartition(":")[0] for batch in library.events("create")]
        assert order[0] == "Ohio:Long:1852"
        last = ""
        for book in order:
            # The lane that just ended a wave has a page to write before its next one.
            rivals = [pages for name, pages in left.items() if name != last]
            assert left[book] >= max(rivals), order
            left[book] -= 1
            last = book
        assert all(batch["active"] == 1 for batch in library.events("create"))


# Reading again


def test_a_book_or_a_page_is_read_again_alone(tmp_path: Path) -> None:
    book, other = "Ohio/Ashgrove/1852", "Vermont/Linden/1866"
    with Library(tmp_path, {book: 12, other: 3}) as library:
        library.run()
        # One wave a book's page: the books go side by side.
        assert len(library.events("create")) == 12
        once = keys_of(book, *range(1, 13)) + keys_of(other, 1, 2, 3)
        assert library.inferences() == once

        library.run("-F", f"results/books/{book}/book.json")
        twice = once + keys_of(book, *range(1, 13))
        assert library.inferences() == twice
        assert problems_of_pages(library, readings=twice) == []  # each file has the newest answer

        library.run("-f", f"results/pages/{book}/5.json")
        assert library.inferences() == twice + keys_of(book, 5)
        assert problems_of_pages(library, readings=twice + keys_of(book, 5)) == []

        library.run()
        assert library.inferences() == twice + keys_of(book, 5)


def test_a_page_as_target_reads_what_it_needs_and_no_more(tmp_path: Path) -> None:
    with Library(tmp_path, TWO_BOOKS) as library:
        library.run("results/pages/Ohio/Ashgrove/1852/2.json")
        assert library.inferences() == keys_of("Ohio/Ashgrove/1852", 1, 2)
        library.run("results/books/Ohio/Ashgrove/1852/book.json")
        assert library.inferences() == keys_of("Ohio/Ashgrove/1852", 1, 2, 3)


def test_a_deleted_page_is_written_from_the_stored_answer(tmp_path: Path) -> None:
    with Library(tmp_path, TWO_BOOKS) as library:
        library.run()
        batches = len(library.events("create"))
        middle = library.page_file("Ohio:Ashgrove:1852:2")
        content = middle.read_bytes()
        middle.unlink()
        assert "1 from stored answers" in library.run()
        assert middle.read_bytes() == content

        for key in EVERY_PAGE:
            library.page_file(key).unlink()
        assert f"{len(EVERY_PAGE)} from stored answers" in library.run()
        assert len(library.events("create")) == batches
        assert_complete(library, EVERY_PAGE)


def test_pages_added_later_are_read(tmp_path: Path) -> None:
    book = "Ohio/Ashgrove/1852"
    with Library(tmp_path, {book: [1, 2, 4]}) as library:
        library.run()
        # A gap starts a chain of its own.
        waves = [set(batch["keys"]) for batch in library.events("create")]
        assert waves == [set(keys_of(book, 1, 4)), set(keys_of(book, 2))]
        assert "Read after: nothing" in library.text("Ohio:Ashgrove:1852:4")
        library.add_page(book, 3)
        library.add_page(book, 5)
        ledger = library.state / "ledger.sqlite"
        before = ledger.read_bytes()
        assert f"page 5 of {book}" in library.run("-n", "--verbose")
        assert ledger.read_bytes() == before
        library.run()
        assert_complete(library, [*keys_of(book, 1, 2, 3, 4, 5)])
        assert "Read after: Ohio:Ashgrove:1852:2" in library.text("Ohio:Ashgrove:1852:3")
        assert "Read after: Ohio:Ashgrove:1852:4" in library.text("Ohio:Ashgrove:1852:5")
        assert library.book(book)["page_count"] == 5
        assert "Nothing to be done" in library.run()


# Failures


def test_a_failed_page_rides_again_in_a_later_wave(tmp_path: Path) -> None:
    fault = f"record-error:match={DEAD}$,times=1"
    with Library(tmp_path, TWO_BOOKS, embedded={"faults": [fault]}) as library:
        library.run()
        carried = [wave for wave, keys in sorted(waves_of(library).items()) if DEAD in keys]
        assert carried == [(1, 2), (1, 3)]
        assert waves_of(library)[1, 4] == {"Ohio:Ashgrove:1852:3"}
        sent = Counter(key for batch in library.events("create") for key in batch["keys"])
        assert sent == Counter([*EVERY_PAGE, DEAD])
        for key in EVERY_PAGE:
            assert f"Page {key}." in library.text(key)
        assert f"Read after: {DEAD}" in library.text("Ohio:Ashgrove:1852:3")


def test_a_dead_letter_ends_its_chain_alone_until_it_is_cleared(tmp_path: Path) -> None:
    faults = [f"record-error:match={DEAD}$"]
    with Library(tmp_path, TWO_BOOKS, embedded={"faults": faults}) as library:

        def sent() -> Counter[str]:
            return Counter(key for batch in library.events("create") for key in batch["keys"])

        output = library.run(code=1)
        assert f"{DEAD} is a dead letter after 3 failures" in output
        assert "APIError" in output
        assert "scripts/clear_failure_counts.py" in output
        living = Counter(EVERY_PAGE) - Counter([DEAD, "Ohio:Ashgrove:1852:3"])
        assert sent() == living + Counter({DEAD: 3})
        assert library.book("Vermont/Linden/1866")["page_count"] == 2
        assert library.page_file("Ohio:Ashgrove:1852:1").exists()
        assert not library.page_file(DEAD).exists()

        before = sent()
        notice = f"1 page not sent again, dead letters: {DEAD}. 1 page behind them waits."
        assert notice in library.run("-n")
        assert f"{DEAD} is a dead letter" in library.run(code=1)
        assert sent() == before

        library.configure(embedded={"faults": []})
        script = REPO / "scripts/clear_failure_counts.py"
        subprocess.run([*python(), str(script), "--key", DEAD], cwd=tmp_path, check=True)
        library.run()
        assert sent() == before + Counter([DEAD, "Ohio:Ashgrove:1852:3"])
        assert library.book("Ohio/Ashgrove/1852")["page_count"] == 3


# Stopping


@pytest.mark.parametrize("wave", [1, 2])
def test_a_killed_head_loses_and_repeats_nothing(tmp_path: Path, wave: int) -> None:
    with Library(tmp_path, TWO_BOOKS, embedded={"batch_seconds": 2.0}) as library:
        head = library.start(forks=False)
        head.wait_for_create(library, wave)
        head.kill()
        library.configure(embedded={"batch_seconds": 0})
        library.run()
        assert_complete(library, EVERY_PAGE)
        assert len(library.events("create")) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_head_ends_at_once_and_the_next_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    with Library(tmp_path, TWO_BOOKS, embedded=HELD) as library:
        head = library.start(forks=False)
        head.wait_for_create(library)
        head.signal(number)
        code, output = head.wait()
        assert code == 6
        assert not library.events("finish")  # it did not wait for the batch
        assert "Traceback" not in output and "Error in rule" not in output
        assert "batches are still at the service; the same command collects them" in output
        library.configure(embedded={"batch_seconds": 0})
        library.run()
        assert_complete(library, EVERY_PAGE)
        assert len(library.events("create")) == 3


def test_of_two_heads_the_second_leaves(tmp_path: Path) -> None:
    with Library(tmp_path, TWO_BOOKS, embedded=HELD) as library:
        first = library.start()
        first.wait_for_create(library)
        code, output = library.start(forks=False).wait()
        assert code == 4
        assert f"Another run is using {library.state}" in output or (
            "Another run is using state" in output
        )
        assert f"(process {first.process.pid})" in output
        assert "Traceback" not in output
        assert first.process.poll() is None
        first.signal(signal.SIGTERM)
        assert first.wait()[0] == 6
        library.configure(embedded={"batch_seconds": 0})
        library.run()
        assert_complete(library, EVERY_PAGE)
        assert len(library.events("create")) == 3


# Names and job processes

NAMES = [
    "Île-de-France/École Sainte-Thérèse/1852",
    "North Carolina/St. Mary's Academy, Raleigh/1853",
    'Ohio/Saint Anne: The "Upper" School (Girls)/1854',
    "Ωhio/女子学校 No. 1/1855",
    "Ohio/A & B; 50% $HOME #1/1856",
]


def test_names_of_all_sorts(tmp_path: Path) -> None:
    with Library(tmp_path, dict.fromkeys(NAMES, 2)) as library:
        library.run()
        for name in NAMES:
            assert library.book(name)["page_count"] == 2
        assert_complete(library, [key for name in NAMES for key in keys_of(name, 1, 2)])
        assert "Nothing to be done" in library.run()
        library.run("-F", f"results/books/{NAMES[1]}/book.json")
        assert library.inferences()["North Carolina:St. Mary's Academy, Raleigh:1853:2"] == 2


@pytest.mark.slow
def test_jobs_that_are_processes_make_the_same_waves(tmp_path: Path) -> None:
    books = {"Ohio/St. Mary's/1852": 2, "Vermont/Linden/1866": 2}
    with Library(tmp_path, books) as library:
        preview = PREVIEW.findall(library.run("-n", "--verbose"))
        planned = {(int(lane), int(wave)) for lane, wave, _ in preview}
        library.run(profile=False)
        assert_complete(library, [key for book in books for key in keys_of(book, 1, 2)])
        assert all(library.book(book)["page_count"] == 2 for book in books)
        expected = {
            (1, wave): {key for book in books for key in keys_of(book, wave)} for wave in (1, 2)
        }
        assert waves_of(library) == expected
        assert planned == set(expected)
        wait_for(lambda: not server_runs(library))
        assert "Nothing to be done" in library.run(profile=False)
        batches, attempts = library.ledger(BATCHES), library.ledger(ATTEMPTS)
    with_threads = tmp_path / "threads"
    with_threads.mkdir()
    with Library(with_threads, books) as library:
        library.run()
        assert library.ledger(BATCHES) == batches
        assert library.ledger(ATTEMPTS) == attempts
        assert len(pages_in(with_threads)) == 4
        assert pages_in(with_threads) == pages_in(tmp_path)


def pages_in(root: Path) -> dict[str, bytes]:
    """The content of every page file of a library."""
    folder = root / "results/pages"
    return {
        str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("[0-9]*.json")
    }


def server_runs(library: Library) -> bool:
    """Does a process still have the library's embedded server on its command line?"""
    state = str(library.state / "embedded").encode()
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if state in command.read_bytes():
                return True
        except OSError:
            continue
    return False


def test_batches_in_flight_leave_room_for_pages(tmp_path: Path) -> None:
    # Snakemake has threads for cores + 5 jobs: seven waves that wait would take all of them.
    books = {f"Ohio/School {n:02}/1850": 3 if n == 1 else 1 for n in range(1, 13)}
    faults = {"faults": [f"batch-hold:match=lane[^1]-|lane1.-,seconds={HELD_SECONDS}"]}
    execution = {"batch_size_limit": 1, "max_concurrent_batches": 12}
    with Library(tmp_path, books, execution=execution, embedded=faults) as library:
        library.start()
        wait_for(lambda: library.has_book("Ohio/School 01/1850"))
        wait_for(lambda: len(library.events("create")) == 14)
        assert max(batch["active"] for batch in library.events("create")) == 12
        assert finished(library) == {"lane1-wave1", "lane1-wave2", "lane1-wave3"}


def test_a_batch_that_is_held_back_delays_no_other_lane(tmp_path: Path) -> None:
    books = {f"Ohio/School {n}/1850": pages for n, pages in enumerate([3, 3, 2, 2])}
    faults = {"faults": [f"batch-hold:match=lane1-wave1-,seconds={HELD_SECONDS}"]}
    with Library(tmp_path, books, execution={"batch_size_limit": 2}, embedded=faults) as library:
        library.start()
        wait_for(lambda: all(library.has_book(f"Ohio/School {n}/1850") for n in (2, 3)))
        assert finished(library) == {"lane2-wave1", "lane2-wave2"}
        assert len(library.events("create")) == 3


def finished(library: Library) -> set[str]:
    """The waves whose batches have ended."""
    names = {entry["batch"]: entry["display_name"] for entry in library.events("create")}
    ended = [names[entry["batch"]] for entry in library.events("finish")]
    return {"-".join(WAVE.findall(name)[0]) for name in ended}
