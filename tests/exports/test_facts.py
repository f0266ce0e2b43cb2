"""What the head hands over to jobs that have no ledger: all of it, or a message."""

from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.errors import PagewaveError
from pagewave.exports.facts import PageFacts, facts_of, read_facts, write_facts


def test_facts_come_over_as_they_are(tmp_path: Path) -> None:
    facts = {
        "Ohio:Elm:1850:1": PageFacts(provenance={"batch": "batches/1", "usd": 0.1, "flags": []}),
        "Ohio:Elm:1850:2": PageFacts(
            provenance=None,
            reason="Truncated",
            earlier_answer='{"text": "é"}',
            correction={"corrected_at": "2026-01-01T00:00:00+00:00", "corrects": None},
        ),
    }
    file = tmp_path / "facts" / "book.json"
    write_facts(file, facts)
    assert read_facts(file) == facts


@pytest.mark.parametrize("content", [None, "", '{"key": {"reason": 1}}', '{"key": {"provenance"'])
def test_facts_that_are_gone_or_damaged_are_told(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "book.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(
        PagewaveError, match=r"book\.json: what the ledger knows of the pages can't"
    ):
        read_facts(file)


@pytest.mark.parametrize("served", [None, "gemini-3.5-flash-lite"])
def test_the_embedded_reader_is_no_model_but_where_it_is_told_to_be_one(
    tmp_path: Path, quiet_server: EmbeddedProcess, served: str | None
) -> None:
    quiet_server.set_faults([f"other-model:model={served}"] if served else [])
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    reading.run()
    session = reading.session
    [facts] = facts_of(session, session.dataset.books[0]).values()
    assert facts.provenance
    told = [facts.provenance[name] for name in ("model", "model_served", "model_asked")]
    assert told == [None, served, session.settings.model.name]
