"""Why the service ended an answer: all reasons that Google's library knows, each typed."""

import pytest
from google.genai import types

from helpers.result_lines import PAGE_JSON, answered, failed, parse, response
from pagewave.answers.finish_reasons import BLOCK_REASONS, FINISH_REASONS
from pagewave.errors import BATCH_ERROR_TYPES

CUT = PAGE_JSON[: len(PAGE_JSON) // 2]


def test_every_reason_of_the_installed_library_is_in_the_tables() -> None:
    """Where this fails, the library is newer: say in the table what the new reason means."""
    assert {reason.value for reason in types.FinishReason} <= set(FINISH_REASONS)
    assert {reason.value for reason in types.BlockedReason} <= set(BLOCK_REASONS)


@pytest.mark.parametrize("reason", sorted(FINISH_REASONS))
def test_each_reason_has_its_type(reason: str) -> None:
    """No half of an answer is taken, and what the service says of it is told, not JSON's woes."""
    ending = FINISH_REASONS[reason]
    cut = parse(response(CUT, finishReason=reason, finishMessage="Sorry."))
    failure = failed(cut, ending.error_type or "JSONDecodeError")
    assert reason in failure.message
    assert "Sorry." in failure.message
    assert failure.raw_text == CUT
    assert failure.inferred
    nothing = failed(parse(response(finishReason=reason)), ending.error_type or "EmptyAnswer")
    assert reason in nothing.message
    whole = parse(response(PAGE_JSON, finishReason=reason))
    if ending.is_final:
        failed(whole, ending.error_type or "")
    else:
        assert answered(whole).finish_reason == reason


@pytest.mark.parametrize(
    ("reason", "error_type"),
    [
        ("SAFETY", "Blocked"),
        ("MODEL_ARMOR", "Blocked"),
        ("ESCALATION", "Blocked"),
        ("LANGUAGE", "Blocked"),
        ("IMAGE_RECITATION", "Recitation"),
        ("CONTINUATION", "Truncated"),
        ("MAX_TOKENS", "Truncated"),
        ("MALFORMED_RESPONSE", "BrokenOff"),
        ("TOO_MANY_TOOL_CALLS", "BrokenOff"),
        ("OTHER", "BrokenOff"),
        ("SOMETHING_NEW", "BrokenOff"),
        ("PUP_LIMITED_DISABLED", "AccountLimited"),
    ],
)
def test_what_reasons_mean(reason: str, error_type: str) -> None:
    failed(parse(response(CUT, finishReason=reason)), error_type)


@pytest.mark.parametrize(
    ("reason", "error_type"),
    [
        *((reason, "Blocked") for reason, meant in BLOCK_REASONS.items() if meant == "Blocked"),
        ("other", "Blocked"),
        ("SOMETHING_NEW", "Blocked"),
        ("PUP_LIMITED_DISABLED", "AccountLimited"),
    ],
)
def test_a_prompt_may_be_blocked_for_each_reason(reason: str, error_type: str) -> None:
    failed(parse({"promptFeedback": {"blockReason": reason}}), error_type)


def test_a_limited_account_is_no_fault_of_the_page() -> None:
    assert "AccountLimited" in BATCH_ERROR_TYPES
    assert not BATCH_ERROR_TYPES & {"BrokenOff", "Blocked", "Truncated"}


@pytest.mark.parametrize("reason", ["MAX_TOKENS", "CONTINUATION", "OTHER"])
def test_what_was_cut_off_is_not_repaired(reason: str) -> None:
    for text in (PAGE_JSON[:-1] + ",}", PAGE_JSON.replace(' "school_name": null,', "")):
        assert text != PAGE_JSON
        assert answered(parse(response(text))).flags
        assert not hasattr(parse(response(text, finishReason=reason)), "page"), text
