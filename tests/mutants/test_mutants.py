"""The parts of the mutant run: mutants are what they say, and each meets the right tests."""

import ast
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mutants.choosing import choose, place_of
from mutants.drawing import all_slips, drawn
from mutants.figures import Report, Result
from mutants.mutant import PACKAGE, Mutant, Stale, equivalents, handwritten
from mutants.processes import TIMED_OUT, Task, queued_seconds, work_off
from mutants.touching import Touched

REPO = Path(__file__).parents[2]
BOOK = '''"""A book of accounts."""

LIMIT = 3


def spend(prices, left=10):
    """What is left when all was paid."""
    for price in prices:
        if price < LIMIT and left:
            left -= price
        else:
            raise ValueError("too dear: 4 < 5")
    log.info("left %d", 7)
    return left


def rows(db, lane):
    return db.query("SELECT MAX(id) FROM wave WHERE lane = ? AND ended > 0", lane)
'''
ONE = """
[[mutant]]
id = "one"
file = "book.py"
old = "left -= price"
new = "left += price"
cost = "money"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A package of one module."""
    (tmp_path / PACKAGE).mkdir(parents=True)
    (tmp_path / PACKAGE / "book.py").write_text(BOOK)
    return tmp_path


def from_toml(tree: Path, text: str) -> list[Mutant | Stale]:
    data = tree / "mutants.toml"
    data.write_text(text)
    return handwritten(tree, data)


def the_one(tree: Path, text: str = ONE) -> Mutant:
    (mutant,) = from_toml(tree, text)
    assert isinstance(mutant, Mutant)
    return mutant


def source_of(file: str) -> str:
    return (REPO / PACKAGE / file).read_text(encoding="utf-8")


def touched(lines: dict[int, set[str]], seconds: dict[str, float]) -> Touched:
    return Touched(seconds, seconds, {test: [] for test in seconds}, {}, {"book.py": lines})


# Written by hand


def test_only_what_differs_between_old_and_new_text_is_replaced(tree: Path) -> None:
    mutant = the_one(tree)
    assert mutant.applied(BOOK) == BOOK.replace("left -= price", "left += price")
    assert (BOOK[mutant.start : mutant.end], mutant.new) == ("-", "+")
    assert mutant.shown(BOOK) == "left -= price  →  left += price"


def test_a_mutant_whose_text_was_moved_is_found_where_it_is_now(tree: Path) -> None:
    (tree / PACKAGE / "room").mkdir()
    shutil.move(tree / PACKAGE / "book.py", tree / PACKAGE / "room" / "accounts.py")
    assert the_one(tree).file == "room/accounts.py"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("left -= cost", "pass", "in 0 files"),
        ("price", "cost", "there 5 times"),
        ("left -= price", "left -= (", "no Python"),
    ],
)
def test_what_does_not_fit_the_file_any_more_is_said_to_be_stale(
    tree: Path, old: str, new: str, why: str
) -> None:
    (stale,) = from_toml(tree, ONE.replace("left += price", new).replace("left -= price", old))
    assert isinstance(stale, Stale)
    assert why in stale.why


def test_a_data_file_with_two_mutants_of_one_name_is_refused(tree: Path) -> None:
    with pytest.raises(ValueError, match="twice: one"):
        from_toml(tree, ONE + ONE)


def test_all_survivors_of_the_first_measurement_are_among_those_written_by_hand() -> None:
    names = {mutant.id.rstrip("abcdefghijklmnop") for mutant in handwritten(REPO)}
    assert {f"M{number}" for number in range(1, 23)} <= names
    assert all(equivalents().values())


def test_the_tests_that_a_mutant_names_are_there() -> None:
    mutants = [mutant for mutant in handwritten(REPO) if isinstance(mutant, Mutant)]
    named = {test for mutant in mutants for test in mutant.tests}
    assert len(named) > 100
    for test in named:
        file, _, function = test.partition("::")
        text = (REPO / file).read_text(encoding="utf-8")
        assert not function or f"def {function}(" in text, test


