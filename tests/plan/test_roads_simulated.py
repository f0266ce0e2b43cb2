"""Whole collections on a simulated clock: `auto` is as quick as the quickest road of its price.

A small part of `benchmarks/roads.py`, whose whole table is in docs/transports.md.
"""

import random
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from benchmarks.roads import (
    BEGIN,
    DAY,
    END,
    FLASH,
    HOUR,
    USD_A_PAGE,
    Case,
    World,
    forty_books,
    play,
    spells,
    two_thousand_books,
    write,
)

FORTY = [
    Case(forty_books(), batch_median, flex_median, weather)
    for weather, batch_median, flex_median in product(
        ("calm", "busy", "closed"), (1200.0,), (20.0, 120.0, 300.0)
    )
]
DAILY = Case(two_thousand_books(), 1200.0, 20.0, "calm", FLASH)


@pytest.mark.parametrize("case", FORTY, ids=lambda c: f"{c.weather}-{c.flex_median:.0f}s")
def test_forty_books_take_auto_no_longer_and_cost_no_more(case: Case) -> None:
    row = play(case, seeds=2)
    assert row.ratio <= 1.15, row.hours
    assert row.price <= 1.02, row.hours
    if case.flex_median <= 120:
        assert row.longest_hours < 24  # the book of 300 pages


def test_two_thousand_books_under_a_limit_of_a_day_are_quickest_by_both_roads() -> None:
    row = play(DAILY, seeds=1)
    assert row.ratio <= 0.8, row.hours
    assert row.price <= 1.02, row.hours


def test_where_flex_never_answers_little_is_lost_by_waiting() -> None:
    books = tuple(random.Random(5).randint(1, 60) for _ in range(300))
    row = play(Case(books, 1200.0, 20.0, "gone"), seeds=4)
    assert "flex" not in row.hours
    assert row.ratio <= 1.15, row.hours


def test_a_deadline_is_met_where_the_budget_allows_it_and_never_costs_more_than_that() -> None:
    pages = sum(forty_books())
    case = Case(forty_books(), 1200.0, 300.0, deadline=20 * HOUR, usd=2.2 * pages * USD_A_PAGE)
    bought = World(case, "auto", 1).run()
    assert bought.now < 20 * HOUR
    assert case.usd and bought.usd <= case.usd
    assert bought.whys["standard"]
    poor = World(replace(case, usd=1.005 * pages * USD_A_PAGE), "auto", 1).run()
    assert "standard" not in poor.whys
    assert poor.now > 20 * HOUR


def test_a_simulated_reading_is_the_same_each_time() -> None:
    case = replace(FORTY[0], weather="busy")
    first, second = (World(case, "auto", 3).run() for _ in range(2))
    assert (first.now, first.usd, first.calls) == (second.now, second.usd, second.calls)
    assert not any(first.left)
    assert spells("busy", 3)[-1][1] > 59 * DAY


def test_the_table_of_the_documentation_is_renewed_in_its_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    write("new", page)
    assert page.read_text() == f"above\n{BEGIN}\nnew\n{END}\nbelow\n"
