"""Which books are settled, and which of their files are gone."""

from pathlib import Path

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.plan.settled import files_lost


def test_of_a_book_s_files_those_are_lost_that_are_gone_while_another_is_there(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    workspace = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1}).session
    assert files_lost(workspace) == set()  # nothing was made yet
    elm, oak = (list(workspace.book_files(book)) for book in workspace.dataset.books)
    for file in (*elm, *oak):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert files_lost(workspace) == set()
    elm[-1].unlink()
    assert files_lost(workspace) == {str(elm[-1])}
