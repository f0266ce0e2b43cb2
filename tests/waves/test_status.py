"""What a watch tells of a run that goes on: what is left, by every road."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.waves.status import RunStatus, Watch


def test_what_is_left_is_told_by_every_road_once_an_answer_tells_what_a_page_takes(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 3, "Oak/1850": 1})
    seen: list[RunStatus] = []

    def look() -> None:
        session = reading.session
        status = Watch(session.ledger, 10, settings=session.settings).look()
        assert status
        seen.append(status)

    reading.run(before_wave=lambda wave: look())
    look()
    before, after_one, _, after_all = seen
    assert before.roads == after_all.roads == []
    roads = {road.road: road for road in after_one.roads}
    assert list(roads) == ["batch", "flex", "standard", "auto"]
    assert [road.is_this for road in after_one.roads] == [True, False, False, False]
    # Two pages are left, one after the other.
    assert roads["flex"].seconds == 2 * 27
    assert roads["batch"].why.startswith("2 steps of ")
    assert "(as measured here)" in roads["batch"].why
    [(in_, out)] = reading.query(
        "SELECT AVG(prompt_tokens), AVG(output_tokens + thoughts_tokens) FROM attempt"
        " WHERE batch_id = 1"
    )
    usd = 2 * (round(in_) * 0.15 + round(out) * 1.25) / 1e6
    assert roads["batch"].usd == roads["auto"].usd == pytest.approx(usd)
    assert roads["standard"].usd == pytest.approx(2 * usd)


def test_time_left_counts_pauses_and_the_wave_that_is_overdue(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 3})
    seen: list[RunStatus] = []

    def look(wave: int) -> None:
        if wave != 2:
            return
        session = reading.session
        with closing(sqlite3.connect(session.settings.paths.ledger)) as db, db:
            db.execute("UPDATE wave SET started_at = ended_at - 10")
            db.execute("UPDATE run SET started_at = (SELECT ended_at FROM wave) - 100")
        for _ in range(2):
            status = Watch(session.ledger, 10, settings=session.settings).look()
            assert status
            seen.append(status)
            with closing(sqlite3.connect(session.settings.paths.ledger)) as db, db:
                # Since the first wave ended an hour has passed, and a batch is open.
                db.execute("UPDATE wave SET ended_at = ended_at - 3600")
                db.execute("UPDATE run SET started_at = started_at - 3600")
                db.execute("UPDATE batch SET status = 'submitted'")
        with closing(sqlite3.connect(session.settings.paths.ledger)) as db, db:
            db.execute("UPDATE batch SET status = 'collected'")

    reading.run(before_wave=look)
    then, overdue = seen
    assert then.seconds_a_wave == pytest.approx(100)
    assert then.eta_seconds == pytest.approx(200)
    # Half of the time of both: the one that ended, and the one that goes on for an hour.
    assert overdue.seconds_a_wave and 1850 <= overdue.seconds_a_wave < 1950
    assert overdue.eta_seconds == 2 * overdue.seconds_a_wave