def test_each_slip_that_is_called_equivalent_is_still_one_that_may_be_made() -> None:
    files = {name.partition(":")[0] for name in equivalents()}
    slips = {slip.id for file in files for slip in all_slips(file, source_of(file))}
    by_hand = {mutant.id for mutant in handwritten(REPO)}
    assert equivalents().keys() - by_hand <= slips


# Drawn


def test_slips_are_found_where_they_cost_something_and_nowhere_else() -> None:
    slips = all_slips("book.py", BOOK)
    shown = {slip.shown(BOOK) for slip in slips}
    assert {
        "if price < LIMIT and left:  →  if price <= LIMIT and left:",
        "if price < LIMIT and left:  →  if price < LIMIT or left:",
        "left -= price  →  pass",
        'raise ValueError("too dear: 4 < 5")  →  pass',
        "LIMIT = 3  →  LIMIT = 4",
        "def spend(prices, left=10):  →  def spend(prices, left=11):",
    } <= shown
    sql = [line.partition("→")[2] for line in shown if "SELECT" in line]
    assert {found for line in sql for found in ("MIN(id)", "? OR ended", ">= 0") if found in line}
    assert len(sql) == 3
    assert not [line for line in shown if "log.info" in line or "accounts" in line]


def test_every_slip_leaves_a_file_that_python_can_read() -> None:
    for slip in all_slips("book.py", BOOK):
        ast.parse(slip.applied(BOOK))
    submit = source_of("waves/submit.py")
    slips = all_slips("waves/submit.py", submit)
    assert len(slips) > 50
    for slip in slips:
        ast.parse(slip.applied(submit))


def test_an_id_outlives_changes_elsewhere_in_the_file() -> None:
    moved = BOOK.replace("LIMIT = 3", "# The dearest.\nLIMIT = 3").replace(
        "return left", "return 1"
    )
    before, after = ({slip.id for slip in all_slips("book.py", text)} for text in (BOOK, moved))
    assert before <= after
    assert len(before) == len(all_slips("book.py", BOOK))


def test_a_seed_draws_the_same_mutants_and_another_seed_others() -> None:
    one, again, other = (drawn(REPO, 50, seed) for seed in (1, 1, 2))
    assert one == again
    assert len({mutant.id for mutant in one}) == 50
    assert one != other


# Choosing


def line_of(text: str) -> int:
    return BOOK[: BOOK.index(text)].count("\n") + 1


def test_tests_that_touch_the_change_come_and_those_that_go_deeper_come_first(tree: Path) -> None:
    inside, loop, after = map(line_of, ("left -=", "for price", "return left"))
    lines = {
        loop: {"shallow", "deep", "empty"},
        inside: {"shallow", "deep"},
        line_of("raise"): {"deep"},
        after: {"shallow", "empty"},
    }
    seconds = {"shallow": 1.0, "deep": 1.0, "empty": 1.0}
    assert choose(touched(lines, seconds), tree, the_one(tree), 5.0) == ["deep", "shallow"]


def test_no_more_tests_are_chosen_than_there_is_time_for_and_quick_ones_first(tree: Path) -> None:
    lines = {line_of("left -="): {"slow", "quick", "middling"}}
    seconds = {"slow": 9.0, "quick": 0.1, "middling": 2.0}
    assert choose(touched(lines, seconds), tree, the_one(tree), 5.0) == ["quick", "middling"]


def test_tests_that_a_mutant_names_come_before_all_others(tree: Path) -> None:
    lines = {line_of("left -="): {"tests/test_a.py::quick"}}
    seconds = {"tests/test_a.py::quick": 0.1, "tests/test_b.py::named[1]": 3.0}
    mutant = the_one(tree, ONE + 'tests = ["tests/test_b.py"]\n')
    assert choose(touched(lines, seconds), tree, mutant, 5.0) == [
        "tests/test_b.py::named[1]",
        "tests/test_a.py::quick",
    ]


def test_a_constant_is_touched_by_those_who_touch_what_uses_it(tree: Path) -> None:
    mutant = the_one(
        tree, ONE.replace("left -= price", "LIMIT = 3").replace("left += price", "LIMIT = 30")
    )
    assert place_of(tree, mutant).changed == [{("book.py", line_of("if price"))}]


