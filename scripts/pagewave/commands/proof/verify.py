"""Prove, without a network, where values come from: this page, prompt and answer.

Follows pages from scan over request, raw answer and page file (or correction) to the tables; or
checks a data package alone. Exit code 1: something says otherwise, or can't be shown."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pagewave.characters import clean
from pagewave.commands.command import (
    add_ledger_option,
    add_page_option,
    command_parser,
    find_place,
    print_json,
    require_ledger,
    run_command,
)
from pagewave.commands.proof.prover import Prover
from pagewave.commands.proof.tables import Link
from pagewave.commands.selection import add_selection, page_named, refuse_unknown, selection_of
from pagewave.errors import DataError, UnknownName
from pagewave.exports.citing.check import Checked, check
from pagewave.ledger import Ledger
from pagewave.pages.dataset import Page, scan
from pagewave.wording import count
from pagewave.workspace import Workspace, open_workspace

EXAMPLES = """examples:
  %(prog)s                                                   every page that was read
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3'    one page, each link of it
  %(prog)s --page 'Ohio:Merrivale Female Seminary:1859:3' --column courses.course_name
  %(prog)s --package results/exports/crate/books.zip         a data package alone, anywhere"""

UNPROVEN = 1
"""Exit code when something says otherwise, or can't be shown."""
SHOWN_PROBLEMS = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and prove what it names; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "this page; may be repeated"
    add_page_option(parser, "--key", dest="key", action="append", default=[], help=what)
    what = "show what tables have in this column, such as courses.course_name, and from where"
    parser.add_argument("--column", metavar="COLUMN", help=what)
    what = "fail unless this is one of the values of --column"
    parser.add_argument("--value", metavar="TEXT", help=what)
    what = "check this data package alone: a zip, or the folder that it was unpacked to"
    parser.add_argument("--package", type=Path, metavar="PATH", help=what)
    add_selection(parser)
    add_ledger_option(parser)
    options = parser.parse_args(arguments)
    if options.value is not None and not options.column:
        parser.error("--value needs --column")
    if options.column and (options.package or len(options.key) != 1):
        parser.error("--column needs one --page, and no --package")
    work = _check_package if options.package else _prove
    return run_command(lambda: work(options))


def _check_package(options: argparse.Namespace) -> int:
    found = check(options.package, options.key)
    for key in options.key:
        if key not in found.records:
            raise UnknownName(f"{options.package}: there is no page {key} in it.")
    if options.json:
        problems = [{"file": p.file, "page": p.page, "what": p.what} for p in found.problems]
        numbers = {"files": found.files, "pages": found.pages, "cells": found.cells}
        print_json(numbers | {"records": found.records, "problems": problems})
    else:
        _print_package(found)
    return UNPROVEN if found.problems else 0


def _print_package(found: Checked) -> None:
    for key, record in found.records.items():
        known = record["provenance"] or {}
        print(clean(f"{key}: {record['missing'] or 'read'}"))
        for name in sorted(known):
            print(clean(f"  {name}: {known[name]}"))
        if correction := record["correction"]:
            fields = ", ".join(correction.get("fields_changed", ()))
            print(clean(f"  corrected by a person at {correction.get('corrected_at')}: {fields}"))
    for problem in found.problems[:SHOWN_PROBLEMS]:
        print(clean(f"{problem}"))
    if len(found.problems) > SHOWN_PROBLEMS:
        print(f"and {len(found.problems) - SHOWN_PROBLEMS} more: --json has all")
    looked = f"{count(found.files, 'file')}, {count(found.pages, 'page')}, {found.cells:,} cells"
    if found.problems:
        print(f"{looked}: {count(len(found.problems), 'thing')} not as written.")
    else:
        print(f"{looked}: all as written, and tables and numbers are those of the pages.")


def _prove(options: argparse.Namespace) -> int:
    place = find_place(options)
    ledger = Ledger.peek(require_ledger(place.ledger))
    try:
        workspace = open_workspace(place.settings, scan(place.settings), ledger)
        pages = _chosen(workspace, options)
        prover = Prover(workspace)
        proved = {page.key: prover.links(page) for page in pages}
        values: list[tuple[str, str]] = []
        if options.column:
            values = prover.values(pages[0], options.column)
    finally:
        ledger.close()
    is_value = options.value is None or options.value in [value for value, _ in values]
    if options.json:
        print_json(_report(proved, values))
    else:
        _print(proved, values, is_short=not options.key)
        if not is_value:
            print(f"{options.column} has no value {options.value!r} on this page.")
    is_proven = all(link.state == "shown" for links in proved.values() for link in links)
    return 0 if is_proven and is_value else UNPROVEN


def _chosen(workspace: Workspace, options: argparse.Namespace) -> list[Page]:
    """The pages that are named, or all that have a file."""
    if options.key:
        return [page_named(workspace.dataset, key) for key in options.key]
    selection = selection_of(options, workspace.dataset.levels)
    refuse_unknown(selection, workspace.ledger, workspace.settings.paths)
    chosen = [page for page in workspace.dataset.pages if page.key in selection]
    found = [page for page in chosen if workspace.page_file(page).exists()]
    if not found:
        raise DataError("None of these pages has a file yet: there is nothing to prove.")
    return found


def _report(proved: dict[str, list[Link]], values: list[tuple[str, str]]) -> dict[str, Any]:
    pages = {
        key: [{"link": link.name, "state": link.state, "what": link.what} for link in links]
        for key, links in proved.items()
    }
    return {"pages": pages, "values": [{"value": v, "field": f or None} for v, f in values]}


def _print(proved: dict[str, list[Link]], values: list[tuple[str, str]], is_short: bool) -> None:
    broken = unshown = 0
    for key, links in proved.items():
        told = [link for link in links if link.state != "shown"] if is_short else links
        if told:
            print(clean(key))
        for link in told:
            mark = "" if link.state == "shown" else f"{link.state.upper()}: "
            print(clean(f"  {link.name}: {mark}{link.what}"))
        states = {link.state for link in links}
        broken += "broken" in states
        unshown += "broken" not in states and "not shown" in states
    for value, field in values:
        print(clean(f"  value: {value!r}, from {field or 'pagewave itself'}"))
    proven = len(proved) - broken - unshown
    print(
        f"{count(len(proved), 'page')}: {proven} proven, {broken} of which something says "
        f"otherwise, {unshown} of which something can't be shown."
    )
