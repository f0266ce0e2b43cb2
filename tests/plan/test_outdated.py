"""What is offered to be read again, as it was read with something else than there is now."""

import json
from pathlib import Path

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.plan.outdated import behind_corrections


def test_a_page_is_behind_a_correction_if_it_was_read_with_what_was_corrected(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 3})
    reading.run()
    session = reading.session
    first, second, _ = session.dataset.pages
    page = json.loads(session.page_file(first).read_bytes())
    page["raw_ocr"]["text_blocks"][0]["text"] += " put right"
    session.corrections.put(first, page)
    assert behind_corrections(session, [first]) == [second]
    session.page_file(second).unlink()
    assert behind_corrections(session, [first]) == []  # it is to be read anyway
