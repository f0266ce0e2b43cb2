"""What a watch tells of a run that goes on: what is left, by every road."""

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
