"""Where the service is, for a command that runs beside a reading."""

from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.errors import LedgerError
from pagewave.gemini.connect import reaching
from pagewave.ledger.lock import take_lock


def test_a_command_beside_a_run_whose_server_is_not_there_yet_says_whom_to_wait_for(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    with (
        take_lock(reading.session.settings.paths.state_dir, "snakemake"),
        pytest.raises(LedgerError, match=r"\(snakemake\) is using .*can't be reached \(yet\)"),
        reaching(reading.session, "batches.py"),
    ):
        raise AssertionError("there is nothing to be reached")
