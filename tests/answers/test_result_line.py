"""What came back for a page: answers, every kind of failure."""

import json
import random
import re
from typing import Any, get_args

import pytest

from helpers.result_lines import (
    KEY,
    MODEL,
    PAGE_JSON,
    answered,
    failed,
    make_line,
    page,
    parse,
    response,
)
from pagewave.answers.result_line import (
    ERROR_TYPES,
    Failure,
    Usage,
    is_nonsense,
    key_of,
    parse_line,
    split_lines,
)
from pagewave.embedded.server.faults import GARBAGE
from pagewave.errors import BATCH_ERROR_TYPES
from pagewave.page_model import PageModel

# Lines and keys


def test_lines_are_split_at_newlines_only() -> None:
    first = make_line(response('"\u2028\u2029\x85\x0b\x0c"'))
    second = make_line(response("two"))
    assert split_lines(first + b"\n" + second + b"\n") == [first, second]
    assert split_lines(first + b"\r\n\n  \n" + second) == [first + b"\r", second]
    assert split_lines(b"") == split_lines(b"\n\n") == []


def test_the_key_of_a_line() -> None:
    assert key_of(make_line(response("x"))) == KEY
    assert key_of(b"\xef\xbb\xbf" + make_line(response("x")) + b"\r") == KEY
    assert key_of('{"response": {}, "key": "Österreich:Ç:1:2"}'.encode()) == "Österreich:Ç:1:2"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'"key"',
        b"{}",
        b'{"key": null}',
        b'{"key": ""}',
        b'{"key": 3}',
        b'{"key": "\\ud800"}',
        b'{"key": "Fa\xe7ade"}',
        b'{"key": "a", "response": {"candid',
        b"[" * 100_000,
        b'{"key": ' + b"9" * 5000 + b"}",
        b"\x00\xff\xfe",
        b"<html>Bad Gateway</html>",
    ],
)
def test_a_line_without_a_usable_key(line: bytes) -> None:
    assert key_of(line) is None
    result = parse_line(line, MODEL)
    assert isinstance(result, Failure)
    assert result.key == ""
    assert result.error_type == "APIError"
    assert result.raw_json is not None
    assert (result.message + result.traceback + result.raw_json).encode()


# Answers


def test_an_answer() -> None:
    result = answered(parse(response(PAGE_JSON)))
    assert result.key == KEY
    assert result.page.text() == "FRESHMAN YEAR.\nLATIN.—Livy."
    assert json.loads(result.page_json) == json.loads(PAGE_JSON)
    assert "\n" not in result.page_json
    assert result.usage == Usage(3000, 400, 50, 0, 3450)
    assert result.finish_reason == "STOP"


def test_an_answer_in_snake_case() -> None:
    snake = {
        "candidates": [{"content": {"parts": [{"text": PAGE_JSON}]}, "finish_reason": "STOP"}],
        "usage_metadata": {
            "prompt_token_count": 10,
            "candidates_token_count": "2",
            "thoughts_token_count": 3,
            "cached_content_token_count": 4,
            "total_token_count": 15,
        },
    }
    result = answered(parse(snake))
    assert result.usage == Usage(10, 2, 3, 4, 15)
    assert result.finish_reason == "STOP"


def test_unknown_fields_do_no_harm() -> None:
    answer = response(PAGE_JSON, safetyRatings=[{"new": 1}], surprise={"a": [1]})
    answer |= {"modelVersion": "gemini-9", "responseId": "x", "novelty": None}
    answered(parse(answer, metadata={"more": True}, error=None, status=None))


