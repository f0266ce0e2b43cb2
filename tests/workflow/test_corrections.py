"""What a person wrote into a page file stays, whatever is read, deleted or lost; real commands."""

import contextlib
import json
import re
import shlex
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.braintrust_server import BraintrustServer
from helpers.command_calls import said
from helpers.earlier import lay_out
from helpers.hand_edits import (
    FIELD,
    WORD,
    break_json,
    correction,
    correction_file,
    edit,
    on_file,
    put,
    save,
)
from helpers.library import Library
from pagewave.workflow.corrections import tell_of_copies

BOOK = "Ohio/Elm School/1850"
KEYS = [f"{BOOK.replace('/', ':')}:{number}" for number in range(1, 6)]
THIRD, FOURTH, FIFTH = KEYS[2], KEYS[3], KEYS[4]
MARK = b"\xef\xbb\xbf"
"""The byte order mark that editors on Windows put in front."""
BOOK_FILE = f"results/books/{BOOK}/book.json"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A book of five pages that was read."""
    with Library(tmp_path_factory.mktemp("finished"), {BOOK: 5}) as library:
        library.run()
        yield library


@pytest.fixture
def library(finished: Library, tmp_path: Path) -> Iterator[Library]:
    """A copy of that library, for somebody to change."""
    shutil.copytree(
        finished.root, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cache")
    )
    with Library(tmp_path, {}) as copy:
        yield copy


def target(key: str) -> str:
    """A page's file as a target."""
    return f"results/pages/{BOOK}/{key.rpartition(':')[2]}.json"


def entry(library: Library, key: str) -> dict[str, object]:
    """A page in its book.json."""
    return next(page for page in library.book(BOOK)["pages"] if page["key"] == key)


def is_kept(library: Library, key: str, page: object) -> bool:
    """Does every file that people read say what the person wrote?"""
    told = entry(library, key)
    text = (library.root / f"results/books/{BOOK}/text.txt").read_text(encoding="utf-8")
    return (
        on_file(library, key) == page
        and told["page"] == page
        and told["corrected"] is True
        and told["fields_changed"] == [FIELD]
        and WORD in text
        and correction(library, key)["page"] == page
    )


def context_of(library: Library, key: str) -> str:
    """What the newest request for a page was told of the page before."""
    sql = f"SELECT previous_context FROM record WHERE key = '{key}' ORDER BY batch_id DESC"
    return str(library.ledger(sql)[0][0])


