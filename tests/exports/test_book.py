"""The files of a book."""

import json
from pathlib import Path

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
