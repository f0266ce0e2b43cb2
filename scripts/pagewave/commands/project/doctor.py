"""Look whether all is well: configuration, scans, key, model, disk, clock, versions.

Only looks, and asks the service no more than which models there are, which is free. With --batch a
page that is still to be read is sent as a batch of its own, as `run` would, at its price."""

import argparse
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from pagewave.command_line import install, pagewave
from pagewave.commands.command import command_parser, find_place, print_json, run_command
from pagewave.commands.project import run
from pagewave.config.keys import load_secrets
from pagewave.config.settings import Settings, require_key
from pagewave.console import printable
from pagewave.errors import PagewaveError
from pagewave.gemini.connect import open_session
from pagewave.ledger import Ledger
from pagewave.ledger.soundness import network_type
from pagewave.pages.dataset import Dataset, scan
from pagewave.plan.targets import Command, wanted_pages
from pagewave.wording import age, count
from pagewave.workspace import chosen_prompt, open_workspace

EXAMPLES = """examples:
  %(prog)s
  %(prog)s --batch         then reads one page, to see that batches go through"""

NOT_WELL = 1
"""Exit code where something has to be mended."""
LITTLE_BYTES = 1_000_000_000
"""Free space below which a run of some thousand pages may fill the disk."""
CLOCK_SECONDS = 60.0
"""What a clock may be off without anything to be mended: dates come in whole seconds, and late."""

SIGNS = {"ok": "ok  ", "look": "look", "bad": "BAD "}


@dataclass(frozen=True)
class Finding:
    """What a look at one thing found: ok, something to look at, or bad."""

    what: str
    state: Literal["ok", "look", "bad"]
    told: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, look, print; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "read one page by a batch of its own, if all is well; it is kept as any other"
    parser.add_argument("--batch", action="store_true", help=what)
    options = parser.parse_args(arguments)
    if options.batch and options.json:
        parser.error("choose one of --batch and --json")
    return run_command(lambda: _examine(options))


def _examine(options: argparse.Namespace) -> int:
    findings = []
    for finding in _findings(options):
        findings.append(finding)
        if not options.json:
            first, *more = printable(finding.told).splitlines() or [""]
            print(f"{SIGNS[finding.state]}  {finding.what:13} {first}")
            for line in more:
                print(f"{'':20}{line}")
    bad = sum(finding.state == "bad" for finding in findings)
    if options.json:
        print_json([vars(finding) for finding in findings])
    elif bad:
        print(f"\n{count(bad, 'thing')} to be mended.")
    if bad or not options.batch:
        return NOT_WELL if bad else 0
    return _read_one(options)


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    yield Finding("versions", "ok", _versions())
    try:
        settings = find_place(options, needs_config=True).settings
    except PagewaveError as error:
        yield Finding("configuration", "bad", str(error))
        return
    warnings = "\n".join(settings.warnings)
    yield Finding("configuration", "look" if warnings else "ok", warnings or settings.engine)
    yield _looked("prompt", lambda: _prompt(settings))
    yield _looked("scans", lambda: _scans(settings))
    yield _looked("ledger", lambda: _ledger(settings))
    yield from _disks(settings)
    if settings.engine == "gemini":
        yield from _service(settings)
    else:
        yield _reader()


def _looked(what: str, look: Callable[[], str]) -> Finding:
    """What a look says; bad where it raises."""
    try:
        return Finding(what, "ok", look())
    except (PagewaveError, sqlite3.Error) as error:
        return Finding(what, "bad", str(error))


def _versions() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    named = ", ".join(f"{name} {version(name)}" for name in ("snakemake", "google-genai"))
    return f"pagewave {version('pagewave')}, Python {python}, {named}"


def _prompt(settings: Settings) -> str:
    prompt = chosen_prompt(settings)
    return f"{prompt.name}/{prompt.template_file}"


def _scans(settings: Settings) -> str:
    dataset = scan(settings)
    pages = sum(len(book.pages) for book in dataset.books)
    told = f"{count(pages, 'page')} of {count(len(dataset.books), 'book')}"
    return told + (f"; {len(dataset.ignored)} others left alone" if dataset.ignored else "")


def _ledger(settings: Settings) -> str:
    path = settings.paths.ledger
    if not path.exists():
        return "none yet: the first run makes it"
    ledger = Ledger.peek(path)
    try:
        ledger.check()
    finally:
        ledger.close()
    return f"sound, {path.stat().st_size / 1e6:.1f} MB"


def _disks(settings: Settings) -> Iterator[Finding]:
    paths = settings.paths
    network = network_type(paths.state_dir)
    if network and not settings.execution.allow_network_state:
        told = f"paths.state_dir is on a network file system ({network}): choose a local disk"
        yield Finding("state", "bad", told)
    for what, folder in (("disk: state", paths.state_dir), ("disk: results", paths.output_dir)):
        there = next(f for f in (folder.absolute(), *folder.absolute().parents) if f.exists())
        free = shutil.disk_usage(there).free
        state: Literal["ok", "look", "bad"] = "ok" if free >= LITTLE_BYTES else "look"
        if not os.access(there, os.W_OK):
            yield Finding(what, "bad", f"{there} can't be written to: check its permissions")
        else:
            yield Finding(what, state, f"{free / 1e9:.1f} GB free")


def _service(settings: Settings) -> Iterator[Finding]:
    session = open_session(settings, Dataset(()), Ledger.absent())
    try:
        session.api_key = require_key(settings, load_secrets(Path.cwd()))
        session.check_access(settings.model.name)
    except PagewaveError as error:
        yield Finding("key and model", "bad", str(error))
        return
    yield Finding("key and model", "ok", f"the service knows both: {settings.model.name}")
    off = time.time() - session.client.now()
    told = f"{age(abs(off))} {'ahead of' if off > 0 else 'behind'} the service's"
    is_off = abs(off) > CLOCK_SECONDS
    yield Finding("clock", "look" if is_off else "ok", told)


def _reader() -> Finding:
    if find_spec("tesserocr") is None:
        told = f"the reader on this machine is not installed: {install('embedded')}"
        return Finding("reader", "bad", told)
    return Finding("reader", "ok", "on this machine; no key is needed")


def _read_one(options: argparse.Namespace) -> int:
    settings = find_place(options, needs_config=True).settings
    ledger = Ledger.peek(settings.paths.ledger)
    workspace = open_workspace(settings, scan(settings), ledger)
    chains = wanted_pages(workspace, Command(), workspace.dead_letters()).chains
    ledger.close()
    if not chains:
        print("All is read: there is no page for a batch.")
        return 0
    page = workspace.page_file(workspace.dataset.page(min(chains, key=len)[0]))
    sys.stdout.flush()
    given = [str(page), "--config", "execution={transport: batch}"]
    print(f"\n{pagewave('run', *given)}", flush=True)
    return run.main(given)
