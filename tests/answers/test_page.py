"""Answers whose meaning is plain are taken, with a flag; those that may mean two things are not."""

import json
import random
from typing import Any, Literal

import pytest

from helpers.result_lines import PAGE_JSON, answered, failed, page, parse, response
from pagewave.answers.result_line import Answer
from pagewave.page_model import PageModel

PAGE = json.loads(PAGE_JSON)
DRAFT = json.dumps(page("A draft."))
COURSE = {
    "course_name": "Livy",
    "department": None,
    "level": None,
    "term": None,
    "description": None,
    "topics": None,
    "instructors": None,
    "textbooks": [],
}


def flags(answer: Answer) -> set[str]:
    """The names of an answer's flags."""
    return {flag.what for flag in answer.flags}


def read(text: str, model: Any = None) -> Answer:
    """The answer that a text is."""
    return answered(parse(response(text), model) if model else parse(response(text)))


def as_stored(text: str) -> dict[str, Any]:
    """The page that is kept of an answer that was put right, and which is what it would have been
    had it been right at once."""
    answer = read(text)
    assert flags(answer) == {"repaired"}, answer.flags
    stored: dict[str, Any] = json.loads(answer.page_json)
    again = read(answer.page_json)
    assert (again.page_json, again.flags) == (answer.page_json, ())
    return stored


def test_a_right_answer_has_no_flag() -> None:
    assert read(PAGE_JSON).flags == ()
    assert read(f"Here it is:\n```json\n{PAGE_JSON}\n```\nAnything {{else}}?").flags == ()


# Form


@pytest.mark.parametrize(
    "text",
    [
        PAGE_JSON[:-1] + ",}",
        PAGE_JSON[:-1] + " ,\n }\n",
        PAGE_JSON.replace("]}", ",]}", 1).replace("}]", "},]", 1),
        PAGE_JSON.replace(", ", ",, ", 1),
        PAGE_JSON + PAGE_JSON,
        f"{PAGE_JSON}\n\n{PAGE_JSON}",
        f"{PAGE_JSON},{json.dumps(PAGE, indent=2)}",
        f"```json\n{PAGE_JSON}\n```\nOnce more:\n```json\n{PAGE_JSON}\n```",
        f"[{PAGE_JSON}]",
        f"[{PAGE_JSON}, {PAGE_JSON}]",
        f"[{PAGE_JSON}, {PAGE_JSON},]",
        f"[{PAGE_JSON}, null]",
        json.dumps({"page": PAGE_JSON}),
        f"[[{PAGE_JSON}]]",
        json.dumps({"page": PAGE}),
        json.dumps({"response": {"page": PAGE}, "confidence": 0.9}),
        json.dumps({"pages": [PAGE]}),
        json.dumps(PAGE_JSON),
        f"```json\n{json.dumps({'page': PAGE})[:-1]},}}\n```",
        json.dumps({"plan": "read it"}) + "\n" + PAGE_JSON[:-1] + ",}",
        PAGE_JSON[:-1] + ', "school_name": null}',
        PAGE_JSON.replace('"courses": []', '"courses": null'),
        PAGE_JSON.replace('"courses": []', '"courses": [null]'),
        PAGE_JSON.replace(' "school_name": null,', ""),
        PAGE_JSON.replace(' "school_name": null, "catalog_year": null, "academic_year": null,', ""),
        PAGE_JSON.replace('"page_number": "14", ', '"page_number": "14", "page_number": null, '),
    ],
)
def test_what_has_one_reading_is_taken(text: str) -> None:
    assert text != PAGE_JSON
    assert as_stored(text) == PAGE


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (r"l\'ecole", "l'ecole"),
        (r"6\% of", "6% of"),
        (r"\$5 \& \#3\_x", "$5 & #3_x"),
        (r"\d \x41", r"\d \x41"),
        (r"\u12 \\\' \"x\"\n\u00e9", '\\u12 \\\' "x"\n\u00e9'),
    ],
)
def test_a_backslash_too_many_loses_no_letter(written: str, words: str) -> None:
    text = PAGE_JSON.replace("FRESHMAN YEAR.", written)
    assert as_stored(text)["raw_ocr"]["text_blocks"][0]["text"] == words


def test_all_faults_at_once_are_mended() -> None:
    course = {**COURSE, "textbooks": None}
    del course["term"], course["level"]
    text = json.dumps(page(r"l'ecole, 6%", courses=[course])).replace("'", r"\'")[:-1] + ",}"
    stored = as_stored(f"[{text},{text}]")
    assert stored == page(r"l'ecole, 6%", courses=[COURSE])


