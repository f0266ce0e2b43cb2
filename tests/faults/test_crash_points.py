"""The crash matrix as tests: every case in this process, and some with the real command.

crash_matrix.py plays all of them with the real command, and prints a table.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.crash_matrix import (
    AGAIN,
    CALL_POINTS,
    FIRST,
    PLACES,
    WAYS,
    make_library,
    play,
    play_here,
)
from helpers.embedded_process import EmbeddedProcess
from helpers.playing import in_one_process
from pagewave import crash_points as crash

WITH_THE_COMMAND = [
    *[("create-sent", FIRST), ("raw-stored", FIRST), ("page-written", FIRST)],
    *[("intent-written", AGAIN), ("committed:2", AGAIN), ("wave-closed", AGAIN)],
    *[("book-written", FIRST), ("run-ended", AGAIN)],
]
"""What Snakemake itself may have half done: jobs, files and its own notes of them."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    """One server for all cases."""
    arguments = ("--file-seconds", "0")
    with in_one_process(), EmbeddedProcess(tmp_path_factory.mktemp("server"), *arguments) as ready:
        yield ready


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_every_crash_is_finished_by_the_same_command(
    server: EmbeddedProcess, tmp_path: Path, place: str, way: str
) -> None:
    state = f"{place}-{way}".replace(":", " ").title()
    assert play_here(place, way, tmp_path / state, server) == []


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, read by the command."""
    root = tmp_path_factory.mktemp("finished")
    with make_library(root) as library:
        library.run()
    return root


@pytest.mark.parametrize(("place", "way"), WITH_THE_COMMAND)
def test_so_it_is_with_the_real_command(
    finished: Path, tmp_path: Path, place: str, way: str
) -> None:
    assert play(place, way, tmp_path / "case", finished).problems == ()


def test_every_point_is_in_the_matrix() -> None:
    assert {place.partition(":")[0] for place in PLACES} | {*CALL_POINTS} == set(crash.POINTS)
