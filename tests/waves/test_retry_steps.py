"""Retries by steps: what is sent, to which model, what the ledger keeps, and what each brought."""

import json
from pathlib import Path

from helpers.command_calls import said
from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.answers.result_line import text_of
from pagewave.ledger.lines import unpacked
from pagewave.plan.outdated import is_outdated, pages_on_file
from pagewave.prompts.numbered import INSTRUCTION, is_numbered
from pagewave.tracking.rows import braintrust_row

LITE, OTHER = "gemini-3.5-flash-lite", "gemini-3.8-flash"


def test_the_default_ladder_of_gemini_3_is_climbed_and_kept(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2}, model={"name": LITE})
    quiet_server.set_faults(["invalid-schema:match=:1$,times=2", "max-tokens:match=:2$,times=1"])
    reading.run()
    reading.check()
    rows = reading.session.ledger.query(
        "SELECT key, attempt_number, step, generation_config FROM record"
    )
    asked = {(row[0][-1], row[1]): (row[2], json.loads(row[3])) for row in rows}
    assert [asked["1", number][0] for number in (1, 2, 3)] == [
        None,
        "any: max_output_tokens=16384, thinking_level=high",
        "any: thinking_level=low, media_resolution=MEDIA_RESOLUTION_ULTRA_HIGH",
    ]
    assert asked["1", 2][1]["thinkingConfig"] == {"thinkingLevel": "HIGH"}
    assert asked["1", 3][1]["mediaResolution"] == "MEDIA_RESOLUTION_ULTRA_HIGH"
    assert asked["2", 2] == (
        "Truncated: max_output_tokens=65536",
        {"maxOutputTokens": 65_536, "responseMimeType": "application/json"},
    )
    assert "temperature" not in asked["1", 1][1]


def test_lines_asked_for_with_numbers_are_kept_without_them(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2}, model={"name": LITE})
    quiet_server.set_faults(["recitation:match=:1$,times=1"])
    reading.run()
    reading.check()
    session, first = reading.session, reading.keys[0]
    ledger, page_file = session.ledger, session.page_file(session.dataset.page(first))
    [row] = ledger.query("SELECT * FROM record WHERE key = ? AND attempt_number = 2", first)
    assert row["step"] == "Recitation: numbered_lines=True"
    assert is_numbered(row["generation_config"])
    [line] = [
        unpacked(r[0])
        for r in ledger.query(
            "SELECT line FROM response WHERE batch_id = ? AND key = ?", row["batch_id"], first
        )
    ]
    assert '"1| ' in (text_of(line) or "").replace('": "', '":"')
    blocks = json.loads(page_file.read_text())["raw_ocr"]["text_blocks"]
    assert blocks
    assert not [block for block in blocks if "1| " in block["text"]]
    # Braintrust is told of the prompt as it was sent.
    prompts = [braintrust_row(r)["input"]["prompt"] for r in ledger.outbox.attempts_of(first)]
    assert [INSTRUCTION in prompt for prompt in prompts] == [False, True]


def test_a_retry_may_ask_another_model_in_a_batch_of_its_own(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    steps = {"ValidationError": [{"model": OTHER, "thinking_level": "low"}]}
    reading = Reading(
        tmp_path,
        quiet_server,
        {"Elm/1850": 1, "Oak/1850": 2},
        model={"name": LITE, "on_other_model": "stop"},
        retry={"steps": steps},
    )
    quiet_server.set_faults(["invalid-schema:match=Elm/?.*:1$,times=1"])
    reading.run()
    reading.check()
    ledger = reading.session.ledger
    rows = ledger.query(
        "SELECT b.wave, b.model, r.key, r.step, a.ok, a.model_served FROM record r"
        " JOIN batch b ON b.id = r.batch_id JOIN attempt a ON a.batch_id = b.id AND a.key = r.key"
        " ORDER BY b.wave, b.model, r.key"
    )
    elm, oak = reading.key("Elm/1850", 1), [reading.key("Oak/1850", n) for n in (1, 2)]
    step = f"ValidationError: thinking_level=low, model={OTHER}"
    assert [tuple(row) for row in rows] == [
        (1, LITE, elm, None, 0, LITE),
        (1, LITE, oak[0], None, 1, LITE),
        (2, LITE, oak[1], None, 1, LITE),
        (2, OTHER, elm, step, 1, OTHER),
    ]
    # A model that was asked is no other one, and its page is not outdated.
    assert not [f for f in ledger.answers.flagged_pages() if f.what == "other_model"]
    with ledger.transaction() as db:
        db.execute("UPDATE batch SET engine = 'gemini'")
    origins = pages_on_file(ledger)
    assert {origin.model for origin in origins} == {LITE, OTHER}
    assert not [origin for origin in origins if is_outdated(reading.session, origin)]


def test_what_each_step_brought_and_cost_is_told(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1}, model={"name": LITE})
    quiet_server.set_faults(["invalid-schema:times=1"])
    reading.run()
    with reading.session.ledger.transaction() as db:
        db.execute("UPDATE batch SET engine = 'gemini'")
        db.execute("UPDATE attempt SET usd = 0.25")
    steps = said(reading.library, "analyze_failures")["steps"]
    told = [(s["step"], s["model"], s["attempts"], s["read"], s["usd"]) for s in steps]
    assert told == [
        ("first attempt", LITE, 2, 0, 0.5),
        ("any: max_output_tokens=16384, thinking_level=high", LITE, 2, 2, 0.5),
    ]
