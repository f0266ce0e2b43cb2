"""What review shows and saves: its desk in this process, and the real server for who may come."""

import json
from collections.abc import Callable, Iterator
from contextlib import chdir
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import main_of
from helpers.hand_edits import correction, correction_file, on_file
from helpers.library import Library
from helpers.monitor_process import ReviewProcess
from helpers.reviewed import FIRST, LINES, SECOND, elm, lay_out, tree_file
from pagewave.commands.browser.review import told
from pagewave.commands.browser.review.changes import Ask, Refused, entry_for
from pagewave.commands.browser.review.desk import Conflict, Desk
from pagewave.commands.browser.review.opened import Opened
from pagewave.config.settings import load_settings
from pagewave.ledger import Ledger
from pagewave.ledger.lock import take_lock
from pagewave.pages.dataset import scan
from pagewave.words.tree import Box, Finding, Kind
from pagewave.workspace import open_workspace

numbers = count(1)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Two pages with slips."""
    with chdir(tmp_path):
        yield elm(tmp_path)


def desk(library: Library, by: str = "Ann", chosen: Callable[[str], bool] = lambda _: True) -> Desk:
    """A desk over it, as one command of its own has."""
    return Desk(load_settings(library.config, library.root), chosen, by, 0.1)


def words(opened: Opened) -> dict[str, str]:
    """How each word of a page stands."""
    return {seen.now: seen.state for seen in opened.words}


def ask(opened: Opened, do: str, was: Any, now: Any = None, **more: Any) -> Ask:
    """What a browser wants that sees this page."""
    if do in ("word", "confirm") and "number" not in more:
        more["number"] = next(seen.number for seen in opened.words if seen.now == was)
    given = {"id": f"ask{next(numbers):08}", "key": opened.page.key, "base": opened.base}
    return Ask(**given, do=do, was=was, now=now, **more)  # type: ignore[arg-type]


def text(library: Library, key: str = SECOND) -> str:
    """The text in a page's file."""
    return str(on_file(library, key)["raw_ocr"]["text_blocks"][0]["text"])


def test_pages_come_by_doubt_and_those_that_were_looked_at_last(library: Library) -> None:
    by_doubt = desk(library).pile()
    assert [(page.key, page.left) for page in by_doubt] == [(SECOND, 2), (FIRST, 1)]
    assert by_doubt[0].doubt > by_doubt[1].doubt > 0
    at_work = desk(library)
    at_work.save(ask(at_work.open(SECOND), "word", "Mathematcs", "Mathematics"))
    at_work.save(ask(at_work.open(SECOND), "confirm", "Grarnmar"))
    assert [(page.key, page.left) for page in at_work.pile()] == [(FIRST, 1), (SECOND, 0)]
    assert [page.key for page in desk(library, chosen=lambda key: key == FIRST).pile()] == [FIRST]


def test_a_word_is_corrected_at_once_with_who_and_when(library: Library) -> None:
    before, tree = on_file(library, SECOND), tree_file(library, SECOND).read_bytes()
    at_work = desk(library)
    opened = at_work.save(ask(at_work.open(SECOND), "word", "Mathematcs", " Mathematics "))
    assert text(library) == "\n".join(LINES).replace("Mathematcs", "Mathematics")
    kept = correction(library, SECOND)
    assert (kept["page"], kept["corrected_by"]) == (on_file(library, SECOND), "Ann")
    before["raw_ocr"]["text_blocks"][0]["text"] = text(library)
    assert kept["page"] == before  # and nothing else is changed
    assert words(opened)["Mathematics"] == "corrected"
    assert opened.left == 1 and opened.doubt < 0.1
    assert tree_file(library, SECOND).read_bytes() == tree
    (entry,) = opened.journal.entries
    assert (entry.by, entry.said, entry.at[:2]) == ("Ann", ("Mathematics",), "20")


