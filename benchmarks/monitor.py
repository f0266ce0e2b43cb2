"""What scripts/monitor.py costs with a large ledger: server time of an update, and first paint.

Makes a ledger of made-up pages with answers as long as real ones, in which a run goes on.

    python benchmarks/monitor.py             10,000 pages
    python benchmarks/monitor.py 50000 5     another size, chains a lane
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from pagewave.ledger import FailureRow, Ledger, MemberOutcome, PlannedPage, Record
from pagewave.ledger.answers import Attempt
from pagewave.schedule import plan

PAGES_A_BOOK = 20
ANSWER = json.dumps({"text": "Rhetoric, Logic and the Evidences of Christianity. " * 80})
LINE = json.dumps({"response": {"candidates": [{"content": {"parts": [{"text": ANSWER}]}}]}})
MODEL = ("gemini", "gemini-2.5-flash")


class MadeUpRun:
    """A run over so many pages in a ledger, carried on wave by wave."""

    def __init__(self, ledger: Ledger, pages: int, lane_size: int) -> None:
        self.ledger = ledger
        books = [f"Ohio:School {number:04}:1850" for number in range(pages // PAGES_A_BOOK)]
        self.chains = [[f"{book}:{n + 1}" for n in range(PAGES_A_BOOK)] for book in books]
        planned = plan(self.chains, lane_size)
        ledger.start_run("run", *MODEL, planned, [])
        ledger.add_prompt("p", "page_ocr", "v1.jinja", "Read this page. " * 200)
        self._waves = self._in_order(planned)

    @staticmethod
    def _in_order(planned: list[PlannedPage]) -> list[tuple[int, int, list[str]]]:
        waves: dict[tuple[int, int], list[str]] = {}
        for page in planned:
            waves.setdefault((page.place + 1, page.lane), []).append(page.key)
        return [(lane, number, waves[number, lane]) for number, lane in sorted(waves)]

    @property
    def waves_left(self) -> int:
        """How many waves have not ended."""
        return len(self._waves)

    def end_wave(self) -> None:
        """Let the next wave be sent, answered and closed; one page in fifty fails and is dead."""
        lane, number, keys = self._waves.pop(0)
        began = time.time()
        records = [Record(key, f"f{key}", 1, "c" * 800, "{}", "1.jpg", "a") for key in keys]
        name = f"run-lane{lane}-wave{number}"
        batch = self.ledger.add_intent(name, *MODEL, "p", "run", lane, number, records)
        self.ledger.mark_submitted(batch.id, f"batches/{name}")
        self.ledger.store_lines(batch.id, [(key, LINE.encode()) for key in keys])
        failed = set(keys[::50]) if number == PAGES_A_BOOK // 2 else set()
        attempts = [
            Attempt(
                key=key,
                number=1,
                fingerprint=f"f{key}",
                page=None if key in failed else ANSWER,
                finish_reason="STOP",
                prompt_tokens=1500,
                output_tokens=1000,
                thoughts_tokens=0,
                cached_tokens=0,
                usd=0.001,
            )
            for key in keys
        ]
        failures = [
            FailureRow(key, 1, True, "ValidationError", "courses: missing", raw_text=ANSWER)
            for key in failed
        ]
        self.ledger.commit_results(batch.id, "SUCCEEDED", None, attempts, failures)
        outcomes = [
            MemberOutcome(key, "failed" if key in failed else "read", False, None) for key in keys
        ]
        self.ledger.close_wave("run", lane, number, began, outcomes)
        for key in set(keys) - failed:
            found = self.ledger.stored_answer(f"f{key}")
            assert found
