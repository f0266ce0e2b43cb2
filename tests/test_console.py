"""Tables at a terminal: a key is never broken, however narrow it is."""

import io

import pytest
from rich.console import Console, RenderableType

from pagewave.console import table

KEY = "North Carolina:Saint Mary's Academy, Raleigh and the Plains:1859:2"
COLUMNS = ("key", "engine", ">failures", ">of batches", "last error", "message")
ROW = (KEY, "gemini", 3, None, "ServiceTrouble", "The service answered with error 3")


def printed(shown: RenderableType, columns: int) -> list[str]:
    """The lines at a terminal so wide."""
    console = Console(file=io.StringIO(), width=columns, markup=False)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("columns", [80, 120, 150, 1000])
def test_a_key_stays_whole_in_one_line(columns: int) -> None:
    lines = printed(table(COLUMNS, [ROW, ROW], title="Dead letters: 2"), columns)
    assert max(map(len, lines)) <= columns
    assert sum(KEY in line for line in lines) == 2
    text = " ".join(" ".join(lines).split())
    for cell in ("gemini", "ServiceTrouble", "Dead letters: 2"):
        assert cell in text


def test_where_a_terminal_is_too_narrow_a_row_stands_below_its_key() -> None:
    assert printed(table(COLUMNS, [ROW], title="Dead letters: 1"), 80) == [
        "Dead letters: 1",
        KEY,
        "  engine: gemini; failures: 3; last error: ServiceTrouble; message: The service ".ljust(
            80
        ),
        "  answered with error 3".ljust(80),
    ]


def test_without_keys_a_table_stays_one() -> None:
    lines = printed(table(("batch", "state"), [("batches/" + "x" * 100, "running")]), 80)
    assert lines[0].startswith("┏") and max(map(len, lines)) <= 80
