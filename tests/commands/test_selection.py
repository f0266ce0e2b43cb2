"""A filter that names what does not exist is a mistake, and not a selection of nothing."""

import argparse
import shlex
from pathlib import Path

import pytest

from helpers.command_calls import Operator, main_of
from helpers.library import Library
from pagewave.commands.command import add_page_option
from pagewave.commands.selection import add_selection, as_typed, selection_of, selects_any
from pagewave.errors import UnknownName
from pagewave.ledger import Ledger, PlannedPage
from pagewave.levels import DEFAULT, Levels

PAGES = ["Ohio:Elm School:1850:1", "Québec:École:1871:1"]
COMMANDS = {
    "flags.py": [],
    "analyze_failures.py": [],
    "clear_failure_counts.py": ["--dry-run"],
    "pages.py": [],
}
UNKNOWN = [
    (["--states", "Ohoi"], "There is no state Ohoi. Did you mean Ohio?"),
    (["--states", "ohio"], "Did you mean Ohio?"),
    (["--states", "Ohio", "Quebec"], "There is no state Quebec. Did you mean Québec?"),
    (["--states", "X"], "There is no state X. There are: Ohio, Québec."),
    (["--schools", "Elm Schol"], "There is no school Elm Schol. Did you mean Elm School?"),
    (["--year-start", "1900", "--year-end", "1800"], "--year-start 1900 comes after --year-end"),
]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Two books, one of which a run has begun to read."""
    library = Library(tmp_path, {"Ohio/Elm School/1850": 1, "Québec/École/1871": 1})
    with_ledger = Ledger.open(library.state / "ledger.sqlite")
    planned = [PlannedPage(PAGES[0], 1, 1, 0)]
    with_ledger.runs.start("r1", "embedded", "gemini-2.5-flash", planned, [])
    with_ledger.close()
    return library


@pytest.mark.parametrize("script", COMMANDS)
@pytest.mark.parametrize(("filters", "message"), UNKNOWN)
def test_what_does_not_exist_is_told_with_what_may_be_meant(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    filters: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(library.root)
    given = ["--configfile", "config.yaml", *COMMANDS[script], *filters]
    assert main_of(script)(given) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert not printed.out


@pytest.mark.parametrize("script", COMMANDS)
def test_what_was_not_sent_yet_exists_all_the_same(
    library: Library, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.chdir(library.root)
    filters = ["--states", "Québec", "--schools", "École", "--year-end", "1871"]
    assert main_of(script)(["--configfile", "config.yaml", *COMMANDS[script], *filters]) == 0


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (["--prompt-version", "v1.2"], "There is no prompt version v1.2. Did you mean v1.1?"),
        (["--prompt-version", "page_orc/v1.jinja"], "Did you mean page_ocr/v1?"),
        (["--model", "gemini-2.5-flahs"], "Did you mean gemini-2.5-flash?"),
    ],
)
def test_prompts_and_models_that_nobody_knows(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    filters: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(library.root)
    assert main_of("pages.py")(["--configfile", "config.yaml", *filters]) == 2
    assert message in capsys.readouterr().err


def test_a_ledger_alone_knows_its_pages(
    library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    operator = Operator(library.state / "ledger.sqlite", capsys)
    assert "0 pages flagged" in operator.run("flags.py", "--states", "Ohio")
    assert "Did you mean Ohio?" in operator.run("flags.py", "--states", "Ohoi", code=2)
    assert "0 pages flagged" in operator.run("flags.py", "--page", PAGES[0])
    wrong = operator.run("flags.py", "--page", f"{PAGES[0]}0", code=2)
    assert f"Did you mean {PAGES[0]}?" in wrong


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "--page a:b:1:2 --page 'a b:c:1:3'",
        "--level school='Elm Hall' --level school=Oak --level year=1850",
        "--states Ohio Iowa --schools 'Elm Hall' --year-start 0 --year-end 1860",
    ],
)
def test_a_printed_command_selects_what_was_selected(typed: str) -> None:
    parser = argparse.ArgumentParser()
    add_page_option(parser, dest="keys", action="append", default=[])
    add_selection(parser)
    first = parser.parse_args(shlex.split(typed))
    again = parser.parse_args(as_typed(first))
    assert selection_of(again, DEFAULT) == selection_of(first, DEFAULT)
    assert selects_any(again) == bool(typed)
    assert len(as_typed(first)) == len(shlex.split(typed))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--states Ohio", r"--states: there is no level state\. paths\.levels has box"),
        ("--year-end 1850", "--year-end: there is no level year"),
        ("--level folder=3", r"--level: there is no level folder.*write --level box=NAME"),
    ],
)
def test_levels_that_are_not_there_are_refused(typed: str, said: str) -> None:
    parser = argparse.ArgumentParser()
    add_selection(parser)
    with pytest.raises(UnknownName, match=said):
        selection_of(parser.parse_args(shlex.split(typed)), Levels(("box",)))
    with pytest.raises(SystemExit):
        parser.parse_args(["--level", "box"])
