"""Who answered, as the response says."""

import json
from typing import Any

import pytest

from helpers.result_lines import parse, response
from pagewave.answers.served import UNKNOWN, served_by, served_in
from pagewave.ledger import Served


def test_a_response_tells_model_stage_end_and_tier_in_either_spelling() -> None:
    status = {
        "modelStage": "DEPRECATED",
        "retirementTime": "2026-12-01T00:00:00Z",
        "message": "Going.",
    }
    camel = {
        "modelVersion": "models/gemini-2.5-flash-001",
        "modelStatus": status,
        "usageMetadata": {"serviceTier": "SERVICE_TIER_FLEX"},
    }
    snake = {
        "model_version": "gemini-2.5-flash-001",
        "model_status": {
            "model_stage": "deprecated",
            "retirement_time": "2026-12-01T01:00:00+01:00",
            "message": "Going.",
        },
        "usage_metadata": {"service_tier": "flex"},
    }
    expected = Served("gemini-2.5-flash-001", "DEPRECATED", 1_796_083_200.0, "Going.", "flex")
    assert served_by(camel) == served_by(snake) == expected
    assert served_in(json.dumps({"key": "k", "response": camel}).encode()) == expected


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"modelVersion": None},
        {"modelVersion": 3, "modelStatus": "DEPRECATED", "usageMetadata": [1]},
        {"modelVersion": " ", "modelStatus": {"retirementTime": "soon", "modelStage": {}}},
        {"modelStatus": {"retirementTime": "99999-01-01T00:00:00Z"}},
        {"usageMetadata": {"serviceTier": 7}},
    ],
)
def test_what_is_not_said_or_odd_is_unknown(odd: dict[str, Any]) -> None:
    assert served_by(odd) == UNKNOWN


def test_what_a_service_says_of_a_model_is_bounded_and_plain_text() -> None:
    served = served_by(
        {"modelVersion": "x\x1b[31m" + "y" * 10_000, "modelStatus": {"message": "\ud83d"}}
    )
    assert served.model is not None
    assert len(served.model) <= 300
    assert "\x1b" not in served.model
    assert served.message is not None
    served.message.encode()


@pytest.mark.parametrize("line", [b"", b"[]", b"{", b"\xff", b'{"response": 3}'])
def test_a_line_that_is_none_says_nothing(line: bytes) -> None:
    assert served_in(line) == UNKNOWN


def test_good_and_failed_answers_tell_who_made_them() -> None:
    whole = response("")
    whole["modelVersion"] = "gemini-3.5-flash-lite"
    assert parse(whole).served.model == "gemini-3.5-flash-lite"
