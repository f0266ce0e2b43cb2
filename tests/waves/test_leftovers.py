"""Files that a run which died left: what nobody has a use for goes, all else stays."""

from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.waves.recover import recover


@pytest.fixture
def reading(tmp_path: Path, quiet_server: EmbeddedProcess) -> Reading:
    """A book of one page, read."""
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    reading.run()
    return reading


def test_requests_of_batches_that_are_over_go_and_those_of_unknown_ones_stay(
    reading: Reading,
) -> None:
    """Of what a lost ledger knew, these may be all that is left."""
    [batch] = reading.session.ledger.batches.all()
    over, unknown = (
        reading.session.request_file(name) for name in (batch.display_name, "of-a-lost-ledger")
    )
    for file in (over, unknown):
        file.write_text('{"key": "k"}\n')
    recover(reading.session)
    assert not over.exists() and unknown.exists()


def test_half_a_download_goes_whatever_it_is(reading: Reading) -> None:
    """A display name with a slash once made a folder of it."""
    results = reading.session.settings.paths.state_dir / "results"
    (results / "folder").mkdir(parents=True, exist_ok=True)
    (results / "folder/half.jsonl").write_text("{")
    (results / "half.jsonl").write_text("{")
    recover(reading.session)
    assert not list(results.iterdir())


def test_a_manifest_that_is_half_written_goes_and_a_whole_one_stays(reading: Reading) -> None:
    run = reading.session.settings.paths.logs_dir / "waves/run1"
    run.mkdir(parents=True, exist_ok=True)
    for name in (".lane1_wave1.json.partial", "lane1_wave1.json"):
        (run / name).write_text("{")
    recover(reading.session)
    assert [file.name for file in run.iterdir()] == ["lane1_wave1.json"]