def test_a_correction_survives_reading_its_book_again_and_is_told_to_the_next_page(
    library: Library,
) -> None:
    page = edit(library, THIRD)
    read = json.loads(library.ledger(f"SELECT page FROM attempt WHERE key = '{THIRD}'")[0][0])
    before = library.page_file(THIRD).read_bytes()
    look = library.run("-n", "-F", BOOK_FILE)
    assert f"{THIRD} was changed by hand ({FIELD})" in look
    assert "1 corrected page read again" in look
    assert "that is paid for, and their files keep the corrections" in look
    assert not correction_file(library, THIRD).exists()  # -n only tells

    output = library.run("-F", BOOK_FILE)
    assert f"{THIRD}: changed by hand; kept as a correction in corrections/" in output
    assert library.inferences() == Counter(dict.fromkeys(KEYS, 2))
    assert is_kept(library, THIRD, page)
    assert library.page_file(THIRD).read_bytes() == before  # in the person's own rendering
    assert WORD in context_of(library, FOURTH)
    kept = correction(library, THIRD)
    assert kept["read"] == read
    first = library.ledger(
        "SELECT b.name, a.fingerprint FROM attempt a JOIN batch b ON b.id = a.batch_id"
        f" WHERE a.key = '{THIRD}' ORDER BY a.id"
    )[0]
    assert (kept["corrects"]["batch"], kept["corrects"]["fingerprint"]) == first
    assert kept["corrects"]["attempt"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", kept["corrected_at"])
    assert [told["corrected"] for told in library.book(BOOK)["pages"]] == [
        key == THIRD for key in KEYS
    ]
    again = library.run()
    assert f"1 page corrected by hand: {THIRD}" in again
    assert "changed by hand" not in again
    assert is_kept(library, THIRD, page)


def test_what_review_put_is_taken_in_by_the_next_run_and_ends_with_what_was_read(
    library: Library,
) -> None:
    read, page = on_file(library, THIRD), put(library, THIRD)
    kept = correction_file(library, THIRD).read_bytes()
    output = library.run()
    assert f"{THIRD}: changed by hand; kept as a correction in corrections/" in output
    assert is_kept(library, THIRD, page)
    assert correction_file(library, THIRD).read_bytes() == kept  # with who and when
    assert correction(library, THIRD)["corrected_by"] == "Ann"
    assert "corrected_by" not in json.dumps(library.book(BOOK))
    assert library.ledger("SELECT key, page FROM correction") == [(THIRD, json.dumps(page))]

    put(library, THIRD, read)
    assert f"{THIRD}: says again what was read" in library.run()
    assert not correction_file(library, THIRD).exists()
    assert on_file(library, THIRD) == read
    assert entry(library, THIRD)["corrected"] is False
    assert library.inferences() == Counter(KEYS)


def test_a_correction_survives_reading_another_page_and_the_deletion_of_all(
    library: Library,
) -> None:
    page = edit(library, THIRD)
    library.run("--force", target(FIFTH))
    assert on_file(library, THIRD) == page
    assert library.inferences() == Counter(dict.fromkeys(KEYS, 1)) + Counter([FIFTH])

    second = edit(library, THIRD, "and again")  # not taken in by any run
    assert "Would delete" in library.run("--delete-all-output", "-n")
    assert correction(library, THIRD)["page"] == page
    library.run("--delete-all-output")
    assert not library.page_file(THIRD).exists() and not library.has_book(BOOK)
    assert correction(library, THIRD)["page"] == second
    library.run()
    assert is_kept(library, THIRD, second)
    # Page 4 is asked for again, as what it is told is new; all others are free.
    assert library.inferences()[THIRD] == 1
    assert "and again" in context_of(library, FOURTH)


def test_a_correction_survives_the_printed_commands_and_a_new_prompt(library: Library) -> None:
    page = edit(library, THIRD)
    library.run()
    assert is_kept(library, THIRD, page)

    # What stands behind a correction is offered with its price, and not read by itself.
    assert library.inferences() == Counter(KEYS)
    output = library.run("-n")
    assert f"1 page read with what the page before said until it was corrected ({FOURTH})" in output
    price, command = re.findall(r"about ([\d.]+) USD; .* To do it: (.*)", output)[0]
    assert float(price) > 0
    listed = said(library, "pages.py", "--behind-corrections")
    assert [each["key"] for each in listed["pages"]] == [FOURTH]
    assert listed["read_again"]["usd"] == pytest.approx(float(price), abs=1e-4)
    words = shlex.split(command)
    assert words[0].endswith("snakemake") and words[-2] == "--force"
    assert shlex.split(listed["read_again"]["command"])[-1] == words[-1]
    library.run("--force", words[-1])
    assert WORD in context_of(library, FOURTH)
    assert library.inferences() == Counter([*KEYS, FOURTH])
    assert "until it was corrected" not in library.run("-n")

    # A corrected page is not in the commands that read pages again.
    everything = said(library, "pages.py")
    assert [each["key"] for each in everything["pages"] if each["corrected"]] == [THIRD]
    with sqlite3.connect(library.state / "ledger.sqlite") as db:
        db.execute("UPDATE batch SET prompt_sha256 = prompt_sha256 || 'x'")
        db.execute(
            "INSERT INTO prompt SELECT sha256 || 'x', name, 'v0.jinja', template, 0 FROM prompt"
        )
    outdated = said(library, "pages.py", "--outdated")
    assert len(outdated["pages"]) == 5
    assert outdated["read_again"]["pages"] == 4
    printed = library.command("pages.py", "--outdated", "--print0").stdout.split("\0")
    assert len(printed) == 5 and target(THIRD) not in printed
    library.run("--force", *printed[:-1])
    assert is_kept(library, THIRD, page)


def test_a_byte_order_mark_line_ends_and_the_order_of_keys_are_no_correction(
    library: Library,
) -> None:
    config = library.root / "config.yaml"
    config.write_bytes(MARK + config.read_bytes())
    marked = on_file(library, THIRD)
    save(library, THIRD, marked, lambda text: MARK + text.encode())
    save(
        library, FOURTH, on_file(library, FOURTH), lambda text: text.replace("\n", "\r\n").encode()
    )
    save(library, FIFTH, dict(reversed(on_file(library, FIFTH).items())))
    backup = library.page_file(FIFTH).with_suffix(".json~")
    backup.write_text("what an editor left")
    output = library.run()
    assert "by hand" not in output
    assert not (library.root / "corrections").exists()
    assert [told["corrected"] for told in library.book(BOOK)["pages"]] == [False] * 5
    # With a mark and another word it is one, and what is behind it reads it.
    page = json.loads(json.dumps(marked))
    page["raw_ocr"]["text_blocks"][0]["text"] += f" {WORD}"
    save(library, THIRD, page, lambda text: MARK + text.encode())
    library.run("--force", target(FOURTH))
    library.run()
    assert is_kept(library, THIRD, page)
    assert WORD in context_of(library, FOURTH)


def test_broken_json_is_told_with_its_place_and_the_old_book_stays(library: Library) -> None:
    broken = break_json(library, THIRD)
    before = {
        path.name: path.read_bytes() for path in (library.root / "results/books" / BOOK).iterdir()
    }
    output = library.run(code=3)
    assert f"results/pages/{BOOK}/3.json, line 3, column 1: " in output
    assert "elete the file" not in output
    folder = library.root / "results/books" / BOOK
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert library.page_file(THIRD).read_bytes() == broken

    # What would overwrite it, or has to read it, is refused before anything is sent.
    for arguments in (("-F", BOOK_FILE), ("--force", target(FOURTH))):
        refused = library.run(*arguments, code=3)
        assert "3.json, line 3, column 1" in refused and "nothing was sent" in refused
    assert "nothing was deleted" in library.run("--delete-all-output", code=3)
    assert library.page_file(THIRD).read_bytes() == broken
    assert library.inferences() == Counter(KEYS)

    # Put in order there, it is a correction; the command that was printed puts the answer back.
    library.page_file(THIRD).write_bytes(b"")
    assert "3.json, line 1, column 1: the file is empty" in library.run("-n")
    library.command("corrections.py", "--discard", THIRD, "--yes")
    library.run()
    assert entry(library, THIRD)["corrected"] is False
    assert library.inferences() == Counter(KEYS)


def test_a_correction_that_is_no_page_is_told_and_kept(library: Library) -> None:
    read = on_file(library, THIRD)
    page = {**read, "courses": "none"}
    save(library, THIRD, page)
    output = library.run(code=3)
    assert "its correction is not what page_ocr/page.py says of a page (courses: " in output
    assert correction(library, THIRD)["page"] == on_file(library, THIRD) == page
    assert correction(library, THIRD)["fields_changed"] == ["courses"]
    # Saying again what was read ends it.
    save(library, THIRD, read)
    output = library.run()
    assert f"{THIRD}: says again what was read" in output
    assert not correction_file(library, THIRD).exists()
    assert entry(library, THIRD)["corrected"] is False


def test_a_correction_survives_the_loss_of_the_ledger_and_its_answer_is_known_again(
    library: Library,
) -> None:
    page = edit(library, THIRD)
    library.run()
    answers = library.ledger("SELECT key, page FROM attempt ORDER BY key")
    book = library.root / BOOK_FILE
    book.write_bytes(MARK + book.read_bytes())
    for file in library.state.glob("ledger.sqlite*"):
        file.unlink()
    library.command("rebuild_ledger.py", "--files-only")
    assert library.ledger("SELECT key, page FROM attempt ORDER BY key") == answers
    assert len(library.ledger("SELECT key FROM page")) == 5
    book.write_bytes(book.read_bytes().removeprefix(MARK))
    library.run()
    assert is_kept(library, THIRD, page)
    library.run("-F", BOOK_FILE)
    assert is_kept(library, THIRD, page)


def test_a_page_written_by_hand_in_place_of_a_dead_letter_is_a_correction_of_nothing(
    tmp_path: Path,
) -> None:
    faults = {"faults": [f"record-error:match={THIRD}$"]}
    limits = {"max_retries": 1}
    with Library(tmp_path, {BOOK: 5}, embedded=faults, execution=limits) as library:
        library.run(code=1)
        page = on_file(library, KEYS[1])
        page["raw_ocr"]["text_blocks"][0]["text"] = f"Page {THIRD}. {WORD}"
        save(library, THIRD, page)
        library.run()
        kept = correction(library, THIRD)
        assert (kept["corrects"], kept["read"], kept["page"]) == (None, None, page)
        assert entry(library, THIRD)["corrected"] is True
        assert WORD in context_of(library, FOURTH)
        # Its file is made again of the correction alone.
        library.page_file(THIRD).unlink()
        library.run()
        assert on_file(library, THIRD) == page
        assert library.inferences()[THIRD] == 0
        # Read at last, it keeps what the person wrote, until that is discarded.
        library.configure(embedded={"faults": []})
        library.run("--force", target(THIRD))
        assert on_file(library, THIRD) == page
        assert library.inferences()[THIRD] == 1
        library.command("corrections.py", "--discard", THIRD, "--yes")
        assert WORD not in library.text(THIRD)
        assert f"Page {THIRD}." in library.text(THIRD)


def test_an_edited_page_of_an_earlier_version_is_noticed_by_what_it_says(tmp_path: Path) -> None:
    key = "Ohio:Ash:1850:2"
    with lay_out(tmp_path) as library:
        page = edit(library, key)
        save(library, "Ohio:Ash:1850:1", on_file(library, "Ohio:Ash:1850:1"))  # rendering alone
        library.run("-F", "results/books/Ohio/Ash/1850/book.json")
        assert on_file(library, key) == page
        assert correction(library, key)["page"] == page
        assert [path.name for path in (tmp_path / "corrections").rglob("*.json")] == ["2.json"]


def test_a_book_changed_by_hand_is_copied_before_it_is_made_anew(library: Library) -> None:
    text = library.root / f"results/books/{BOOK}/text.txt"
    text.write_text("my own words")
    edit(library, THIRD)
    output = library.run()
    assert "text.txt was changed by hand" in output
    assert text.with_name("text.txt.edited").read_text() == "my own words"
    assert WORD in text.read_text(encoding="utf-8")
    assert not text.with_name("book.json.edited").exists()


def test_a_copy_of_what_stays_as_it_is_goes_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made, same, mine, copy = (tmp_path / name for name in ("made", "same", "mine", "copy"))
    for path, content in ((made, "anew"), (copy, "my words"), (mine, "same"), (same, "same")):
        path.write_text(content)
    tell_of_copies({made: copy, mine: same})
    assert copy.read_text() == "my words" and not same.exists()
    assert len(caplog.messages) == 1 and f"kept as {copy}" in caplog.text


def test_braintrust_is_told_what_a_page_should_have_been(tmp_path: Path) -> None:
    sections = {"tracking": {"interval_seconds": 0.2}}
    with BraintrustServer() as server, Library(tmp_path, {BOOK: 3}, **sections) as library:
        library.environment = server.environment

        def expected() -> dict[str, object]:
            return {
                row["input"]["page_id"]: row["expected"]
                for row in server.rows.values()
                if row.get("expected") is not None
            }

        library.run()
        assert len(server.rows) == 3 and expected() == {}
        page = edit(library, THIRD)
        library.run()
        with contextlib.suppress(KeyError):
            del library.environment["PAGEWAVE_RUN"]
        assert expected() == {THIRD: page}
        assert len(server.rows) == 3


# The ledger was emptied


@pytest.mark.parametrize("how", ["empty", "recreate"])
def test_an_edit_behind_an_emptied_ledger_outlives_the_deletion_of_all_outputs(
    library: Library, how: str
) -> None:
    said(library, "nuke_database.py", "--confirm", *["--recreate-tables"] * (how == "recreate"))
    edit(library, THIRD)
    library.run("--delete-all-output")
    assert not library.page_file(THIRD).exists()
    assert WORD in json.dumps(correction(library, THIRD)["page"])
    assert not correction_file(library, FOURTH).exists()


def test_after_an_emptied_ledger_a_forced_run_keeps_changed_files_alone(library: Library) -> None:
    said(library, "nuke_database.py", "--confirm")
    edit(library, THIRD)
    library.run("-F")
    kept = [key for key in KEYS if correction_file(library, key).exists()]
    assert kept == [THIRD]