def test_what_was_confirmed_does_not_come_again_when_all_results_are_made_anew(
    library: Library,
) -> None:
    at_work = desk(library)
    at_work.save(ask(at_work.open(SECOND), "word", "Mathematcs", "Mathematics"))
    at_work.save(ask(at_work.open(SECOND), "confirm", "Grarnmar"))
    corrected = [line.replace("Mathematcs", "Mathematics") for line in LINES]
    # The engine stays of another mind than the person.
    slips = {"Mathematics": ("Matliematics", 0.8), "Grarnmar": ("Grammar", 0.4)}
    lay_out(library, SECOND, corrected, slips)
    again = desk(library).open(SECOND)
    assert again.left == 0
    assert words(again)["Mathematics"] == words(again)["Grarnmar"] == "confirmed"
    elsewhere = lay_out(library, SECOND, [*reversed(corrected)], slips)
    assert len(list(elsewhere.words())) and desk(library).open(SECOND).left == 1  # the middle stays


def test_a_word_without_a_place_stays_confirmed_when_a_neighbour_is_corrected(
    library: Library,
) -> None:
    tree = json.loads(tree_file(library, SECOND).read_bytes())
    line = tree["blocks"][0]["lines"][2]["words"]  # Greek Grarnmar and Botany
    del line[1]["box"]
    tree_file(library, SECOND).write_text(json.dumps(tree))
    at_work = desk(library)
    at_work.save(ask(at_work.open(SECOND), "confirm", "Grarnmar"))
    opened = at_work.save(ask(at_work.open(SECOND), "word", "Greek", "Latin"))
    assert words(opened)["Grarnmar"] == "confirmed"
    assert opened.left == 1


def test_a_line_a_field_and_what_the_model_says_of_one(library: Library) -> None:
    at_work = desk(library)
    line = "Mathematics, Livy with"
    opened = at_work.save(ask(at_work.open(SECOND), "line", LINES[1], line, number=1))
    assert text(library).splitlines()[1] == line
    assert told.page(opened, at_work.settings.paths, 0.1)["lines"][1]["text"] == line
    assert opened.left == 1
    opened = at_work.save(
        ask(opened, "field", "Livy", "Livy, Book I", field="courses[0].course_name")
    )
    opened = at_work.save(ask(opened, "field", None, "", field="courses[0].level"))
    assert on_file(library, SECOND)["courses"][0]["course_name"] == "Livy, Book I"
    assert on_file(library, SECOND)["courses"][0]["level"] is None
    content = library.page_file(SECOND).read_bytes()
    with pytest.raises(Refused, match=r"is_complete_page"):
        at_work.save(ask(opened, "field", True, "perhaps", field="page_info.is_complete_page"))
    with pytest.raises(Conflict, match="no such field"):
        at_work.save(ask(opened, "field", None, "x", field="courses[7].level"))
    assert library.page_file(SECOND).read_bytes() == content
    assert len(opened.journal.entries) == 3


def test_words_that_only_the_engine_saw_are_put_in_or_rightly_left_out(library: Library) -> None:
    box = Box(30, 200, 300, 300)
    finding = Finding(kind=Kind.LEFT_OUT, text="Also Logic", box=box)
    lay_out(library, SECOND, LINES, {}, unread=("Also Logic", "v i"), findings=[finding])
    at_work = desk(library)
    assert at_work.open(SECOND).left == 5
    opened = at_work.save(ask(at_work.open(SECOND), "line", "Also Logic", "Also Logic", number=3))
    assert text(library).splitlines() == [*LINES, "Also Logic"]
    assert [words(opened)[word] for word in ("Also", "Logic", "v")] == ["corrected"] * 2 + ["doubt"]
    opened = at_work.save(ask(opened, "confirm", finding.text, number=0, is_finding=True))
    for word in ("v", "i"):
        opened = at_work.save(ask(opened, "confirm", word))
    assert opened.left == 0
    assert text(library).splitlines() == [*LINES, "Also Logic"]