@pytest.mark.parametrize(
    "text",
    [
        PAGE_JSON[:-1],
        PAGE_JSON[:-2],
        PAGE_JSON[:-1] + ",",
        PAGE_JSON[: len(PAGE_JSON) // 2],
        PAGE_JSON[: len(PAGE_JSON) // 2] + "}",
        PAGE_JSON.replace('"FRESHMAN YEAR."', '"FRESHMAN YEAR.'),
        PAGE_JSON.replace('"FRESHMAN YEAR."', '"FRESHMAN "YEAR"."'),
        PAGE_JSON.replace('"FRESHMAN YEAR."', "FRESHMAN YEAR."),
        PAGE_JSON.replace('"courses": []', '"courses"'),
        PAGE_JSON.replace('"courses": []', '"courses": [}'),
        PAGE_JSON.replace("}]", "]}"),
        PAGE_JSON.replace("true", "yes"),
        PAGE_JSON.replace('"courses":', "courses:"),
        PAGE_JSON.replace(", ", " "),
        f"{PAGE_JSON}\nCorrected:\n{PAGE_JSON[:-9]}",
        f"```json\n{DRAFT}\n```\nCorrected:\n```json\n{PAGE_JSON[:-9]}",
        f"[{PAGE_JSON}, {PAGE_JSON[:-9]}",
    ],
)
def test_what_is_not_closed_or_may_be_read_in_two_ways_is_no_page(text: str) -> None:
    assert text != PAGE_JSON
    failed(parse(response(text)), "JSONDecodeError")


def test_an_answer_that_was_cut_anywhere_is_never_made_whole() -> None:
    whole = json.dumps(page("A, {b} [c]", courses=[COURSE, COURSE]))
    for end in range(1, len(whole)):
        assert not isinstance(parse(response(whole[:end])), Answer), whole[:end]


def test_no_word_is_lost_however_an_answer_is_damaged() -> None:
    chance = random.Random(7)
    words = [f"word{number}" for number in range(30)]
    whole = json.dumps(page(*words, courses=[{**COURSE, "course_name": "word30"}]))
    taken = 0
    for _ in range(600):
        text = whole
        for _ in range(chance.randint(1, 2)):
            place = chance.randrange(len(text))
            damage = chance.choice(
                ["", ",", ",,", "\\", '"', "}", "{", "]", "[", ":", text[:place]]
            )
            text = text[:place] + damage + text[place + chance.randint(0, 1) :]
        result = parse(response(text))
        if isinstance(result, Answer):
            taken += 1
            lost = [
                word for word in (*words, "word30") if word in text and word not in result.page_json
            ]
            assert lost == [], text
    assert taken > 20


def test_a_field_under_another_name_is_not_left_out() -> None:
    course = {**COURSE, "course": "Livy"}
    del course["course_name"]
    failure = failed(parse(response(json.dumps(page("x", courses=[course])))), "ValidationError")
    assert "course_name: Field required" in failure.message


# Contradictions


@pytest.mark.parametrize("order", [1, -1])
def test_courses_are_not_lost_to_an_empty_list_beside_them(order: int) -> None:
    courses = [json.dumps([COURSE]), "[]"][::order]
    twice = f'"courses": {courses[0]}, "courses": {courses[1]}'
    assert as_stored(PAGE_JSON.replace('"courses": []', twice))["courses"] == [COURSE]
    more = [json.dumps([COURSE, COURSE]), json.dumps([COURSE])][::order]
    twice = f'"courses": {more[0]}, "courses": {more[1]}'
    assert as_stored(PAGE_JSON.replace('"courses": []', twice))["courses"] == [COURSE] * 2


@pytest.mark.parametrize("name", ["Courses", "COURSES", "courses "])
@pytest.mark.parametrize("nothing", ["[]", "null"])
def test_courses_are_not_lost_to_an_empty_list_under_another_spelling(
    name: str, nothing: str
) -> None:
    both = [f'"courses": {nothing}', f'"{name}": {json.dumps([COURSE])}']
    for order in (1, -1):
        text = PAGE_JSON.replace('"courses": []', ", ".join(both[::order]))
        assert as_stored(text)["courses"] == [COURSE]


@pytest.mark.parametrize(
    "text",
    [
        PAGE_JSON.replace('"school_name": null', '"school_name": "A", "school_name": "B"'),
        PAGE_JSON.replace('"text": "FRESHMAN YEAR."', '"text": "A", "text": "B"'),
        PAGE_JSON.replace(
            '"is_complete_page": true', '"is_complete_page": true, "is_complete_page": false'
        ),
        f"{DRAFT}\n{PAGE_JSON}",
        f"Draft:\n```json\n{DRAFT}\n```\nCorrected:\n```json\n{PAGE_JSON}\n```",
        f"Draft:\n```json\n{DRAFT}\n```\nCorrected:\n```json\n{PAGE_JSON}",
        f"[{DRAFT}, {PAGE_JSON}]",
        json.dumps({"draft": [json.loads(DRAFT), PAGE]}),
        PAGE_JSON + ', "academic_year": "1852-53"}',
        PAGE_JSON + json.dumps(COURSE),
    ],
)
def test_what_contradicts_itself_is_no_page(text: str) -> None:
    failure = failed(parse(response(text)), "ValidationError")
    assert "contradicts itself" in failure.message


def test_names_that_differ_by_a_character_nobody_sees_are_one() -> None:
    courses = json.dumps([COURSE])
    text = PAGE_JSON.replace('"courses"', r'"courses\u202e"').replace("[]", courses)
    answer = read(text)
    assert flags(answer) == {"characters"}
    assert json.loads(answer.page_json)["courses"] == [COURSE]
    twice = f'"courses": {courses}, "courses\\u202e": []'
    failure = failed(parse(response(PAGE_JSON.replace('"courses": []', twice))), "ValidationError")
    assert "contradicts itself" in failure.message


def test_a_name_that_the_page_does_not_know_may_be_given_twice() -> None:
    assert read(PAGE_JSON[:-1] + ', "note": 1, "note": 2}').flags == ()


@pytest.mark.parametrize("text", ["{}", '{"error": "no image"}', '{"page": {}}', "[{}]"])
def test_nothing_is_no_page_even_where_all_may_be_null(text: str) -> None:
    class Loose(PageModel):
        words: str | None
        note: str | None

        def text(self) -> str:
            return self.words or ""

        def context(self) -> str:
            return ""

    assert read('{"note": "x"}', Loose).page.text() == ""
    failed(parse(response(text), Loose), "ValidationError")


# Words that mean nothing


@pytest.mark.parametrize("word", ["null", "N/A", "None", "none", " NULL ", "n/a", "NaN"])
def test_a_word_for_nothing_is_null_and_does_not_reach_the_next_prompt(word: str) -> None:
    course = {**COURSE, "department": word, "instructors": word}
    written = page("Livy.", school_name=word, courses=[course])
    written["page_info"]["page_number"] = word
    answer = read(json.dumps(written))
    assert flags(answer) == {"null_word"}
    assert "page_info.page_number" in answer.flags[0].message
    stored = json.loads(answer.page_json)
    assert (stored["school_name"], stored["page_info"]["page_number"]) == (None, None)
    assert stored["courses"] == [COURSE]
    assert word.strip() not in answer.page.context()


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "-1e999"])
def test_nan_is_null_where_that_may_be_and_else_nothing(number: str) -> None:
    answer = read(PAGE_JSON.replace('"14"', number))
    assert flags(answer) == {"null_word"}
    assert json.loads(answer.page_json)["page_info"]["page_number"] is None
    failed(
        parse(response(PAGE_JSON.replace('"One column."', number))),
        "ValidationError",
    )
    course = json.dumps({**COURSE, "topics": ["x", "y"]}).replace('"x"', number)
    answer = read(PAGE_JSON.replace('"courses": []', f'"courses": [{course}]'))
    assert json.loads(answer.page_json)["courses"] == [{**COURSE, "topics": ["y"]}]
    assert flags(answer) == {"repaired"}


