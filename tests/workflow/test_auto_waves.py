"""Waves whose road is chosen as they begin, under the real command: the DAG takes any of them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from helpers.accounts import problems_of_pages
from helpers.known_pace import know_pace
from helpers.library import Library

AUTO: dict[str, Any] = {"transport": "auto"}
REFUSES = "tier-full:tier=flex"


def roads(library: Library) -> Counter[str]:
    """By which roads its pages were read."""
    sql = "SELECT transport FROM batch b JOIN attempt a ON a.batch_id = b.id"
    return Counter(row[0] for row in library.ledger(sql))


def carried(library: Library) -> list[tuple[str, int]]:
    """By which road each wave that carried any did, and how many pages."""
    waves = [wave for wave in library.manifests() if wave["pages"]]
    waves.sort(key=lambda wave: wave["ended_at"])
    return [(wave["transport"], len(wave["pages"])) for wave in waves]


@pytest.mark.parametrize("by_flex", [2, 3, 7])
def test_a_wave_carries_fewer_as_many_or_more_pages_than_were_thought_and_then_the_road_changes(
    tmp_path: Path, by_flex: int
) -> None:
    """Three pages of each chain are thought to come in a wave."""
    know_pace(tmp_path / "state/ledger.sqlite", batch=22, flex=20)
    calls = {"wave_seconds": 61, "retry_pause_seconds": 0.01}
    with Library(tmp_path, {"Ohio/Elm/1850": 9}, execution=AUTO, calls=calls) as library:
        library.configure(embedded={"faults": [f"day-limit:skip={by_flex}"]})
        shown = library.run("-n", "--verbose")
        assert "lane 1 wave 1: 3 pages of 1 book" in shown
        assert "9 pages by auto; longest chain 9 pages" in shown
        assert "all lanes by flex; batch if it is refused for 33 s  <- this run" in shown
        said = library.run()
        assert problems_of_pages(library) == []
        assert carried(library) == [("flex", by_flex)] + [("batch", 1)] * (9 - by_flex)
        assert set(library.inferences().values()) == {1}
        assert said.count("lane 1 by batch: the calls of a day are used up for ") == 1


def test_a_dead_letter_and_what_is_behind_it_where_roads_change(tmp_path: Path) -> None:
    know_pace(tmp_path / "state/ledger.sqlite", batch=0.6, flex=0.02)
    execution = AUTO | {"on_dead_letter": "continue", "max_retries": 2}
    books = {"Ohio/Elm/1850": 5, "Ohio/Oak/1851": 3}
    with Library(tmp_path, books, execution=execution) as library:
        faults = ["blocked:match=Elm:1850:3$", f"{REFUSES},skip=3,times=60"]
        library.configure(calls={"retry_pause_seconds": 0.01}, embedded={"faults": faults})
        assert "Ohio:Elm:1850:3 is a dead letter" in library.run(code=1)
        assert library.inferences()["Ohio:Elm:1850:3"] == 2
        assert library.page_file("Ohio:Elm:1850:5").exists()
        assert library.has_book("Ohio/Oak/1851")
        assert roads(library)["batch"] >= 1 and roads(library)["flex"] >= 3
        library.run(code=1)
        assert library.inferences()["Ohio:Elm:1850:3"] == 2


def test_what_is_forced_by_another_road_is_read_once_more_and_no_more(tmp_path: Path) -> None:
    know_pace(tmp_path / "state/ledger.sqlite", batch=0.6, flex=0.02)
    with Library(tmp_path, {"Ohio/Elm/1850": 3}, execution=AUTO) as library:
        library.run()
        library.configure(calls={"retry_pause_seconds": 0.01}, embedded={"faults": [REFUSES]})
        library.run("-F")
        assert roads(library) == {"flex": 3, "batch": 3}
        assert set(library.inferences().values()) == {2}
        assert problems_of_pages(library) == []
