"""The waves to come as a table: a screen or two for any size, every wave's price counted in."""

import io
import itertools
import re
from pathlib import Path

import pytest
from rich.console import Console

from helpers.command_calls import said
from helpers.library import Library
from pagewave.plan.wave_rows import MOST_ROWS, WaveRow, waves_view

BOOKS = {f"Ohio/School {letter}/1850": 5 for letter in "ABCDEF"}
SCHOOL = "North Carolina/Saint Mary's Academy of Raleigh"


def rows_of(number: int) -> list[WaveRow]:
    """Waves of 100 pages of as many books, the n-th of which costs n cents."""
    books = [f"{SCHOOL}/{1800 + n}" for n in range(100)]
    return [
        WaveRow(n, 1, 100, books, 0, 0, 200_000, 20_000, n / 100, n * (n + 1) / 200)
        for n in range(1, number + 1)
    ]


def printed(rows: list[WaveRow], columns: int) -> list[str]:
    """The lines of the table at a terminal so wide."""
    console = Console(file=io.StringIO(), width=columns)
    console.print(waves_view(rows, is_free_here=False))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("columns", [80, 120, 1000])
@pytest.mark.parametrize("number", [1, MOST_ROWS, MOST_ROWS + 1, 3000])
def test_a_wave_is_a_line_and_those_in_the_middle_are_one(number: int, columns: int) -> None:
    lines = printed(rows_of(number), columns)
    assert len(lines) == 3 + min(number, MOST_ROWS)
    assert max(map(len, lines)) <= columns
    cells = [line.split() for line in lines[3:]]
    # The price of each line, the folded ones' together, adds up to the last line's sum.
    prices = [float(each[-2]) for each in cells]
    sums = [float(each[-1]) for each in cells]
    assert sum(prices) == pytest.approx(sums[-1]) == number * (number + 1) / 200
    assert sums == pytest.approx(list(itertools.accumulate(prices)))
    folded = [line for line in lines if "…  " in line and " waves" in line]
    assert len(folded) == (number > MOST_ROWS)


def test_where_the_model_has_no_price_there_is_no_sum_after_it() -> None:
    row = WaveRow(1, 1, 2, ["Ohio/Oak/1850"], 1, 0, 10, 10, None, None)
    assert printed([row], 100)[3].split()[-2:] == ["unknown", "unknown"]
    assert "2 (1 free)" in printed([row], 100)[3]
    assert printed([], 100) == []


def test_each_wave_names_its_lane_s_books_and_adds_its_price_to_those_before_it(
    tmp_path: Path,
) -> None:
    elm, oak = "Ohio/Elm/1850", "Ohio/Oak/1850"
    with Library(tmp_path, {elm: 3, oak: 1}, execution={"batch_size_limit": 1}) as library:
        waves = said(library, "plan.py", "--waves")["each_wave"]
        library.configure(model={"name": "gemini-99-imaginary"})
        unknown = said(library, "plan.py", "--waves")["each_wave"]
    assert [(wave["wave"], wave["lane"], wave["books"]) for wave in waves] == [
        *[(1, 1, [elm]), (1, 2, [oak])],
        *[(2, 1, [elm]), (3, 1, [elm])],
    ]
    assert [wave["usd_so_far"] for wave in waves] == pytest.approx(
        list(itertools.accumulate(wave["usd"] for wave in waves))
    )
    assert waves[0]["usd"] > 0
    assert [(wave["usd"], wave["usd_so_far"]) for wave in unknown] == [(None, None)] * 4


def test_a_dry_run_shows_waves_and_no_jobs_and_plan_the_same(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution={"batch_size_limit": 1}) as library:
        (tmp_path / "images/Ohio/School A/1850/IMG_7.jpg").write_bytes(b"")
        library.configure(filters={"labels": "all"})
        output = library.run("-n")
        assert len(output.splitlines()) <= 60
        assert "Job 1:" not in output and "orced" not in output and "Reasons" not in output
        assert output.count("Job stats:") == 1
        plan = said(library, "plan.py", "--waves")
        waves = plan["each_wave"]
        assert len(waves) == 30
        assert {(w["wave"], w["lane"]) for w in waves} == {
            (wave, lane) for wave in range(1, 6) for lane in range(1, 7)
        }
        assert sum(w["input_tokens"] for w in waves) == plan["by_rule"]["input_tokens"]
        assert waves[-1]["usd_so_far"] == pytest.approx(plan["by_rule"]["usd"])
        assert f" {waves[-1]['usd_so_far']:.4f}" in output
        folded = f"{len(waves) - MOST_ROWS + 1} waves"
        assert folded in output and folded in library.command("plan.py", "--waves").stdout
        [row] = re.findall(r"not read +│ (.*) │", output)
        assert row.startswith("1 image in 1 folder (IMG_7.jpg), its name tells no page.")
