"""`pagewave audit --review`: what a browser says of a line is in its row once, and is undone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.audited import AuditedLibrary, fill
from helpers.command_calls import printed, said
from helpers.monitor_process import AuditProcess
from pagewave.errors import DataError
from pagewave.words.audit.answers import Typed, typed

LINES = 12
NOTHING = ["", "", ""]


@pytest.fixture
def library(tmp_path: Path) -> AuditedLibrary:
    made = AuditedLibrary(tmp_path, {"Ohio/Elm/1850": 4})
    printed(made, "audit", "--lines", str(LINES))
    return made


@pytest.fixture
def served(library: AuditedLibrary) -> Iterator[AuditProcess]:
    with AuditProcess(library.root, "--name", "Ann") as served:
        yield served


def rows(library: AuditedLibrary) -> dict[str, Typed]:
    """What stands in the rows."""
    return typed(library.root / "audit/lines.csv")


def wish(name: str, number: int = 0, **changes: Any) -> dict[str, Any]:
    """An answer to a line, as a browser sends it."""
    made = {"id": f"browser-{number}", "key": name, "base": NOTHING, "do": "answer"}
    return made | {"verdict": "right"} | changes


def test_an_answer_stands_in_its_row_before_the_browser_is_told_and_is_undone(
    library: AuditedLibrary, served: AuditProcess
) -> None:
    told = served.ask("/lines")
    first, second = (line["name"] for line in told["lines"][:2])
    assert told["answers"] == [NOTHING] * LINES and "figures" not in told
    assert served.ask("/picture", line=first)[8:12] == b"WEBP"
    once = served.save(wish(first, left_out="=above it"))
    assert rows(library)[first] == Typed("right", "", "=above it")
    assert served.save(wish(first, left_out="=above it"))["answers"] == once["answers"]
    changed = wish(first, 1, base=once["base"], verdict="wrong", printed="line one")
    again = served.save(changed)
    assert rows(library)[first] == Typed("wrong", "line one")
    served.save(wish(second, 2, verdict="made up"))
    for number, (line, now) in enumerate(
        [(second, Typed()), (first, Typed("right", "", "=above it")), (first, Typed())]
    ):
        undo = served.ask("/lines")["undo"]
        assert undo["line"] == line
        back = {"id": f"browser-9{number}", "key": line, "base": again["base"], "do": "undo"}
        served.save(back | {"undoes": undo["id"]})
        assert rows(library)[line] == now
    assert served.ask("/lines")["undo"] is None


def test_nobody_who_judges_is_told_of_doubts(served: AuditProcess) -> None:
    told = served.ask("/lines")
    assert set(told["lines"][0]) == {"name", "page", "text", "next", "has_place", "is_first"}


def test_of_two_browsers_the_second_is_told_and_nothing_is_overwritten(
    library: AuditedLibrary, served: AuditProcess
) -> None:
    names = [line["name"] for line in served.ask("/lines")["lines"]]
    with AuditProcess(library.root, "--name", "Bo") as other:
        served.save(wish(names[0], verdict="wrong", printed="other"))
        refused = other.save(wish(names[0], 1), 409)
        assert refused["problem"] == "Ann said of this line meanwhile: wrong, “other”."
        assert refused["answers"][0] == ["wrong", "other", ""]
        other.save(wish(names[0], 2, verdict="wrong", printed="other"))  # both say the same
        other.save(wish(names[1], 3))
    # What was typed into the CSV is changed there, and nowhere else.
    fill(library.root / "audit/lines.csv", {names[2]: {"verdict": "made up"}, "*": {}})
    assert "Somebody said" in served.save(wish(names[2], 4), 409)["problem"]
    by_hand = served.save(wish(names[2], 5, base=["made up", "", ""]), 422)
    assert "judged in lines.csv by hand: change it there" in by_hand["problem"]
    assert rows(library)[names[2]] == Typed("made up")


def test_what_follows_is_told_once_all_are_judged(
    library: AuditedLibrary, served: AuditProcess
) -> None:
    names = [line["name"] for line in served.ask("/lines")["lines"]]
    fill(library.root / "audit/lines.csv", {names[0]: {}, "*": {"verdict": "right"}})
    assert "figures" not in served.ask("/lines")
    told = served.save(wish(names[0], verdict="unreadable"))
    assert told["command"].endswith("audit --certify")
    made = said(library, "audit", "--certify")["figures"]
    [unreadable] = [each for each in told["figures"] if each["name"] == "unreadable"]
    assert unreadable["value"] == f"{made['unreadable']['value']:.2%}"
    assert [each["judged"] for each in told["figures"]] == [LINES] * len(made)


def test_a_row_that_was_saved_over_is_judged_again_by_what_was_said(
    library: AuditedLibrary, served: AuditProcess
) -> None:
    file = library.root / "audit/lines.csv"
    before, name = file.read_bytes(), served.ask("/lines")["lines"][0]["name"]
    served.save(wish(name))
    file.write_bytes(before)  # by a spreadsheet that was open all the time
    assert "1 are judged" in printed(library, "audit")
    assert rows(library)[name] == Typed("right")


@pytest.mark.parametrize(
    ("ask", "code", "problem"),
    [
        ({"verdict": "wrong"}, 422, "type what is printed"),
        ({"printed": "something"}, 422, "which is it?"),
        ({"do": "undo", "undoes": "nothing"}, 422, "can't be taken back"),
        ({"verdict": "fine"}, 422, "not what the page sends"),
        ({"key": "Ohio:Elm:1850:99#1"}, 404, "not among the lines"),
    ],
)
def test_what_can_not_be_is_refused(
    library: AuditedLibrary, served: AuditProcess, ask: dict[str, Any], code: int, problem: str
) -> None:
    name = served.ask("/lines")["lines"][0]["name"]
    before = (library.root / "audit/lines.csv").read_bytes()
    assert problem in served.save(wish(name) | ask, code)["problem"]
    served.save(wish(name), 403, origin="http://evil.example")
    assert served.request("/lines").status_code == 401
    assert (library.root / "audit/lines.csv").read_bytes() == before


def test_without_a_sample_it_says_what_draws_one(tmp_path: Path) -> None:
    library = AuditedLibrary(tmp_path, {"Ohio/Elm/1850": 1})
    assert "To draw one: " in printed(library, "audit", "--review", code=DataError.exit_code)
