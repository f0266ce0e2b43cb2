"""A page that is asked in halves: two requests, one attempt, one page; both are paid and kept."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave import crash_points as crash
from pagewave.answers.result_line import is_paid_before
from pagewave.errors import DataError
from pagewave.gemini.uploads import delete_unneeded_files
from pagewave.halves import HALVES, line_key
from pagewave.pages.halves import cut
from pagewave.prompts.halved import is_halved

STEPS: dict[str, Any] = {"retry": {"steps": {"Truncated": [{"halves": True}]}}}
ROADS: dict[str, dict[str, Any]] = {
    "batch": {},
    "uploaded": {"files": {"images": "uploaded"}},
    "flex": {"execution": {"transport": "flex"}, "calls": {"retry_pause_seconds": 0.02}},
}
TOO_LONG = "max-tokens:match=:2$"


def reading_of(
    root: Path, server: EmbeddedProcess, road: str = "batch", **sections: dict[str, Any]
) -> Reading:
    """A book of three pages whose second one is too long for one answer."""
    reading = Reading(root, server, {"Elm/1850": 3}, **STEPS, **ROADS[road], **sections)
    server.show_images(root / "state/halves")
    return reading


def check(reading: Reading) -> None:
    """The page is there, of both halves, and the next one was asked with what it says."""
    first, page, third = reading.keys
    content = json.loads(reading.library.page_file(page).read_text())
    lines = "\n".join(block["text"] for block in content["raw_ocr"]["text_blocks"]).split("\n")
    lines = [line for line in lines if not line.startswith("Reading ")]
    assert lines == [
        f"Page {page}.",
        f"Read after: {first}",
        f"The middle of page {page}",
        f"The end of page {page}",
    ]
    assert f"Read after: {page}" in reading.library.text(third)
    assert not reading.dead()
    assert not reading.query("PRAGMA foreign_key_check")
    assert not list((reading.root / "state").glob("halves/**/*.*"))


@pytest.mark.parametrize("road", ROADS)
def test_a_page_too_long_for_one_answer_is_read_in_halves(
    tmp_path: Path, quiet_server: EmbeddedProcess, road: str
) -> None:
    quiet_server.set_faults([TOO_LONG])
    reading = reading_of(tmp_path, quiet_server, road)
    reading.run()
    check(reading)
    page = reading.keys[1]
    assert reading.inferences() == Counter(
        [*reading.keys, *(line_key(page, half) for half in HALVES)]
    )
    [record] = reading.query(
        "SELECT batch_id, step, generation_config FROM record WHERE key = ? AND step NOT NULL", page
    )
    batch_id, step, config = record
    assert step == "Truncated: halves=True" and is_halved(config)
    [(ok, number, used)] = reading.query(
        "SELECT ok, number, prompt_tokens FROM attempt WHERE batch_id = ? AND key = ?",
        batch_id,
        page,
    )
    lines = reading.query(
        "SELECT unpacked(line) FROM response WHERE batch_id = ? AND key = ?", batch_id, page
    )
    responses = {(entry := json.loads(line))["key"]: entry["response"] for (line,) in lines}
    assert {*responses} == {line_key(page, half) for half in HALVES}
    counts = [answer["usageMetadata"]["promptTokenCount"] for answer in responses.values()]
    assert (ok, number, used) == (1, 2, sum(counts))
    # What is said of a batch counts pages.
    totals = reading.session.ledger.answers.totals(batch_id)
    assert (totals["records_sent"], totals["records_answered"]) == (1, 1)
    assert totals["lines_unexpected"] == 0
    [flag] = [f for f in reading.session.ledger.answers.flagged_pages() if f.what == "halves"]
    assert flag.key == page


@pytest.mark.parametrize("road", ["batch", "flex"])
@pytest.mark.parametrize("half", HALVES)
def test_a_half_that_fails_is_the_failure_of_its_page_and_both_are_asked_anew(
    tmp_path: Path, quiet_server: EmbeddedProcess, road: str, half: str
) -> None:
    quiet_server.set_faults([TOO_LONG, rf"blocked:match=:2\.{half}$,times=1"])
    reading = reading_of(tmp_path, quiet_server, road)
    reading.run()
    check(reading)
    assert reading.error_types() == {"Truncated": 1, "Blocked": 1}
    messages = reading.query("SELECT message FROM failure WHERE error_type = 'Blocked'")
    assert messages[0][0].startswith(f"Of its {half} half: ")
    assert reading.attempts()[reading.keys[1]] == 3
    assert sum(reading.inferences().values()) == 3 + 2 * 2


def test_a_half_without_a_line_is_a_missing_response(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults([TOO_LONG, r"missing-key:match=:2\.lower$,times=1"])
    reading = reading_of(tmp_path, quiet_server)
    reading.run()
    check(reading)
    assert reading.error_types() == {"Truncated": 1, "MissingResponse": 1}
    # Nobody knows what the lower half took: it costs what it can at most.
    assert [row[0] for row in reading.query("SELECT prompt_tokens FROM attempt ORDER BY id")][
        2
    ] == 0


@pytest.mark.parametrize(
    ("fault", "error", "doubtful"),
    [
        ("http-error:call=generate,code=500,skip=3,times=1", "ServiceTrouble", 0),
        ("cut-after:call=generate,skip=3,times=1", "AnswerLost", 1),
    ],
)
def test_a_call_whose_second_half_brings_nothing_keeps_what_the_first_cost(
    tmp_path: Path, quiet_server: EmbeddedProcess, fault: str, error: str, doubtful: int
) -> None:
    quiet_server.set_faults([TOO_LONG, fault])
    reading = reading_of(tmp_path, quiet_server, "flex")
    reading.run()
    check(reading)
    assert reading.error_types() == {"Truncated": 1, error: 1}
    rows = reading.query(
        "SELECT b.state, a.ok, a.prompt_tokens > 0 FROM attempt a JOIN batch b ON b.id = a.batch_id"
        " WHERE a.key = ? ORDER BY a.id",
        reading.keys[1],
    )
    assert rows[1] == (("UNANSWERED", 0, 0) if doubtful else ("SUCCEEDED", 0, 1))
    assert rows[2][1:] == (1, 1)


class _Crash(BaseException):
    """The death of the head, in this process."""


@pytest.mark.parametrize(
    ("road", "point", "halves", "attempts"),
    [
        # in doubt: an attempt as dear as it can be (no tokens), and both halves anew
        ("flex", "call-sent:3", 2, [False, True]),
        ("flex", "call-answered:3", 3, [False, True]),
        ("flex", "call-sent:4", 2, [False, True]),
        ("flex", "call-answered:4", 3, [False, True]),
        # known: what the upper half took, and then what the lower one did
        ("flex", "answer-stored:3", 2, [True, True]),
        ("flex", "answer-stored:4", 2, [True]),
        ("batch", "creating:3", 2, [True]),
        ("batch", "raw-stored:3", 2, [True]),
    ],
)
def test_a_crash_at_a_half_leaves_nothing_that_was_paid_without_an_attempt(
    tmp_path: Path,
    quiet_server: EmbeddedProcess,
    monkeypatch: pytest.MonkeyPatch,
    road: str,
    point: str,
    halves: int,
    attempts: list[bool],
) -> None:
    def die() -> NoReturn:
        crash.arm(None)
        raise _Crash

    monkeypatch.setattr(crash, "die", die)
    quiet_server.set_faults([TOO_LONG])
    reading = reading_of(tmp_path, quiet_server, road)
    crash.arm(point)
    with pytest.raises(_Crash):
        reading.run()
    leftover = reading.root / "state/halves/of a crash.jpg"
    leftover.parent.mkdir(exist_ok=True)
    leftover.touch()
    reading.run()
    check(reading)
    page = reading.keys[1]
    assert sum(reading.inferences()[line_key(page, half)] for half in HALVES) == halves
    rows = reading.query(
        "SELECT prompt_tokens > 0 FROM attempt WHERE key = ? AND number > 1 ORDER BY id", page
    )
    assert [bool(known) for (known,) in rows] == attempts
    if all(attempts):  # then each half that was read is counted, and none twice
        told = reading.query(
            "SELECT unpacked(s.line) FROM response s JOIN attempt a USING (batch_id, key)"
            " WHERE key = ? AND a.number > 1",
            page,
        )
        lines = [json.loads(line) for (line,) in told if not is_paid_before(line)]
        used = sum(line["response"]["usageMetadata"]["promptTokenCount"] for line in lines)
        count = "SELECT SUM(prompt_tokens) FROM attempt WHERE key = ? AND number > 1"
        assert (len(lines), reading.query(count, page)) == (halves, [(used,)])


def test_an_image_that_is_cut_off_fails_its_page_and_the_other_is_read(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults(["max-tokens:match=:1$"])
    books = {"Elm/1850": 1, "Oak/1851": 1}
    reading = Reading(tmp_path, quiet_server, books, execution={"max_batch_failures": 1}, **STEPS)
    page, other = reading.keys
    image = reading.library.image(page)

    def cut_off(path: Path, *where: float) -> object:
        if path == image:
            raise DataError(f"{path}: cannot be read (cut off); put the scan there again")
        return cut(path, *where)

    # As where its file's header is sound, and its pixels are not.
    with patch("pagewave.waves.in_halves.cut", cut_off):
        reading.run()
    assert reading.dead() == {page}
    assert reading.failures()[page.removeprefix(f"{reading.state}:"), "FileNotFound"] == 1
    assert reading.library.page_file(other).exists()
    assert not [key for key in reading.inferences() if key.startswith(f"{page}.")]


def test_a_full_service_between_the_halves_is_waited_for(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults([TOO_LONG, "http-error:call=generate,code=503,skip=3,times=3"])
    reading = reading_of(tmp_path, quiet_server, "flex")
    reading.run()
    check(reading)
    assert reading.error_types() == {"Truncated": 1}
    assert set(reading.inferences().values()) == {1}


def test_each_half_costs_what_the_tier_that_served_it_does(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    counts = "token-counts:prompt=1000000,output=1"
    quiet_server.set_faults([TOO_LONG, counts, "other-tier:tier=standard,skip=3,times=1"])
    reading = reading_of(tmp_path, quiet_server, "flex")
    reading.library.config["engine"] = "gemini"
    reading.library.configure()
    reading.run()
    check(reading)
    settings = reading.session.settings
    price = settings.pricing.of(settings.model.name, time.time())
    assert price
    [(usd, held)] = reading.query(
        "SELECT a.usd, r.max_usd FROM attempt a JOIN record r USING (batch_id, key) WHERE a.number"
        " = 2"
    )
    one = price.input + price.output / 1e6
    assert usd == pytest.approx(one + 2 * one)  # the lower half was served by standard
    # What is held for it is twice what is held for a page at once, and a little less of image.
    [(whole,)] = reading.query("SELECT max_usd FROM record WHERE key = ?", reading.keys[0])
    assert 1.5 * whole < held < 2.5 * whole


@pytest.mark.parametrize("has_stopped", ["told to stop", "no room today"])
def test_a_run_that_ends_between_the_halves_keeps_what_the_first_cost(
    tmp_path: Path, quiet_server: EmbeddedProcess, has_stopped: str
) -> None:
    fault = (
        "http-error:call=generate,code=503,skip=3"
        if has_stopped == "told to stop"
        else "day-limit:skip=3"
    )
    quiet_server.set_faults([TOO_LONG, fault])
    waits = {"execution": {"transport": "flex", "wait": has_stopped == "told to stop"}}
    reading = reading_of(tmp_path, quiet_server, "flex")
    reading.library.configure(**waits)

    def refused() -> int:
        return sum(event["fault"] != "max-tokens" for event in quiet_server.log("fault"))

    before = refused()
    if has_stopped == "told to stop":
        reading.run_until(lambda: refused() > before)
    else:
        reading.run()
    rows = reading.query(
        "SELECT ok, prompt_tokens > 0 FROM attempt WHERE key = ? AND number = 2", reading.keys[1]
    )
    assert rows == [(0, 1)]
    assert not reading.query("SELECT 1 FROM batch WHERE status NOT IN ('collected', 'abandoned')")
    quiet_server.set_faults([TOO_LONG])
    reading.library.configure(execution={"wait": True})
    reading.run()
    check(reading)


def test_the_image_of_a_half_is_there_as_long_as_its_batch(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults([TOO_LONG, "batch-hold:skip=2,times=1"])
    reading = reading_of(tmp_path, quiet_server, "uploaded")

    def halves() -> set[str]:
        kept = reading.query(
            "SELECT name FROM service_file WHERE batch_id NOT NULL AND uri NOT NULL"
        )
        return {name for (name,) in kept}

    reading.run_until(lambda: len(reading.creates()) == 3)
    delete_unneeded_files(reading.session)
    assert len(halves()) == 3  # both, and the requests
    reading.release()
    quiet_server.set_faults([TOO_LONG])
    reading.run()
    check(reading)
    delete_unneeded_files(reading.session)
    assert not halves()


def test_another_model_that_answers_one_half_is_told_of_the_page(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    other = "other-model:model=gemini-2.5-flash-lite"
    quiet_server.set_faults([TOO_LONG, rf"{other},match=:2\.lower$"])
    reading = reading_of(tmp_path, quiet_server)
    reading.run()
    check(reading)
    flags = {flag.what: flag.key for flag in reading.session.ledger.answers.flagged_pages()}
    assert flags == dict.fromkeys(("halves", "other_model"), reading.keys[1])
    served = reading.query("SELECT model_served FROM attempt WHERE key = ?", reading.keys[1])
    assert served[-1] == ("gemini-2.5-flash-lite",)


def test_a_day_that_is_used_up_between_the_halves_ends_a_run_that_does_not_wait(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    quiet_server.set_faults([TOO_LONG])
    reading = reading_of(tmp_path, quiet_server, "flex")
    reading.library.configure(execution={"wait": False}, calls={"requests_per_day": 3})
    reading.run()
    page = reading.keys[1]
    assert reading.inferences() == Counter([reading.keys[0], page, line_key(page, "upper")])
    assert reading.attempts()[page] == 2
    reading.library.configure(execution={"wait": True}, calls={"requests_per_day": 100})
    reading.run()
    check(reading)