def test_each_act_is_undone_the_newest_first_and_all_stay_on_file(library: Library) -> None:
    at_work, content = desk(library), text(library)
    at_work.save(ask(at_work.open(SECOND), "word", "Mathematcs", ""))
    assert text(library).splitlines()[1] == "and Livy, with"
    opened = at_work.save(ask(at_work.open(SECOND), "confirm", "Grarnmar"))
    for _ in "12":
        last = opened.journal.standing[-1]
        opened = at_work.save(ask(opened, "undo", None, undoes=last.id))
    assert text(library) == content and opened.left == 2
    with pytest.raises(Conflict, match="undone already"):
        at_work.save(ask(opened, "undo", None, undoes=last.id))
    assert len(opened.journal.entries) == 4  # nothing is ever taken out


def test_the_same_save_sent_twice_is_made_once(library: Library) -> None:
    at_work = desk(library)
    wish = ask(at_work.open(SECOND), "word", "Livy,", "Livy, Livy,")
    first = at_work.save(wish)
    again = desk(library, "Bo").save(wish)  # its answer was lost, and the server started anew
    assert first.base == again.base and text(library).count("Livy,") == 2


def test_a_crash_right_after_the_journal_is_made_good_at_the_next_look(library: Library) -> None:
    at_work = desk(library)
    opened = at_work.open(SECOND)
    wish = ask(opened, "word", "Mathematcs", "Mathematics")
    opened.journal.add(entry_for(opened, wish, "Ann"))
    file = opened.journal.file
    assert "Mathematcs" in text(library)
    assert "Mathematics" in words(desk(library).open(SECOND))
    assert "Mathematics" in text(library) and correction(library, SECOND)["corrected_by"] == "Ann"
    # Half a line that a crash left is nobody's, and spoils nothing that comes after it.
    file.write_bytes(file.read_bytes() + b'{"id": "half')
    opened = desk(library).open(SECOND)
    opened = at_work.save(ask(opened, "confirm", "Grarnmar"))
    assert len(opened.journal.entries) == 2 and desk(library).open(SECOND).left == 0


def test_it_saves_while_a_run_holds_the_lock_and_leaves_the_ledger_alone(library: Library) -> None:
    path = library.state / "ledger.sqlite"
    Ledger.open(path).close()
    ledger = path.read_bytes()
    with take_lock(library.state):
        at_work = desk(library)
        at_work.save(ask(at_work.open(SECOND), "word", "Mathematcs", "Mathematics"))
    assert "Mathematics" in text(library)
    assert path.read_bytes() == ledger


def test_the_next_page_is_asked_anew_only_if_what_it_is_told_changed(library: Library) -> None:
    filler = [f"Line {number} of many that stand between both" for number in range(20)]
    lay_out(library, FIRST, ["The Trusteees", *filler, "met in Juue last"], {})
    settings = load_settings(library.config, library.root)
    ledger = Ledger.peek(library.state / "ledger.sqlite")
    workspace = open_workspace(settings, scan(settings), ledger)
    fingerprints = [workspace.request_for(SECOND).fingerprint]
    at_work = desk(library)
    for was, now in (("Trusteees", "Trustees"), ("Juue", "June")):
        at_work.save(ask(at_work.open(FIRST), "word", was, now))
        fingerprints.append(workspace.request_for(SECOND).fingerprint)
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
    ledger.close()


def test_a_page_read_anew_is_not_taken_for_corrected(library: Library) -> None:
    file = library.page_file(SECOND)
    file.write_text(file.read_text().replace("Botany", "Botanics"))
    opened = desk(library).open(SECOND)
    assert words(opened)["Botanics"] == ""
    assert "was changed since" in told.page(opened, desk(library).settings.paths, 0.1)["problem"]


# The server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Library, ReviewProcess]]:
    """Review of such a book."""
    library = elm(tmp_path_factory.mktemp("review"))
    with ReviewProcess(library.root, "--name", "Ann") as running:
        yield library, running


