"""The files of a book."""

import json
from pathlib import Path

from helpers.command_calls import said
from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from helpers.result_lines import page
from pagewave.atomic import write_atomically
from pagewave.commands.failures import export_csv
from pagewave.commands.selection import EVERYTHING
from pagewave.exports.book import write_book
from pagewave.exports.facts import PageFacts
from pagewave.ledger.failures import FailureRow

ODD = "Li\x00vy\x1b[31m \u202eecaroH\x9b\x85\x07"


def test_what_older_answers_hold_of_control_characters_reaches_no_text_and_no_table(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    [book] = reading.session.dataset.books
    write_atomically(reading.session.page_file(book.pages[0]), json.dumps(page(ODD)))
    write_book(reading.session, book, {reading.keys[0]: PageFacts(provenance=None)})
    _, text_file = reading.session.book_files(book)
    assert text_file.read_text(encoding="utf-8") == "[page 1]\nLi�vy�[31m ecaroH�\n�\n"

    ledger = reading.session.ledger
    failure = FailureRow(reading.keys[0], 1, True, "APIError", ODD, ODD, ODD, ODD)
    ledger.failures.add("embedded", [failure])
    file = tmp_path / "failures.csv"
    assert export_csv(ledger, EVERYTHING, file, None) == 1
    exported = file.read_text(encoding="utf-8")
    assert exported.count("Li�vy�[31m ecaroH�\n�") == 4
    assert not set(exported) & set("\x00\x07\x1b\x85\x9b\u202e")


def test_a_book_says_what_its_pages_say_of_each_other_and_flags_lists_it(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 4})
    [book] = reading.session.dataset.books
    texts = ("The pupils read", "geometry daily.", "Nothing.", "More.")
    for each, text, number in zip(book.pages, texts, (5, 6, 6, 7), strict=True):
        info = {"page_number": str(number), "is_complete_page": True, "content_type": "courses"}
        content = json.dumps(page(text, page_info=info))
        write_atomically(reading.session.page_file(each), content)
    facts = {key: PageFacts(provenance=None) for key in reading.keys}
    write_book(reading.session, book, facts)
    content = json.loads(reading.session.book_files(book)[0].read_text(encoding="utf-8"))
    one, two, three, _ = reading.keys
    doubled = {"kind": "doubled leaf", "page": three, "other": two, "what": "6 is printed on both"}
    assert content["findings"] == [doubled]
    joined = "The pupils read geometry daily."
    assert content["runs_over"] == [{"page": one, "other": two, "text": joined}]
    [flag] = said(reading.library, "flags")
    assert (flag["key"], flag["what"]) == (three, "doubled leaf")
    assert flag["message"] == f"6 is printed on both ({two})"