def test_a_printed_none_stays() -> None:
    course = {**COURSE, "topics": ["None", "N/A"], "course_name": "None of these"}
    written = page("None", "N/A", "null", courses=[course])
    written["raw_ocr"]["layout_description"] = "None"
    answer = read(json.dumps(written))
    assert answer.flags == ()
    assert json.loads(answer.page_json) == written


def test_a_word_of_the_pages_own_text_stays_whatever_its_field() -> None:
    class Free(PageModel):
        lines: str | None
        note: str | None
        kind: Literal["None", "x"] | None

        def text(self) -> str:
            return self.lines or ""

        def context(self) -> str:
            return str(self.note)

    answer = read('{"lines": "None", "note": "None", "kind": "None"}', Free)
    assert json.loads(answer.page_json) == {"lines": "None", "note": None, "kind": "None"}
    assert [flag.what for flag in answer.flags] == ["null_word"]
    assert answer.flags[0].message.endswith(": note")


# Characters


def test_control_characters_are_cleaned_and_flagged() -> None:
    words = "A\x00b\x1b[31m\x9b\x85c\u202ed\x0c"
    answer = read(json.dumps(page(words, school_name="X\x07")))
    assert flags(answer) == {"characters"}
    assert answer.text == "A�b�[31m�\ncd\n"
    assert json.loads(answer.page_json)["school_name"] == "X�"
    assert answer.flags[0].message.startswith("7 control characters")


def test_carriage_returns_are_newlines_without_a_word() -> None:
    answer = read(json.dumps(page("a\r\nb\rc")))
    assert (answer.text, answer.flags) == ("a\nb\nc", ())


def test_half_a_surrogate_pair_is_no_reason_to_pay_again() -> None:
    answer = read(PAGE_JSON.replace("FRESHMAN", r"\ud83d FRESH\ude00MAN \ud83d\ude00"))
    assert flags(answer) == {"characters"}
    assert answer.text.startswith("� FRESH�MAN 🙂".replace("🙂", "\U0001f600"))


def test_a_failures_message_has_no_control_characters() -> None:
    failure = failed(parse(error={"code": 3, "message": "bad \x1b[2J\x00"}), "APIError")
    assert failure.message.endswith("bad �[2J�")
