"""Whether all is as it must be once nothing is going on: pages, what was paid for, what is left."""

import contextlib
import json
import math
import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.library import Library
from pagewave.halves import split_line_key

Events = Sequence[Mapping[str, Any]]


def events_of(log: Path, start: int = 0) -> list[dict[str, Any]]:
    """What an embedded server's log.jsonl says from byte `start` on."""
    with log.open("rb") as file:
        file.seek(start)
        return [json.loads(line) for line in file]


def problems_of_pages(
    library: Library,
    unread: Collection[str] = (),
    may_lack_context: bool = False,
    readings: Mapping[str, int] | None = None,
) -> list[str]:
    """Pages whose text is not what the echo reader makes of them; `unread` ones may be missing.

    A page says what its own key is, which page its prompt told of, and which reading of it this is;
    `readings` says by key which it must be, where it is known.
    """
    found = []
    labels = library.root / "labels"
    for label in labels.rglob("*.json"):
        state, school, year, number = label.relative_to(labels).with_suffix("").parts
        key, before = f"{state}:{school}:{year}:{number}", str(int(number) - 1)
        if key in unread and not library.page_file(key).exists():
            continue
        told = f"{state}:{school}:{year}:{before}"
        after = [told] if label.with_name(f"{before}.json").exists() else ["nothing"]
        after += ["nothing"] * may_lack_context
        expected = re.escape(f"Page {key}.\nRead after: ") + f"({'|'.join(map(re.escape, after))})"
        reading = readings[key] if readings else None
        expected += {None: r"(?!\d)", 1: r"\n(?!Reading)"}.get(reading, rf"\nReading {reading}\.\n")
        if not library.page_file(key).exists():
            found.append(f"{key} has no file")
        elif not re.search(expected, library.text(key)):
            found.append(f"{key} says {library.text(key)!r}")
    return found


def problems_of_accounts(
    library: Library,
    events: Events,
    forced: Mapping[str, int],
    unread: Collection[str] = (),
    edited: Collection[str] = (),
) -> list[str]:
    """Where the ledger's attempts are not the server's inferences, an answer was paid for twice, or
    a file holds another one than the ledger says.

    `forced` says how often each key was asked for anew: so many good answers more than one its
    fingerprint may have. `unread` pages may have a forced rebuild that is still to come. The files
    of `edited` ones hold what a person wrote.
    """
    with contextlib.closing(sqlite3.connect(library.state / "ledger.sqlite")) as db:
        attempts = db.execute(
            "SELECT b.name, a.key, a.fingerprint, a.ok, b.transport != 'batch',"
            " b.state = 'UNANSWERED' FROM attempt a JOIN batch b ON b.id = a.batch_id"
        ).fetchall()
        still_open = db.execute(
            "SELECT display_name, status FROM batch WHERE status NOT IN ('collected', 'abandoned')"
        ).fetchall()
        rebuilds = {row[0] for row in db.execute("SELECT key FROM rebuild")}
        on_file = db.execute(
            "SELECT p.key, a.page FROM page p JOIN attempt a ON a.id = p.attempt_id"
        ).fetchall()
        broken = db.execute("PRAGMA foreign_key_check").fetchall()
    lines = [(e["batch"], *split_line_key(e["key"])) for e in events if e["event"] == "inference"]
    # Both halves of a page are one attempt; in a batch either of them may be read alone.
    halves = {(batch, key) for batch, key, half in lines if batch and half}
    paid = Counter((batch, key) for batch, key, half in lines if batch and not half)
    paid.update(halves)
    known = Counter((name, key) for name, key, _, _, is_call, _ in attempts if not is_call)
    found = [f"{key} was read in {batch}, the ledger has no attempt" for batch, key in paid - known]
    found += [
        f"{key} has an attempt in {batch} that is no inference" for batch, key in known - paid
    ]
    # A call has no name; where its answer was lost it may have been read or not.
    # Of two halves either may be a call's own, the other taken over from the one before.
    called = Counter(key for batch, key, half in lines if not batch and not half)
    of_halves = Counter(key for batch, key, half in lines if not batch and half)
    tried = Counter(key for _, key, _, _, is_call, _ in attempts if is_call)
    doubtful = Counter(key for _, key, _, _, is_call, is_lost in attempts if is_call and is_lost)
    found += [
        f"{key} was read {called[key]} times by calls, {of_halves[key]} times a half of it; "
        f"the ledger has {tried[key]} attempts, {doubtful[key]} of them in doubt"
        for key in {*called, *of_halves, *tried}
        for least in [called[key] + math.ceil(of_halves[key] / 2)]
        if key and not least <= tried[key] <= called[key] + of_halves[key] + doubtful[key]
    ]
    bought: dict[str, list[str]] = {}
    for _, key, fingerprint, ok, _, _ in attempts:
        if ok:
            bought.setdefault(fingerprint, []).append(key)
    for keys in bought.values():
        if len(keys) > 1 + max(forced.get(key, 0) for key in keys):
            found.append(f"{keys[0]} was answered {len(keys)} times")
    found += [
        f"the file of {key} does not hold the answer that the ledger says"
        for key, page in on_file
        if key not in edited
        and library.page_file(key).exists()
        and library.page_file(key).read_text() != f"{page}\n"
    ]
    found += [f"batch {name} is left as {status}" for name, status in still_open]
    found += [f"the rebuild of {key} is left in the ledger" for key in rebuilds - set(unread)]
    return found + [f"broken reference in the ledger: {tuple(row)}" for row in broken]


def problems_of_leftovers(library: Library, events: Events) -> list[str]:
    """What lies about at the service, but for what it refuses to delete, and temporary files."""
    uploaded = {e["file"]: e["display_name"] for e in events if e["event"] == "upload"}
    deleted = {e["file"] for e in events if e["event"] == "delete" and "file" in e}
    refused = {
        f"files/{e['call'].rpartition('/')[2]}"
        for e in events
        if e["event"] == "refused" and e["call"].startswith("DELETE") and e["code"] == 400
    }
    found = [
        f"left at the service: {uploaded[name]}" for name in uploaded.keys() - deleted - refused
    ]
    partial = [path for path in library.root.rglob("*.partial") if path.is_file()]
    sent = [path for path in library.state.glob("*/*.jsonl") if path.parent.name != "embedded"]
    return found + [f"left behind: {path.relative_to(library.root)}" for path in partial + sent]
