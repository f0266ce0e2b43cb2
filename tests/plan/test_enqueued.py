"""Tokens of batches in flight: a run stays below what the model may have, and waits by itself."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.accounts import problems_of_accounts
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.playing import Player, in_one_process
from helpers.reading import QUICK, Reading
from pagewave.config.settings import load_settings
from pagewave.plan.enqueued import batches_that_fit

BOOKS = {"Ash/1850": 1, "Elm/1850": 1, "Fir/1850": 1, "Oak/1850": 1}
TWO_LANES = {"batch_size_limit": 2}


def expected(reading: Reading) -> int:
    """Input tokens that one of the pages is expected to take: of all the same."""
    [(tokens,)] = reading.query("SELECT DISTINCT expected_input_tokens FROM record")
    return int(tokens)


def test_what_does_not_fit_is_left_to_the_next_run_where_nothing_is_waited_for(
    tmp_path: Path, quiet_server: EmbeddedProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pagewave")
    quiet_server.set_faults([f"batch-hold:match={tmp_path.name},seconds=600"])
    execution = TWO_LANES | {"wait": False}
    reading = Reading(tmp_path, quiet_server, BOOKS, execution=execution)
    reading.library.configure(batch={"enqueued_tokens": 1})
    reading.run()
    assert len(reading.creates()) == 1  # which is beyond the limit, with nothing else in flight
    assert reading.query("SELECT over_budget FROM run") == [(None,)]
    reading.library.configure(batch={"enqueued_tokens": 4 * expected(reading) - 1})
    reading.run()
    assert len(reading.creates()) == 1
    reading.library.configure(batch={"enqueued_tokens": 4 * expected(reading)})
    reading.run()
    assert len(reading.creates()) == 2
    quiet_server.set_faults([])
    reading.release()
    reading.run()
    reading.check()
    assert not reading.failures()


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    """Four books in two lanes that ride at once."""
    with in_one_process(), EmbeddedProcess(tmp_path / "server", "--file-seconds", "0") as server:
        library = Library(tmp_path, {f"Ohio/{book}": 2 for book in BOOKS}, **QUICK)
        library.configure(execution=TWO_LANES)
        yield Player(library, server, at_once=2)


@pytest.mark.parametrize(("limit", "at_once"), [(6000, 1), (60_000, 2)])
def test_lanes_that_do_not_fit_beside_each_other_take_turns(
    player: Player, limit: int, at_once: int
) -> None:
    player.library.configure(batch={"enqueued_tokens": limit})
    player.server.set_faults(["batch-hold:seconds=0.4"])
    assert player.play() == "ok"
    creates = player.server.log("create")
    assert len(creates) == 4
    assert max(event["active"] for event in creates) == at_once
    assert problems_of_accounts(player.library, player.server.log(), {}) == []
    assert player.library.ledger("SELECT over_budget FROM run") == [(None,)]


def test_a_forecast_counts_with_batches_that_fit(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    paths = {"label_source_dir": "labels", "image_source_dir": "images"}

    def fit(limit: int | None, tokens: float, **more: object) -> int:
        given = {"paths": paths, "batch": {"enqueued_tokens": limit}, **more}
        return batches_that_fit(load_settings(given, tmp_path), tokens)

    # The table of models has 10 million for the default one in tier 1.
    assert fit(None, 1_000_001) == 9
    assert fit(None, 10**9, model={"name": "mine"}) == 10
    assert fit(None, 10**9, engine="embedded") == 10
    assert fit(3_000_000, 250_000) == 10
    assert fit(3_000_000, 1_000_000) == 3
    assert fit(3_000_000, 1_000_001) == 2
    assert fit(3_000_000, 10**9) == 1
    assert fit(3_000_000, 0) == 10
