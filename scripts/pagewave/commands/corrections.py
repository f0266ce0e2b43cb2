"""What people corrected in page files: list it, show it beside what was read, discard it.

A correction is made by changing a page file; the next run keeps it, and it overrides what was read
until it is discarded here. Discarding shows what is lost, and asks; it puts back what was read."""

import argparse
import difflib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pagewave.commands.command import (
    Place,
    add_page_option,
    command_parser,
    find_place,
    print_json,
    run_command,
)
from pagewave.commands.selection import Selection, add_selection, selection_of
from pagewave.console import printable, printer, table
from pagewave.errors import DataError
from pagewave.ledger import Ledger
from pagewave.ledger.lock import take_lock
from pagewave.pages.correction import Correction, Kind
from pagewave.pages.dataset import Page, scan
from pagewave.pages.places import nfc
from pagewave.wording import count
from pagewave.workspace import Workspace, open_workspace

EXAMPLES = """examples:
  %(prog)s                                                     all corrections
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3'      beside what was read
  %(prog)s --discard 'Ohio:Merrivale Female Seminary:1859:3'   shows it and asks first
  %(prog)s --discard-all --states Ohio --yes                   does not ask"""

COMMAND = "pagewave corrections"
NOT_CONFIRMED = 1
"""Exit code when the question was not answered with yes."""
SHOWN_FIELDS = 3


@dataclass(frozen=True)
class Changed:
    """A page that a person changed. `correction` is None where its file can't be read; then
    `problem` says why. `is_kept`: a run has taken it in."""

    page: Page
    correction: Correction | None
    is_kept: bool
    problem: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and list, show or discard; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    how = parser.add_mutually_exclusive_group()
    add_page_option(how, "--show", dest="show", help="what was read beside what it is now")
    what = "put back what was read; may be repeated"
    how.add_argument("--discard", metavar="KEY", action="append", default=[], help=what)
    what = "put back what was read in all that are listed"
    how.add_argument("--discard-all", action="store_true", help=what)
    parser.add_argument("--yes", action="store_true", help="discard without asking")
    add_selection(parser)
    options = parser.parse_args(arguments)
    if options.json and (options.discard or options.discard_all) and not options.yes:
        parser.error("--json can't ask: add --yes")
    return run_command(lambda: _carry_out(options))


def _carry_out(options: argparse.Namespace) -> int:
    place = find_place(options)
    if options.show:
        with _opened(place) as workspace:
            return _show(workspace, options.show, options.json)
    if options.discard or options.discard_all:
        with take_lock(place.state_dir, COMMAND), _opened(place, writes=True) as workspace:
            return _discard(workspace, options)
    with _opened(place) as workspace:
        return _list(workspace, selection_of(options, workspace.dataset.levels), options.json)


@contextmanager
def _opened(place: Place, writes: bool = False) -> Iterator[Workspace]:
    """The workspace; without a ledger, page files and corrections are there all the same."""
    is_written = writes and place.ledger.exists()
    ledger = Ledger.open(place.ledger) if is_written else Ledger.peek(place.ledger)
    try:
        yield open_workspace(place.settings, scan(place.settings), ledger)
    finally:
        ledger.close()


def _changed(workspace: Workspace, selection: Selection) -> list[Changed]:
    """All that people changed, in the order of the data set."""
    corrections = workspace.corrections
    pages = [page for page in workspace.dataset.pages if page.key in selection]
    findings = {finding.page: finding for finding in corrections.look(pages)}
    kept = set(corrections.kept(pages))
    found = []
    for page in pages:
        finding = findings.get(page)
        kind = finding.kind if finding else None
        if finding and kind == Kind.UNREADABLE:
            found.append(Changed(page, None, page in kept, finding.problem))
        elif finding and kind == Kind.EDITED:
            found.append(Changed(page, corrections.correction_for(finding), False))
        elif page in kept and kind != Kind.RESTORED and (correction := corrections.of(page)):
            found.append(Changed(page, correction, True))
    return found


