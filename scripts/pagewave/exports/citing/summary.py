"""The numbers of a data package: what was read and what not, by whom, asked how, and in which
doubt. They follow from its pages alone, so that a check can count them again."""

from collections import Counter
from datetime import datetime
from typing import Any

from pagewave.exports.citing.records import Record, book_of
from pagewave.exports.content import COSTS
from pagewave.levels import Levels

FILE = "summary.json"
READER = "embedded reader"
"""What stands for a model where the local reader read."""


class Summary:
    """Counts pages, one after another."""

    def __init__(self, levels: Levels) -> None:
        self._levels = levels
        self._books: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._flags: Counter[str] = Counter()
        self._attempts: Counter[int] = Counter()
        self._readings: Counter[tuple[str, str, str, str, str]] = Counter()
        self._times: dict[tuple[str, str, str, str, str], list[str]] = {}
        self._costs: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._corrected_at: list[str] = []

    def add(self, record: Record) -> None:
        """Count a page."""
        self._books[book_of(record, self._levels)] += 1
        if record["answer"] is None:
            self._missing[record["missing"]] += 1
            return
        self._counts["corrected"] += record["corrected"]
        self._counts["flagged"] += bool(record["flags"])
        self._flags.update(record["flags"])
        if at := (record["correction"] or {}).get("corrected_at"):
            self._corrected_at.append(at)
        known = record["provenance"]
        if not known:
            self._counts["origin_unknown"] += 1
            return
        name, version, sha256 = (
            str(known.get(f"prompt_{each}") or "") for each in ("name", "version", "sha256")
        )
        reading = (*_models(record), name, version, sha256)
        self._readings[reading] += 1
        if at := known.get("read_at"):
            moment = datetime.fromisoformat(at).strftime("%Y-%m-%dT%H:%M:%S+00:00")
            self._times.setdefault(reading, []).append(moment)
        self._attempts[known.get("attempt") or 1] += 1
        for cost in COSTS:
            if isinstance(number := known.get(cost), int | float):
                self._costs[cost] += number  # type: ignore[assignment]
        self._counts["unpriced"] += "usd" in known and known["usd"] is None

    def as_json(self) -> dict[str, Any]:
        """The numbers; tokens and prices only where the pages tell them."""
        pages, missing = sum(self._books.values()), sum(self._missing.values())
        found: dict[str, Any] = {
            "books": len(self._books),
            "pages": pages,
            "pages_read": pages - missing,
            "pages_missing": missing,
            "why_missing": dict(sorted(self._missing.items())),
            "pages_corrected": self._counts["corrected"],
            "last_corrected_at": max(self._corrected_at, default=None),
            "pages_flagged": self._counts["flagged"],
            "flags": dict(sorted(self._flags.items())),
            "pages_of_unknown_origin": self._counts["origin_unknown"],
            "pages_by_attempt": {str(n): self._attempts[n] for n in sorted(self._attempts)},
            "readings": [self._reading(each) for each in sorted(self._readings)],
            "pages_by_book": dict(sorted(self._books.items())),
        }
        if self._costs or self._counts["unpriced"]:
            costs = {name: self._costs[name] for name in COSTS}
            costs["usd"] = round(costs["usd"], 6)
            found["costs"] = costs | {"pages_unpriced": self._counts["unpriced"]}
        return found

    def _reading(self, reading: tuple[str, str, str, str, str]) -> dict[str, Any]:
        asked, served, name, version, sha256 = reading
        times = self._times.get(reading, [])
        return {
            "model_asked": asked,
            "model_served": served,
            "prompt_name": name,
            "prompt_version": version,
            "prompt_sha256": sha256,
            "pages": self._readings[reading],
            "first_read_at": min(times, default=None),
            "last_read_at": max(times, default=None),
        }


def _models(record: Record) -> tuple[str, str]:
    """The model that was asked, and the one that answered, as it named itself."""
    known = record["provenance"]
    is_local = known.get("engine") != "gemini"
    asked = READER if is_local else known.get("model") or ""
    return asked, record["model_served"] or asked