def test_parts_are_joined_and_thoughts_skipped() -> None:
    answer = response(PAGE_JSON[:40], PAGE_JSON[40:])
    parts = answer["candidates"][0]["content"]["parts"]
    parts.insert(0, {"text": json.dumps(page("Hm. Is this Latin?")), "thought": True})
    parts.insert(2, {"inlineData": {"mimeType": "image/png", "data": ""}})
    parts.insert(2, {"text": None})
    result = answered(parse(answer))
    assert (result.page.text(), result.flags) == ("FRESHMAN YEAR.\nLATIN.—Livy.", ())


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{PAGE_JSON}\n```",
        f"```\n{PAGE_JSON}```",
        f"  \n```JSON\r\n{PAGE_JSON}\r\n```\n",
        f"Here is the page:\n\n{PAGE_JSON}\n\nI hope this helps!",
        f"With {{braces}}:\n```json\n{PAGE_JSON}\n```\nand {{more}}.",
        f"```json\n{PAGE_JSON}",
        f"[{PAGE_JSON}]",
        f"{PAGE_JSON}" + "\n" * 50,
        json.dumps(json.loads(PAGE_JSON), indent=4),
        PAGE_JSON.replace("YEAR.", "YEAR.\n\t"),
    ],
)
def test_the_json_object_is_found_in_the_text(text: str) -> None:
    result = answered(parse(response(text)))
    assert result.page.text().split() == ["FRESHMAN", "YEAR.", "LATIN.—Livy."]


def test_separators_inside_of_the_text_survive() -> None:
    words = "before\u2028after\u2029end\u00a0"
    lines = split_lines(make_line(response(json.dumps(page(words), ensure_ascii=False))))
    (result,) = [parse_line(line, MODEL) for line in lines]
    assert answered(result).page.text() == words
    assert json.loads(answered(result).page_json)["raw_ocr"]["text_blocks"][0]["text"] == words


def test_a_blank_page_is_an_answer() -> None:
    assert answered(parse(response(json.dumps(page())))).page.text() == ""


def test_an_answer_without_token_counts() -> None:
    answer = response(PAGE_JSON)
    del answer["usageMetadata"]
    assert not answered(parse(answer)).usage.is_known


@pytest.mark.parametrize(
    "reason",
    [
        None,
        "FINISH_REASON_UNSPECIFIED",
        "OTHER",
        "LANGUAGE",
        "stop",
        "CONTINUATION",
        "SOMETHING_NEW",
    ],
)
def test_a_whole_answer_counts_whatever_ended_it(reason: str | None) -> None:
    answered(parse(response(PAGE_JSON, finishReason=reason)))


def test_an_answer_that_reached_its_limit_counts_if_it_is_whole() -> None:
    result = answered(parse(response(PAGE_JSON + " " * 9000, finishReason="MAX_TOKENS")))
    assert result.finish_reason == "MAX_TOKENS"


# Failures of the service


@pytest.mark.parametrize("field", ["error", "status"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"code": 3, "message": "An invalid argument."}, r"error 3 \(INVALID_ARGUMENT\): An inv"),
        ({"code": 5, "message": "No such file"}, r"error 5 \(NOT_FOUND\): No such file"),
        ({"code": 2}, r"error 2 \(UNKNOWN\), without a message"),
        ({"code": 400, "message": "Bad"}, r"error 400 \(INVALID_ARGUMENT\): Bad"),
        ({"code": "3", "message": "x"}, r"error 3 \(INVALID_ARGUMENT\): x"),
        ({"code": 299, "message": "x"}, r"error 299: x"),
        ({"code": True}, r"error True, without"),
        ({"code": [14]}, r"error \[14\], without"),
        ({"code": "9" * 5000, "message": "x"}, r"error 9+: x"),
        ({"code": 99, "message": "UNAVAILABLE in the index"}, r"error 99: UNAVAILABLE"),
        ({"message": "no code"}, r"without a code: no code"),
        ("just words", r"without a code: just words"),
    ],
)
def test_an_error_line(field: str, error: Any, said: str) -> None:
    failure = failed(parse(**{field: error}), "APIError")
    assert failure.key == KEY
    assert failure.usage is None
    assert failure.raw_text is None
    assert re.search(said, failure.message), failure.message


GONE = "You do not have permission to access the File abc or it may not exist."


