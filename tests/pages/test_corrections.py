"""When a page file is a correction, and what becomes of it."""

import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import chdir, closing
from pathlib import Path
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess
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
from helpers.playing import Player, head_of, in_one_process, undone
from pagewave.config.data import Paths
from pagewave.errors import DataError
from pagewave.ledger import Ledger
from pagewave.pages.correction import Kind
from pagewave.pages.corrections import Corrections
from pagewave.pages.json_files import changed_fields, json_text
from pagewave.plan.targets import Command

BOOK = "Ohio/Elm/1850"
FIRST, SECOND, THIRD = (f"Ohio:Elm:1850:{number}" for number in (1, 2, 3))
FORCED = Command(forced={"page"})


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ["a.b[1]"]),
        ({"a": [1]}, {"a": [1, {"c": 2}]}, ["a[1]"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a[1]"]),
        ({"a": None}, {}, ["a"]),
        ({}, {"a": None, "b": 0}, ["a", "b"]),
        ({"a": True}, {"a": 1}, ["a"]),
        ({"a": "x"}, {"a": ["x"]}, ["a"]),
        ({}, ["no page"], ["the whole"]),
    ],
)
def test_changed_fields_are_named_by_their_places(
    before: Any, after: Any, fields: list[str]
) -> None:
    assert changed_fields(before, after) == fields


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "line 1, column 1: the file is empty"),
        (b" \n", "line 1, column 1: the file is empty"),
        (b'{"a": 1,}', "line 1, column 9: "),
        (b'{\r\n"a": 1\r\n"b": 2}', "line 3, column 1: "),
        (b'\xef\xbb\xbf{"a":\n}', "line 2, column 1: "),
        (b'{\n"a": "\xe9t\xe9"}', "line 2, column 7: this is no text in UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_told_with_line_and_column(content: bytes, place: str) -> None:
    with pytest.raises(ValueError, match=r"^line \d+, column \d+: ") as error:
        json_text(content)
    assert place in str(error.value)


def test_where_nothing_was_found_nobody_who_writes_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    paths, ledger = Paths(label_source_dir=tmp_path, image_source_dir=tmp_path), Ledger.open(file)
    with closing(ledger), closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert Corrections(paths, ledger).take_in([]) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_fault(encoding: str) -> None:
    assert json.loads(json_text('{"é": "\u2014"}'.encode(encoding))) == {"é": "\u2014"}


@pytest.fixture
def player(tmp_path: Path, quiet_server: EmbeddedProcess) -> Any:
    """A book of three pages that was read."""
    with in_one_process():
        player = Player(Library(tmp_path, {BOOK: 3}), quiet_server)
        assert player.play() == "ok"
        yield player


def book_entry(library: Library, key: str) -> Any:
    """A page in its book.json."""
    return next(page for page in library.book(BOOK)["pages"] if page["key"] == key)


def test_two_edits_in_turn_are_one_correction_of_what_was_read(player: Player) -> None:
    library = player.library
    read = on_file(library, SECOND)
    edit(library, SECOND)
    assert player.play(FORCED) == "ok"
    first = correction(library, SECOND)
    page = edit(library, SECOND, "once more")
    assert player.play(FORCED) == "ok"
    kept = correction(library, SECOND)
    assert kept["page"] == on_file(library, SECOND) == page
    assert kept["fields_changed"] == first["fields_changed"] == [FIELD]
    assert first["read"] == read
    assert book_entry(library, SECOND)["corrected"] is True
    [row] = library.ledger("SELECT key, page FROM correction")
    assert row == (SECOND, json.dumps(page))
    [newest, *_] = library.ledger(
        f"SELECT page FROM attempt WHERE key = '{SECOND}' ORDER BY id DESC"
    )
    save(library, SECOND, json.loads(newest[0]))
    assert player.play(FORCED) == "ok"
    assert book_entry(library, SECOND)["corrected"] is False
    kept_as = correction_file(library, SECOND).with_name("2.json.ended")
    assert json.loads(kept_as.read_text(encoding="utf-8")) == kept
    assert not correction_file(library, SECOND).exists()


def test_an_edit_while_a_run_is_going_on_is_taken_in_before_the_page_is_written(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, pages = player.library, []
    from pagewave.workflow.run import Run

    write: Callable[..., set[str]] = Run._write_answers

    def edit_then_write(head: Run, answers: Mapping[str, int]) -> set[str]:
        if SECOND in answers:
            pages.append(edit(library, SECOND))
        return write(head, answers)

    monkeypatch.setattr(Run, "_write_answers", edit_then_write)
    assert player.play(FORCED) == "ok"
    assert pages == [on_file(library, SECOND)]
    assert correction(library, SECOND)["page"] == pages[0]
    sql = f"SELECT previous_context FROM record WHERE key = '{THIRD}' ORDER BY batch_id DESC"
    assert WORD in library.ledger(sql)[0][0]


@pytest.mark.parametrize("moment", ["before it looks", "after it looked"])
def test_what_review_puts_while_a_run_is_going_on_is_never_overwritten(
    player: Player, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    library, pages = player.library, []
    content_for: Callable[..., bytes] = Corrections.content_for

    def put_meanwhile(corrections: Corrections, page: Any, answer: str) -> bytes:
        is_now = page.key == SECOND and not pages
        if is_now and moment == "before it looks":
            pages.append(put(library, SECOND))
        content = content_for(corrections, page, answer)
        if is_now and moment == "after it looked":
            pages.append(put(library, SECOND))
        return content

    monkeypatch.setattr(Corrections, "content_for", put_meanwhile)
    assert player.play(FORCED) == "ok"
    assert pages == [on_file(library, SECOND)]
    kept = correction(library, SECOND)
    assert (kept["page"], kept["corrected_by"]) == (pages[0], "Ann")
    assert book_entry(library, SECOND)["page"] == pages[0]


def test_what_review_puts_ends_when_what_was_read_is_put_before_any_run(player: Player) -> None:
    library = player.library
    read, content = on_file(library, SECOND), library.page_file(SECOND).read_bytes()
    put(library, SECOND)
    put(library, SECOND, read)
    assert library.page_file(SECOND).read_bytes() == content
    assert not correction_file(library, SECOND).exists()
    assert player.play() == "nothing"


def test_a_file_that_is_broken_while_a_run_is_going_on_is_not_overwritten(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, broken = player.library, []
    from pagewave.workflow.run import Run

    write_page: Callable[..., None] = Run.write_page

    def break_then_write(head: Run, page: Any) -> None:
        if page.key == SECOND:
            broken.append(break_json(library, SECOND))
            with pytest.raises(DataError, match=r"2\.json, line 3, column 1: .*not overwritten"):
                write_page(head, page)
            return
        write_page(head, page)

    monkeypatch.setattr(Run, "write_page", break_then_write)
    with pytest.raises(DataError, match=r"2\.json, line 3, column 1"):  # of its book
        player.play(FORCED)
    assert broken == [library.page_file(SECOND).read_bytes()]


def test_a_page_that_was_deleted_is_made_again_of_the_stored_answer(player: Player) -> None:
    library = player.library
    before = library.page_file(SECOND).read_bytes()
    library.page_file(SECOND).unlink()
    assert player.play() == "ok"
    assert library.page_file(SECOND).read_bytes() == before
    assert not correction_file(library, SECOND).exists()


def test_what_looks_unchanged_is_not_overwritten_all_the_same(player: Player) -> None:
    library = player.library
    path = library.page_file(SECOND)
    assert player.play(FORCED) == "ok"  # its size and time of change are noted
    status, text = path.stat(), path.read_text(encoding="utf-8")
    path.write_text(text.replace("regular", "REGULAR"), encoding="utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert player.play(FORCED) == "ok"
    assert "REGULAR" in path.read_text(encoding="utf-8")
    assert correction(library, SECOND)["fields_changed"] == ["raw_ocr.text_blocks[0].font_style"]


def test_a_file_of_the_size_and_time_that_were_noted_is_not_read_and_any_other_is(
    player: Player,
) -> None:
    """Thousands of page files are looked at when a run begins."""
    library = player.library
    path = library.page_file(SECOND)
    assert player.play(FORCED) == "ok"
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(content.replace(b"regular", b"REGULAR"))
    with chdir(library.root):
        session = head_of(library, Command()).session
        page = session.dataset.page(SECOND)
        assert [finding.page for finding in session.corrections.look([page])] == [page]
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert session.corrections.look([page]) == []
        path.write_bytes(content)  # what was read, at another time
        [found] = session.corrections.look([page])
        assert (found.page, found.kind) == (page, Kind.SAME)
        session.ledger.close()


def test_a_correction_that_was_deleted_is_written_again(player: Player) -> None:
    library = player.library
    page = edit(library, SECOND)
    assert player.play(FORCED) == "ok"
    correction_file(library, SECOND).unlink()
    assert player.play(FORCED) == "ok"
    assert on_file(library, SECOND) == correction(library, SECOND)["page"] == page


def test_a_correction_that_is_changed_itself_goes_into_the_page_file(player: Player) -> None:
    library = player.library
    edit(library, SECOND)
    assert player.play(FORCED) == "ok"
    kept = correction(library, SECOND)
    kept["page"]["raw_ocr"]["text_blocks"][0]["text"] = "changed where it is kept"
    correction_file(library, SECOND).write_text(json.dumps(kept), encoding="utf-8-sig")
    assert player.play(FORCED) == "ok"
    assert on_file(library, SECOND) == kept["page"]
    assert "changed where it is kept" in json.dumps(book_entry(library, SECOND))


def test_page_files_that_a_new_ledger_finds_are_kept_when_they_are_read_again(
    player: Player,
) -> None:
    library = player.library
    page = edit(library, SECOND)
    for file in library.state.glob("ledger.sqlite*"):
        file.unlink()
    (
        library.root / "results/pages/.pagewave.json"
    ).unlink()  # as of pages from before there was one
    assert player.play() == "nothing"
    assert (
        player.play(Command(targets=[str(library.page_file(SECOND))], force_targets=True)) == "ok"
    )
    assert on_file(library, SECOND) == correction(library, SECOND)["page"] == page
    assert not correction_file(library, FIRST).exists()
    third = library.page_file(THIRD)
    status = third.stat()
    third.write_bytes(b"{" * status.st_size)  # what looks unchanged may be no JSON any more
    os.utime(third, ns=(status.st_atime_ns, status.st_mtime_ns))
    with chdir(library.root):
        session = head_of(library, Command()).session
        found = session.corrections.look_at(session.dataset.page(THIRD), is_overwritten=True)
        session.ledger.close()
    assert found and found.kind == Kind.UNREADABLE


def test_a_page_that_a_person_typed_before_it_was_read_is_a_correction_of_nothing(
    player: Player,
) -> None:
    library = player.library
    page = on_file(library, THIRD)
    library.add_page(BOOK, 4)
    library.add_page(BOOK, 5)
    fourth = "Ohio:Elm:1850:4"
    save(library, fourth, page)
    assert player.play() == "ok"  # reads page 5 alone
    kept = correction(library, fourth)
    assert (kept["corrects"], kept["page"]) == (None, page)
    assert library.ledger(f"SELECT 1 FROM record WHERE key = '{fourth}'") == []


@pytest.mark.parametrize("point", ["page-written", "page-marked", "run-begun", "wave-closed"])
def test_a_crash_makes_no_correction_of_what_was_read(player: Player, point: str) -> None:
    library = player.library
    page = edit(library, SECOND)
    assert player.play(FORCED, crash_at=point) == "crashed"
    assert player.play(FORCED) == "ok"
    assert on_file(library, SECOND) == page
    found = [path.name for path in (library.root / "corrections").rglob("*")]
    assert [name for name in found if ".json" in name] == ["2.json"]


def test_nor_does_a_crash_in_the_middle_of_calls(player: Player) -> None:
    """Which write a page before their wave is over."""
    player.library.configure(execution={"transport": "flex"})
    player.server.show_images(player.library.root / "images")
    assert player.play(FORCED, crash_at="page-written") == "crashed"
    assert player.play(FORCED) == "ok"
    assert not list((player.library.root / "corrections").rglob("*.json"))


def test_corrections_in_a_folder_that_is_a_link_count(player: Player) -> None:
    library, kept = player.library, player.library.root / "kept"
    edit(library, SECOND)
    assert player.play(FORCED) == "ok"
    (library.root / "corrections/Ohio").rename(kept)
    (library.root / "corrections/Ohio").symlink_to(kept)
    changed = correction(library, SECOND)
    changed["page"]["raw_ocr"]["text_blocks"][0]["text"] = WORD
    correction_file(library, SECOND).write_text(json.dumps(changed), encoding="utf-8")
    assert player.play(FORCED) == "ok"
    assert correction(library, SECOND)["page"] == on_file(library, SECOND) == changed["page"]


def test_an_answer_that_was_overtaken_is_a_correction_when_it_is_put_back(player: Player) -> None:
    """Else its book would say that it was read with the newer prompt."""
    library = player.library
    first = on_file(library, SECOND)
    edit(library, FIRST)
    edit(library, SECOND)
    assert player.play(FORCED) == "ok"  # told of the changed page before: another answer
    save(library, SECOND, first)
    assert player.play(FORCED) == "ok"
    assert book_entry(library, SECOND)["corrected"] is True
    assert correction(library, SECOND)["page"] == on_file(library, SECOND) == first


def test_what_was_changed_by_hand_is_not_read_again_with_another_engine(player: Player) -> None:
    edit(player.library, SECOND)
    player.library.config["engine"] = "gemini"
    player.library.configure()
    assert undone(player.library)[0] == {FIRST, THIRD}


def test_a_page_that_died_in_a_forced_run_may_be_written_by_hand(player: Player) -> None:
    library = player.library
    library.configure(execution={"max_retries": 1}, prompt={"template_file": "v1.jinja"})
    player.server.set_faults([f"record-error:match={SECOND}$"])
    assert player.play(FORCED) == "failed"
    player.server.set_faults([])
    page = edit(library, SECOND)
    assert player.play() == "ok"
    assert on_file(library, SECOND) == page
    assert library.ledger("SELECT key FROM rebuild") == [(SECOND,)]  # read when it is cleared


def test_nothing_is_sent_where_a_page_before_is_no_page_by_the_prompt(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    library = player.library
    page = {**on_file(library, SECOND), "courses": "none", "school_name": "\ud83d"}
    library.page_file(SECOND).write_text(json.dumps(page), encoding="utf-8")
    sent = len(player.server.log("create"))
    for _ in range(2):  # before it is kept, and after
        with pytest.raises(SystemExit) as refused:
            player.play(FORCED)
        assert refused.value.code == 3
        said = capsys.readouterr().err
        assert f"nothing was sent:\n  {SECOND}: its correction is not what" in said
        assert "python scripts/corrections.py --discard KEY" in said
        forced_first = Command(forced={f"results/pages/{BOOK}/1.json"})
        with pytest.raises(DataError):  # its book can't be made
            player.play(forced_first)
    assert len(player.server.log("create")) == sent + 2
    assert correction(library, SECOND)["page"] == page
    assert not library.ledger("SELECT key FROM failure")
