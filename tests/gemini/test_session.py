"""How long a session waits before it tries again, who shares its gate, and what it shows."""

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.errors import ServiceError


def test_each_retry_waits_twice_as_long_up_to_fifteen_times(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, batch={"retry_pause_seconds": 60})
    pauses = [reading.session.retry_pause(times) for times in range(1, 7)]
    assert pauses == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    assert reading.session.retry_pause(0) == 60.0
    # A quota that is used up for days, asked for every few seconds.
    assert reading.session.retry_pause(10_000) == 900.0


def test_all_who_ask_the_same_model_go_through_one_gate(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    session = Reading(tmp_path, quiet_server, {"Elm/1850": 1}).session
    settings = session.settings
    other_prompt = replace(session, settings=settings.model_copy())
    other = settings.model.model_copy(update={"name": "gemini-3.8-flash"})
    other_model = replace(session, settings=settings.model_copy(update={"model": other}))
    assert other_prompt.gate is session.gate
    assert other_model.gate is not session.gate  # its limits are its own
    assert replace(other_model, settings=settings).gate is session.gate


def test_a_model_that_may_be_used_is_asked_for_once(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    session = Reading(tmp_path, quiet_server, {"Elm/1850": 1}).session
    quiet_server.set_faults(["refused:reason=model,match=/models/,skip=1"])
    for _ in range(3):
        session.check_access("gemini-2.5-flash")
    with pytest.raises(ServiceError, match=r"gemini-3\.8-flash"):
        session.check_access("gemini-3.8-flash")


def test_a_session_that_is_shown_shows_no_key(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    session = Reading(tmp_path, quiet_server, {"Elm/1850": 1}).session
    assert session.api_key and session.api_key not in repr(session)