@pytest.mark.parametrize("field", ["error", "status"])
@pytest.mark.parametrize(
    "error",
    [
        *({"code": code} for code in (4, 8, 10, 13, 14)),
        *({"code": code, "message": "Try again."} for code in ("4", "8", "10", "13", "14", 14.0)),
        *({"code": code} for code in ("UNAVAILABLE", "unavailable", "google.rpc.Code.INTERNAL")),
        *({"code": code, "message": "x"} for code in (408, 409, 425, 429, 500, 502, 503)),
        *({"code": code, "message": "x"} for code in (504, 524)),
        {"status": "RESOURCE_EXHAUSTED", "message": "without a code"},
        {"code": 400, "status": "ABORTED"},
        {"code": 7, "message": GONE},
        {"code": "PERMISSION_DENIED", "message": "No access to files/abc."},
        {"code": 7},
        "UNAVAILABLE: The service is overloaded.",
        "503 UNAVAILABLE.",
        "14",
        "Deadline exceeded",
        {"message": "Resource exhausted, try again later."},
        {"message": "The service is currently unavailable."},
        {"error": {"code": 503, "message": "x"}},
        [{"error": {"code": 14, "message": "x"}}],
        {"error": {"error": {"status": "UNAVAILABLE"}}},
        {"error": "UNAVAILABLE", "message": "x"},
        *({"code": code} for code in ("DeadlineExceeded", "CODE_UNAVAILABLE", "deadline-exceeded")),
        *("HTTP 429", "Error 503.", "code: 14", '{"code": 14, "message": "x"}'),
    ],
)
def test_an_error_line_of_the_services_trouble(field: str, error: Any) -> None:
    failure = failed(parse(**{field: error}), "ServiceTrouble")
    assert failure.error_type in BATCH_ERROR_TYPES
    assert failure.usage is None and not failure.inferred
    assert failure.raw_json is not None


def test_an_error_in_the_place_of_the_response_is_one() -> None:
    error = {"code": 503, "status": "UNAVAILABLE"}
    for told in (error, [error], {"error": error}, "UNAVAILABLE"):
        failure = failed(parse({"error": told}), "ServiceTrouble")
        assert not failure.inferred
    answered(parse(response(PAGE_JSON, error={"code": 14})))


@pytest.mark.parametrize(
    "error",
    [
        {"code": 16},
        {"code": "UNAUTHENTICATED", "message": "Request had invalid credentials."},
        {"code": 401, "message": "x"},
        {"code": 7, "message": "Consumer 'api_key:1' has been suspended."},
        {"code": 3, "message": "API key not valid. Please pass a valid API key."},
        {"code": 9, "message": "User location is not supported for the API use."},
    ],
)
def test_an_error_line_that_refuses_the_key_is_not_the_pages(error: Any) -> None:
    failure = failed(parse(error=error), "ServiceRefused")
    assert failure.error_type in BATCH_ERROR_TYPES


@pytest.mark.parametrize("code", [1, "1", "CANCELLED", "canceled", 499])
def test_what_a_cancelled_batch_had_not_read_is_not_the_records_fault(code: Any) -> None:
    failure = failed(parse(error={"code": code}), "BatchCancelled")
    assert failure.error_type in BATCH_ERROR_TYPES


@pytest.mark.parametrize(
    "status",
    [{}, {"code": 0}, {"code": "0"}, {"code": "OK", "message": "x"}, {"message": "OK"}, "OK"],
)
def test_a_status_that_says_all_is_well_is_no_error(status: Any) -> None:
    answered(parse(response(PAGE_JSON), status=status))
    if isinstance(status, dict) and "code" in status:
        answered(parse(response(PAGE_JSON), error=status))


def test_an_error_beside_a_response_is_an_error_and_what_it_counts_was_paid() -> None:
    failure = failed(parse(response(PAGE_JSON), error={"code": 3}), "APIError")
    assert failure.inferred and failure.usage == Usage(3000, 400, 50, 0, 3450)
    failure = failed(parse({"candidates": []}, error={"code": 3}), "APIError")
    assert not failure.inferred and failure.usage is None


@pytest.mark.parametrize("answer", [None, [], "text", 3])
def test_a_line_with_neither_response_nor_error(answer: Any) -> None:
    assert "neither" in failed(parse(answer), "APIError").message


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"candidates": []},
        {"candidates": None},
        {"candidates": ["x"]},
        response(),
        response(""),
        response(" \n"),
        response("x", content=None),
        response("x", content={"parts": None}),
        response("x", content={"parts": ["x"]}),
    ],
)
def test_no_text(answer: dict[str, Any]) -> None:
    failed(parse(answer), "EmptyAnswer")