def test_a_field_is_touched_by_those_who_touch_what_uses_it_or_its_class(tree: Path) -> None:
    shelf = (
        "class Shelf:\n    number: int = 0\n    room: str = 'east'\n\n\n"
        "def first(shelf: Shelf) -> bool:\n    return shelf.number == 0\n\n\n"
        "def new():\n    return Shelf()\n"
    )
    (tree / PACKAGE / "shelf.py").write_text(shelf)
    (tree / PACKAGE / "other.py").write_text("def of(page):\n    return page.number\n")
    for old, new, lines in (("int = 0", "int = 1", {7}), ("'east'", "'west'", {6, 11})):
        mutant = the_one(
            tree,
            ONE.replace("book.py", "shelf.py")
            .replace("left -= price", old)
            .replace("left += price", new),
        )
        assert place_of(tree, mutant).changed == [{("shelf.py", line) for line in lines}]


# Processes


def test_tasks_have_a_folder_to_themselves_and_none_outlives_its_time(tmp_path: Path) -> None:
    folders = [tmp_path / "1", tmp_path / "2"]
    for folder in folders:
        folder.mkdir()

    def alone(folder: Path) -> int:
        (folder / "mine").mkdir()
        (folder / "mine").rmdir()
        os.write(1, b"worked")
        return 3

    def for_ever(_: Path) -> int:
        while True:
            pass

    tasks = [Task(str(n), alone, 60.0, tmp_path / f"{n}.txt") for n in range(6)]
    tasks.append(Task("for ever", for_ever, 0.3, tmp_path / "ever.txt"))
    ended = {task.name: code for task, code, _ in work_off(tasks, folders)}
    assert ended == {**{str(n): 3 for n in range(6)}, "for ever": TIMED_OUT}
    assert (tmp_path / "5.txt").read_text() == "worked"


def test_what_queues_for_a_processor_is_told(tmp_path: Path) -> None:
    """Two that share one processor: each queues for about as long as it works."""

    def works(_: Path) -> int:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        while time.process_time() < 0.2:
            pass
        return 0 if queued_seconds(os.getpid()) > 0.05 else 1

    tasks = [Task(str(n), works, 60.0, tmp_path / f"{n}.txt") for n in range(2)]
    ended = {task.name: code for task, code, _ in work_off(tasks, [tmp_path, tmp_path])}
    assert ended == {"0": 0, "1": 0}


# Figures


def result(name: str, outcome: str, file: str = "book.py", by_hand: bool = True) -> Result:
    return Result(name, file, by_hand, outcome, "a test", 1.0, 2, "a  →  b", "money")


def test_equivalent_mutants_count_neither_as_seen_nor_as_alive() -> None:
    results = [
        *(result("1", "killed"), result("2", "survived"), result("3", "untested")),
        *(result("4", "survived"), result("5", "killed", by_hand=False)),
    ]
    report = Report(results, [], {"4": "no value gets there"}, [], {}, "run", "abc")
    assert [row for row in report.rows() if row[0] == "all"] == [
        ["all", "4", "1", "2", "1", "1", "1", "", ""]
    ]
    assert report.sums() == [
        "by hand: 1 of 3 seen (33.3%), 1 equivalent",
        "drawn: 1 of 1 seen (100.0%), 0 equivalent",
    ]
    unended = replace(report, results=[results[0]._replace(unended=True), *results[1:]])
    assert unended.sums()[:2] == report.sums() and unended.sums()[2].startswith("1 of those")
    assert [one.id for one in report.alive] == ["2", "3"]
    assert not report.problems()


def test_what_makes_the_figures_doubtful_stands_beside_them() -> None:
    report = Report(
        [result("1", "killed")],
        [Stale("old", "book.py", "its text is in 0 files of the package")],
        {"1": "it was thought so"},
        ["a red test"],
        {"a test": ["1"]},
        "run",
        "abc",
        left=3,
    )
    problems = "\n".join(report.problems())
    words = ("stale: old", "a red test", "without a mutant too", "equivalent, but", "3 mutants")
    assert all(word in problems for word in words)
    assert problems.splitlines()[0] in report.markdown()
