"""A ledger full of attempts that are to be logged, and whether they were."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

from helpers.braintrust_server import KEY, PROJECT, BraintrustServer, Row
from pagewave.config.keys import Secrets
from pagewave.ledger import Attempt, FailureRow, Flag, Ledger, PlannedPage, Record
from pagewave.tracking.delivery import Delivery
from pagewave.tracking.service import Braintrust

ATTEMPTS = 1000
A_BATCH = 100
CONTEXT = "LAST_500_CHARS:\nEuclid <begun>\nLAST_3_COURSES:\n(none)"
TEMPLATE = "Read this page.\n{% if previous_context %}{{ previous_context }}{% endif %}"
GEMINI_KEY = "AIza" + "Sy0123456789abcdefghijklmnopqrstuvw"[:35]
IMAGE = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD" + "aZ3+/xK9Qw7BtYu2LmNp5RsVd8FgHj1CeXiO4kS6TzUvWbAlEqGhIoPr" * 20
)
NEVER = threading.Event()
SECRETS = Secrets.model_validate(
    {
        "gemini_api_key": GEMINI_KEY,
        "braintrust_api_key": KEY,
        "braintrust_project_name": PROJECT,
    }
)


def key_of(number: int) -> str:
    """The page of an attempt; the school's name has a colon."""
    return f"Ohio:Elm: School {number % A_BATCH}:1850:{number // A_BATCH + 1}"


def fill(path: Path, attempts: int = ATTEMPTS) -> Ledger:
    """A ledger with batches of attempts, of which every tenth failed."""
    ledger = Ledger.open(path)
    ledger.runs.start("r1", "gemini", "gemini-2.5-flash", [PlannedPage(key_of(0), 1, 1, 0)], [])
    ledger.files.add_prompt("p" * 64, "page_ocr", "v1.1.jinja", TEMPLATE)
    for first in range(0, attempts, A_BATCH):
        add_batch(ledger, range(first, min(first + A_BATCH, attempts)))
    return ledger


def add_batch(ledger: Ledger, numbers: range) -> None:
    """A batch that was sent and collected."""
    name = f"batch {numbers[0] // A_BATCH}"
    records = [
        Record(key_of(n), f"f{n}", 1, CONTEXT, '{"temperature":0.1}', f"{n}.jpg", f"{n:064}")
        for n in numbers
    ]
    batch = ledger.batches.add_intent(
        name, "gemini", "gemini-2.5-flash", "p" * 64, "r1", 1, numbers[0] // A_BATCH + 1, records
    )
    ledger.batches.mark_creating(batch.id, "files/in")
    ledger.batches.mark_submitted(batch.id, f"batches/{name}")
    lines = [(key_of(n), result_line(n)) for n in numbers]
    ledger.answers.store_lines(batch.id, lines)
    attempts = [
        Attempt(
            *(key_of(n), 1, f"f{n}", None if n % 10 == 0 else json.dumps({"page": n})),
            *("STOP", 1000, 500, 20, 100, 0.0008),
            flags=(Flag("blank", "text on blank paper"),) if n == 7 else (),
        )
        for n in numbers
    ]
    failures = [
        FailureRow(
            *(key_of(n), 1, True, "JSONDecodeError", f"no JSON, asked with {GEMINI_KEY}"),
            *(f"Traceback: GET /v1?key={GEMINI_KEY}", f"text {n} {IMAGE}", f'{{"raw": {n}}}'),
        )
        for n in numbers
        if n % 10 == 0
    ]
    ledger.answers.commit(batch.id, "SUCCEEDED", None, attempts, failures)


def result_line(number: int) -> bytes:
    """A line as Gemini writes it."""
    parts = [{"text": json.dumps({"page": number})}]
    response = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    return json.dumps({"key": key_of(number), "response": response}).encode()


def delivery(ledger: Ledger, timeout_seconds: float = 10.0) -> Delivery:
    """What delivers, with no pause after failures."""
    service = Braintrust(SECRETS, timeout_seconds)
    return Delivery(ledger, service, first_pause_seconds=0.0)


def pages_in(rows: dict[str, Row]) -> list[str]:
    """The pages of the server's rows."""
    return sorted(row["input"]["page_id"] for row in rows.values())


def assert_all_there_once(ledger: Ledger, server: BraintrustServer, attempts: int) -> None:
    """None lost, none twice."""
    assert pages_in(server.rows) == sorted(key_of(n) for n in range(attempts))
    assert ledger.outbox.counts() == (0, attempts, 0)
    assert max(server.posts) <= 100


def for_posts(answers: list[str | None]) -> Callable[[list[Row]], str | None]:
    """The first posts end like this; all further ones well."""
    return lambda rows: answers.pop(0) if answers else None