def _list(workspace: Workspace, selection: Selection, as_json: bool) -> int:
    found = _changed(workspace, selection)
    if as_json:
        print_json([_record(workspace, each) for each in found])
        return 0
    console = printer()
    rows = []
    for each in found:
        fields = each.correction.fields_changed if each.correction else [each.problem]
        more = f" and {len(fields) - SHOWN_FIELDS} more" if len(fields) > SHOWN_FIELDS else ""
        corrects = each.correction.corrects if each.correction else None
        rows.append(
            (
                each.page.key,
                each.correction.corrected_at if each.correction else None,
                "yes" if each.is_kept else "by the next run",
                f"attempt {corrects.attempt}" if corrects else "nothing that was read",
                ", ".join(fields[:SHOWN_FIELDS]) + more,
            )
        )
    if rows:
        console.print(table(("page", "changed at", "kept", "corrects", "fields"), rows))
    console.print(f"{count(len(found), 'page')} corrected by hand.")
    return 0


def _one(workspace: Workspace, key: str) -> Changed:
    """What a person made of a page; raises DataError where nobody changed it."""
    page = workspace.dataset.page(_spelled(workspace, key))
    found = _changed(workspace, Selection(keys=frozenset([nfc(page.key)])))
    if not found:
        raise DataError(f"{page.key}: nobody corrected this page.")
    return found[0]


def _spelled(workspace: Workspace, key: str) -> str:
    """A key as the data set has it, however its accents were typed."""
    return next((p.key for p in workspace.dataset.pages if nfc(p.key) == nfc(key)), key)


def _show(workspace: Workspace, key: str, as_json: bool) -> int:
    changed = _one(workspace, key)
    if as_json:
        print_json(_record(workspace, changed) | {"diff": _difference(workspace, changed)})
    else:
        _print(workspace, changed)
    return 0


def _print(workspace: Workspace, changed: Changed) -> None:
    # Not by the console, which would break long lines.
    for line in _difference(workspace, changed):
        print(printable(line))


def _difference(workspace: Workspace, changed: Changed) -> list[str]:
    """What was read and what it is now, as lines of a diff."""
    key, path = changed.page.key, workspace.page_file(changed.page)
    read = _answer(workspace, changed)
    before = _lines(json.loads(read)) if read else []
    if changed.correction:
        after = _lines(changed.correction.page)
    else:
        after = path.read_bytes().decode("utf-8", "replace").splitlines()
    what = "what was read" if read else "nothing was read"
    return list(
        difflib.unified_diff(before, after, f"{key} ({what})", f"{key} (by hand)", lineterm="")
    )


def _lines(value: Any) -> list[str]:
    return json.dumps(value, indent=1, ensure_ascii=False).splitlines()


def _answer(workspace: Workspace, changed: Changed) -> str | None:
    """What a page's file holds without its correction; None where nothing is known."""
    attempt_id = workspace.ledger.files.answer(changed.page.key)
    if attempt_id is not None:
        return workspace.page_text(attempt_id)
    read = changed.correction.read if changed.correction else None
    if read is None:
        return None
    return json.dumps(read, ensure_ascii=False, separators=(",", ":")) + "\n"


def _discard(workspace: Workspace, options: argparse.Namespace) -> int:
    if options.discard:
        chosen = [_one(workspace, key) for key in options.discard]
    else:
        chosen = _changed(workspace, selection_of(options, workspace.dataset.levels))
    if not options.json:
        for changed in chosen:
            _print(workspace, changed)
        if not chosen:
            print("Nothing is corrected by hand.")
            return 0
        if not options.yes and not _asked(len(chosen)):
            print("Nothing was changed.")
            return NOT_CONFIRMED
    records = []
    for changed in chosen:
        answer = _answer(workspace, changed)
        workspace.corrections.discard(changed.page, answer)
        records.append(_record(workspace, changed) | {"put_back": answer is not None})
        if not options.json:
            then = "holds what was read" if answer else "is deleted; the next run reads the page"
            print(f"Discarded: {changed.page.key}. {workspace.page_file(changed.page)} {then}.")
    if options.json:
        print_json(records)
    return 0


def _asked(number: int) -> bool:
    """Does the person at the terminal say yes?"""
    try:
        asked = f"Discard {count(number, 'correction')}, shown above? Type yes: "
        return input(asked).strip().lower() == "yes"
    except EOFError:
        print()
        return False


def _record(workspace: Workspace, changed: Changed) -> dict[str, Any]:
    correction = changed.correction
    record: dict[str, Any] = {
        "key": changed.page.key,
        "file": str(workspace.corrections.file(changed.page)),
        "kept": changed.is_kept,
        "problem": changed.problem or None,
    }
    told = {"corrected_at", "corrected_by", "corrects", "fields_changed", "page", "read"}
    return record | (correction.model_dump(include=told) if correction else {})
