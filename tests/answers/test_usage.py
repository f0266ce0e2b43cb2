"""What an answer used: the service's counts, made consistent and bounded."""

from typing import Any

import pytest

from helpers.result_lines import KEY, MODEL, PAGE_JSON, answered, failed, make_line, parse, response
from pagewave.answers.result_line import key_of, parse_line
from pagewave.answers.usage import MOST_TOKENS, Usage, usage_of


def used(written: str = PAGE_JSON, **counts: Any) -> Usage:
    """What a response with these counts used."""
    return usage_of({**response(written), "usageMetadata": counts})


def test_counts_that_add_up_are_taken_as_they_are() -> None:
    counts = {
        "promptTokenCount": 3000,
        "candidatesTokenCount": 400,
        "thoughtsTokenCount": 50,
        "cachedContentTokenCount": 1000,
        "totalTokenCount": 3450,
    }
    assert used(**counts) == Usage(3000, 400, 50, 1000, 3450)


def test_what_the_total_leaves_beside_the_input_is_output() -> None:
    usage = used(promptTokenCount=3000, totalTokenCount=9000)
    assert (usage.prompt_tokens, usage.output_tokens, usage.total_tokens) == (3000, 6000, 9000)
    assert usage.problem == "totalTokenCount is 9000, its parts make 3000"
    usage = used(
        promptTokenCount=3000, candidatesTokenCount=10, thoughtsTokenCount=90, totalTokenCount=9000
    )
    assert (usage.output_tokens, usage.thoughts_tokens, usage.total_tokens) == (5910, 90, 9000)


def test_a_total_that_is_too_low_takes_nothing_away() -> None:
    usage = used(promptTokenCount=3000, candidatesTokenCount=400, totalTokenCount=3001)
    assert (usage.output_tokens, usage.total_tokens, usage.is_known) == (400, 3400, True)
    assert usage.problem is not None
    usage = used(promptTokenCount=3000, candidatesTokenCount=400)
    assert (usage.output_tokens, usage.problem) == (400, None)


def test_what_tools_put_into_the_prompt_is_input() -> None:
    counts = {"promptTokenCount": 3000, "toolUsePromptTokenCount": 70, "totalTokenCount": 3470}
    assert used(**counts) == Usage(
        3070, 400, 0, 0, 3470, "totalTokenCount is 3470, its parts make 3070"
    )
    assert used(**counts, candidatesTokenCount=400) == Usage(3070, 400, 0, 0, 3470)


@pytest.mark.parametrize("cached", [3001, -1, "many", True, 2**60])
def test_no_more_is_cached_than_there_is(cached: Any) -> None:
    usage = used(promptTokenCount=3000, candidatesTokenCount=1, cachedContentTokenCount=cached)
    assert usage.is_known
    assert usage.cached_tokens in (0, 3000)
    assert "cachedContentTokenCount" in str(usage.problem)


@pytest.mark.parametrize("count", [3000, "3000", 3000.0, MOST_TOKENS])
def test_a_count_may_be_written_as_text_or_with_a_point(count: Any) -> None:
    usage = used(promptTokenCount=count, candidatesTokenCount="1")
    assert (usage.prompt_tokens, usage.output_tokens) == (int(count), 1)


ABSURD = [
    -1,
    2**31,
    2**53 + 1,
    2**63,
    10**400,
    1e300,
    float("inf"),
    float("nan"),
    3.5,
    True,
    "many",
    "",
    "-3",
    "9" * 5000,
    [3000],
    {"count": 3000},
]


@pytest.mark.parametrize("absurd", ABSURD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(
    "name",
    [
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount",
        "toolUsePromptTokenCount",
    ],
)
def test_a_count_that_is_none_makes_all_of_them_unknown(name: str, absurd: Any) -> None:
    counts = {"promptTokenCount": 3000, "candidatesTokenCount": 400, "totalTokenCount": 3400}
    usage = used(**{**counts, name: absurd})
    assert not usage.is_known
    assert usage.problem is not None and name in usage.problem
    assert len(usage.problem) < 100
    assert usage == Usage(0, 0, 0, 0, 0, usage.problem)


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"promptTokenCount": 3000},
        {"promptTokenCount": 3000, "totalTokenCount": 3000},
        {"promptTokenCount": 3000, "thoughtsTokenCount": 50, "totalTokenCount": 3050},
        {"candidatesTokenCount": 400, "totalTokenCount": 3400},
        {"promptTokenCount": None, "candidatesTokenCount": 400},
    ],
)
def test_an_answer_that_was_not_counted_is_unknown(counts: dict[str, Any]) -> None:
    assert not used(**counts).is_known


@pytest.mark.parametrize("counts", [None, [], "3000", 3000])
def test_a_response_without_counts_is_unknown(counts: Any) -> None:
    assert not usage_of({**response(PAGE_JSON), "usageMetadata": counts}).is_known


def test_what_was_blocked_has_no_output_to_count() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    usage = usage_of({**blocked, "usageMetadata": {"promptTokenCount": 9}})
    assert usage == Usage(9, 0, 0, 0, 9)
    stopped = {"candidates": [{"finishReason": "SAFETY"}]}
    assert usage_of({**stopped, "usageMetadata": {"promptTokenCount": 9}}).is_known


def test_what_reached_the_limit_of_tokens_used_some() -> None:
    cut = {"candidates": [{"finishReason": "MAX_TOKENS"}]}
    for counts in ({"promptTokenCount": 9}, {"promptTokenCount": 9, "totalTokenCount": 9}):
        assert not usage_of({**cut, "usageMetadata": counts}).is_known
    thought = {"promptTokenCount": 9, "thoughtsTokenCount": 5, "totalTokenCount": 14}
    assert usage_of({**cut, "usageMetadata": thought}) == Usage(9, 0, 5, 0, 14)


def test_an_absurd_number_does_not_lose_its_line() -> None:
    line = make_line(response(PAGE_JSON)).replace(b": 3450", b": " + b"9" * 5000)
    assert b"9999" in line
    assert key_of(line) == KEY
    assert not answered(parse_line(line, MODEL)).usage.is_known


def test_an_error_code_that_is_no_number_names_no_error() -> None:
    failed(parse(error={"code": True, "message": "x"}), "APIError")