def wish(page: dict[str, Any], was: str, now: str) -> dict[str, Any]:
    """A word's correction, as the page sends it."""
    every = [word for line in page["lines"] for word in line["words"]]
    number = next(word["n"] for word in every if word["text"] == was)
    given = {"id": f"wish{next(numbers):08}", "key": page["key"], "base": page["base"]}
    return {**given, "do": "word", "number": number, "was": was, "now": now}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9"}, 403),  # another server of this machine: a cookie's kin
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}, 403),
        ({"host": "evil.example", "origin": "http://evil.example"}, 403),
        ({"cookie": "pagewave-review-1=x"}, 401),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_forged_requests_change_nothing(
    served: tuple[Library, ReviewProcess], headers: dict[str, str], code: int
) -> None:
    library, review = served
    content = library.page_file(FIRST).read_bytes()
    review.save(wish(review.ask("/page", key=FIRST), "met", "harm"), code, **headers)
    assert library.page_file(FIRST).read_bytes() == content
    assert not correction_file(library, FIRST).exists()


def test_without_an_origin_or_as_a_link_nothing_is_saved(
    served: tuple[Library, ReviewProcess],
) -> None:
    _, review = served
    for method, code in (("POST", 403), ("PUT", 403), ("GET", 405)):
        assert review.request(f"/save?token={review.token}", method).status_code == code
    assert review.request("/pages").status_code == 401
    wrong = {"id": "x", "key": FIRST}
    assert review.save(wrong, 422) == {"problem": "It is not what the page sends."}
    assert review.save({"now": "x" * 1_100_000}, 413) == {"problem": "That is too much."}
    assert "no page" in review.ask("/page", 404, key="Ohio:Elm:1850:9")["problem"]
    assert review.ask("/image", key=SECOND)[:2] == b"\xff\xd8"


def test_of_two_browsers_the_second_is_told_what_changed_and_nothing_is_lost(
    served: tuple[Library, ReviewProcess],
) -> None:
    library, review = served
    page = review.ask("/page", key=SECOND)
    with ReviewProcess(library.root, "--name", "Bo") as other:
        assert other.ask("/pages")["by"] == "Bo"
        seen_by_bo = other.ask("/page", key=SECOND)
        review.save(wish(page, "Mathematcs", "Mathematics"))
        refused = other.save(wish(seen_by_bo, "Mathematcs", "Mathematicks"), 409)
        assert [(each["by"], each["was"], each["now"]) for each in refused["since"]] == [
            ("Ann", "Mathematcs", "Mathematics")
        ]
        assert "Mathematics" in text(library)
        kept = other.save(wish(refused["page"], "Mathematics", "Mathematicks"))
        assert [each["by"] for each in kept["done"]] == ["Ann", "Bo"]
    assert "Mathematicks" in text(library)
    # Somebody changed the file in an editor: that is not known to the journal, and is not lost.
    page = review.ask("/page", key=SECOND)
    edited = library.page_file(SECOND).read_text(encoding="utf-8").replace("Botany", "Zoology")
    library.page_file(SECOND).write_text(edited, encoding="utf-8")
    refused = review.save(wish(page, "Grarnmar", "Grammar"), 409)
    review.save(wish(refused["page"], "Grarnmar", "Grammar"))
    assert text(library).endswith("Greek Grammar and Zoology")
    assert correction(library, SECOND)["page"] == on_file(library, SECOND)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from-doubt", "0"], "no share"),
        (["--name", " "], "a name has letters"),
        (["--host", "0.0.0.0"], "--allowed-hosts NAME"),
        (["--states", "Iowa"], "There is no state Iowa"),
        (["--page", "Ohio:Elm:1850:9"], "Did you mean Ohio:Elm:1850:"),
    ],
)
def test_mistakes_are_told(
    library: Library, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main_of("review.py")(["--configfile", "config.yaml", *options])
    except SystemExit as ended:
        code = ended.code
    assert code == 2 or code == 3
    assert said in capsys.readouterr().err


def test_without_trees_it_says_what_makes_them(
    library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in (FIRST, SECOND):
        tree_file(library, key).unlink()
    assert main_of("review.py")(["--configfile", "config.yaml"]) == 3
    assert "words" in (said := capsys.readouterr().err) and "run" in said
    assert json.loads(library.page_file(FIRST).read_text())