@pytest.mark.parametrize("feedback", ["promptFeedback", "prompt_feedback"])
def test_a_blocked_prompt(feedback: str) -> None:
    reason = "blockReason" if feedback == "promptFeedback" else "block_reason"
    answer = {feedback: {reason: "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9}}
    failure = failed(parse(answer), "Blocked")
    assert "PROHIBITED_CONTENT" in failure.message
    assert failure.usage == Usage(9, 0, 0, 0, 9)


def test_feedback_without_a_block_is_none() -> None:
    feedback = {"safetyRatings": [], "blockReason": "BLOCKED_REASON_UNSPECIFIED"}
    answered(parse({**response(PAGE_JSON), "promptFeedback": feedback}))


@pytest.mark.parametrize(
    "reason",
    ["SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR", "IMAGE_SAFETY"],
)
def test_a_blocked_answer(reason: str) -> None:
    failure = failed(
        parse(response('{"raw', finishReason=reason, finishMessage="Sorry.")), "Blocked"
    )
    assert failure.message == f"The answer was blocked: {reason}. Sorry."
    assert failure.raw_text == '{"raw'
    assert failure.usage == Usage(3000, 400, 50, 0, 3450)


@pytest.mark.parametrize("reason", ["RECITATION", "IMAGE_RECITATION"])
def test_a_recitation(reason: str) -> None:
    failed(parse(response(finishReason=reason, content=None)), "Recitation")


# Failures of the model


@pytest.mark.parametrize("cut", [1, 20, len(PAGE_JSON) // 2, len(PAGE_JSON) - 1])
def test_a_truncated_answer(cut: int) -> None:
    failure = failed(parse(response(PAGE_JSON[:cut], finishReason="MAX_TOKENS")), "Truncated")
    assert failure.raw_text == PAGE_JSON[:cut]
    assert f"after {cut} characters" in failure.message
    assert "JSONDecodeError" in failure.traceback


def test_thoughts_that_used_up_all_tokens() -> None:
    failure = failed(parse(response(finishReason="MAX_TOKENS")), "Truncated")
    assert "50 tokens of thought" in failure.message


@pytest.mark.parametrize(
    "text",
    [
        "I cannot read this page.",
        PAGE_JSON[:-1],
        "[]",
        "null",
        "{",
        "}{",
        "```json\n```",
        '{"a": ' + "[" * 100_000,
        '{"a": ' + "9" * 5000 + "}",
    ],
)
def test_text_without_a_json_object(text: str) -> None:
    failure = failed(parse(response(text)), "JSONDecodeError" if len(text) < 9e4 else "Repetition")
    assert failure.raw_text == text
    assert failure.raw_json is not None
    assert json.loads(failure.raw_json)["key"] == KEY


def test_a_deeply_nested_answer_is_no_crash() -> None:
    text = "".join(f'{{"a{number}": ' for number in range(50_000))
    failure = failed(parse(response(text)), "JSONDecodeError")
    assert "nested too deeply" in failure.message


def test_json_that_is_no_page() -> None:
    wrong = page("x", courses="none")
    del wrong["page_info"], wrong["school_name"]
    failure = failed(parse(response(json.dumps(wrong))), "ValidationError")
    assert "(2 problems)" in failure.message
    assert "page_info: Field required" in failure.message
    assert "courses: Input should be a valid list" in failure.message
    assert failure.raw_text == json.dumps(wrong)
    assert "pydantic" in failure.traceback


def test_of_many_problems_the_first_are_named() -> None:
    wrong = page("x", courses=[{}] * 8)
    failure = failed(parse(response(json.dumps(wrong))), "ValidationError")
    assert "courses.0.textbooks: Field required" in failure.message
    assert failure.message.endswith("; and 3 more")


def test_a_text_that_is_no_unicode_can_be_stored() -> None:
    text = json.dumps(page("x", courses="\ud800"))
    failure = failed(parse(response(text)), "ValidationError")
    assert failure.raw_text is not None
    assert (failure.raw_text + failure.message + failure.traceback).encode()
    escaped = make_line(response("MARK")).replace(b"MARK", b"\\udead no page")
    failure = failed(parse_line(escaped, MODEL), "JSONDecodeError")
    assert failure.raw_text == "\\udead no page"


@pytest.mark.parametrize("method", ["text", "context", "declared"])
def test_a_page_model_that_breaks_is_a_failure_of_the_record(method: str) -> None:
    class Solid(PageModel):
        words: str

        def text(self) -> str:
            return self.words

        def context(self) -> str:
            return ""

    def broken(self: Solid) -> str:
        raise KeyError(self.words)

    fragile = type("Fragile", (Solid,), {method: broken})
    failure = failed(parse(response('{"words": "abc"}'), fragile), "ValidationError")
    assert "KeyError: 'abc'" in failure.message
    assert "in broken" in failure.traceback


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        *((data, True) for data in GARBAGE.values() if data),
        (b'{"error": {"code": 503}}', True),
        *(
            (data, False)
            for data in (b"", b" \n\n", b"<html>\n" + make_line(response(""), key=KEY))
        ),
    ],
)
def test_nonsense_is_what_names_no_key(data: bytes, expected: bool) -> None:
    assert is_nonsense(data) == expected


def test_no_garbage_raises() -> None:
    chance = random.Random(1)
    good = make_line(response(PAGE_JSON))
    for _ in range(2000):
        line = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(line))
            if chance.random() < 0.5:
                line[place] = chance.randrange(256)
            else:
                del line[place : place + chance.randint(1, 60)]
        result = parse_line(bytes(line), MODEL)
        assert result.key == (key_of(bytes(line)) or "")
        if isinstance(result, Failure):
            assert result.error_type in ERROR_TYPES
            assert (result.message + result.traceback + str(result.raw_text)).encode()


def test_settings_know_the_error_types() -> None:
    from pagewave.config import settings

    annotation = settings.Retry.model_fields["after"].annotation
    assert set(get_args(get_args(annotation)[0])) == ERROR_TYPES != set()


# Lines that were asked for with their numbers


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1| FRESHMAN YEAR.\n2| LATIN.—Livy.", "FRESHMAN YEAR.\nLATIN.—Livy."),
        ("12|Greek\n 13| Algebra", "Greek\nAlgebra"),
        ("1| 2| of 5| pages", "2| of 5| pages"),  # only what stands first
        ("3 | Latin\n1850| Greek", "3 | Latin\nGreek"),
        ("a\n\n7| b", "a\n\nb"),
        ("no numbers", "no numbers"),
    ],
)
def test_numbers_of_lines_are_taken_off_where_they_were_asked_for(written: str, read: str) -> None:
    line = make_line(response(json.dumps(page(written))))
    numbered, plain = (parse_line(line, MODEL, numbered=asked) for asked in (True, False))
    assert json.loads(answered(numbered).page_json)["raw_ocr"]["text_blocks"][0]["text"] == read
    assert json.loads(answered(plain).page_json)["raw_ocr"]["text_blocks"][0]["text"] == written


def test_what_failed_keeps_the_numbers_that_the_model_wrote() -> None:
    line = make_line(response('{"raw_ocr": "1| a"}'))
    assert failed(parse_line(line, MODEL, numbered=True), "ValidationError").raw_text == (
        '{"raw_ocr": "1| a"}'
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [("[", "]"), ('{"answer": ', "}")],
    ids=["lists", "objects"],
)
def test_a_page_is_found_in_as_many_wrappers_as_may_be_and_in_no_more(
    before: str, after: str
) -> None:
    def wrapped(times: int, content: str) -> Any:
        return parse(response(before * times + content + after * times))

    quoted = json.dumps(PAGE_JSON)
    assert (
        answered(wrapped(4, PAGE_JSON)).page_json == answered(parse(response(PAGE_JSON))).page_json
    )
    assert isinstance(wrapped(5, PAGE_JSON), Failure)
    assert answered(wrapped(3, quoted)).page_json == answered(wrapped(4, PAGE_JSON)).page_json
    assert isinstance(wrapped(4, quoted), Failure)
