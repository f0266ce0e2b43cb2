"""Runs without Snakemake: the real package plays a schedule in this process, and may crash.

A `Player` does what the rules and the DAG would do, against one embedded server. At a crash point
(pagewave/crash_points.py) it does not end the process but raises; then everything is built anew
from the files, as the next command would find them.
"""

import contextlib
import itertools
import os
import ssl
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NoReturn
from unittest import mock

from pydantic import SecretStr

from helpers.embedded_process import EmbeddedProcess
from helpers.keyed_proxy import KeyedProxy
from helpers.library import Library
from pagewave import crash_points as crash
from pagewave.config.keys import Secrets
from pagewave.config.settings import load_settings
from pagewave.embedded.process import TOKEN_VARIABLE
from pagewave.errors import PagewaveError
from pagewave.gemini import connect
from pagewave.ledger import RunOutcome
from pagewave.pages.dataset import scan
from pagewave.plan.targets import Command
from pagewave.prompts.registry import load_prompt
from pagewave.waves.collect import collect
from pagewave.workflow import run
from pagewave.workflow import signals as stopping
from pagewave.workflow.run import Run


class Crash(BaseException):
    """The head is dead; no `except Exception` of its own may notice."""


@contextmanager
def in_one_process() -> Iterator[None]:
    """What makes runs quick and harmless in a process that goes on after them."""
    patches = [
        mock.patch.object(run, "log_to_terminal", lambda: None),
        mock.patch.object(stopping.SignalHandler, "install", lambda handler: None),
        # Every client loads the certificates of all the world twice; this one needs none.
        mock.patch.object(ssl, "create_default_context", cache(ssl.create_default_context)),
        mock.patch.dict(os.environ),
    ]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


@dataclass
class Player:
    """One library, read by one command after another.

    `server` is where it is, or a proxy before it; `key` is what it is called with by engine gemini.
    `at_once`: how many lanes travel at the same time. `forced` counts how often each key was asked
    for anew, by runs that got so far as to say so.
    """

    library: Library
    server: EmbeddedProcess | KeyedProxy
    at_once: int = 1
    key: str = ""
    forced: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def play(
        self,
        command: Command | None = None,
        crash_at: str | None = None,
        *,
        begins_late: bool = False,
    ) -> str:
        """One command: how it ended, as `nothing` (to be done), `ok`, `failed` or `crashed`.

        `begins_late`: the run is begun by the first of its jobs, and not before.
        """
        with contextlib.chdir(self.library.root):
            return self._play(command or Command(), crash_at, begins_late)

    def _play(self, command: Command, crash_at: str | None, begins_late: bool) -> str:
        head = self._head(command)
        died: list[str] = []

        def die() -> NoReturn:
            died.append(str(crash_at))
            head.session.stop.set()
            head.session.ledger.close()  # whatever other threads still do, it stays without effect
            raise Crash

        crash.arm(crash_at)
        try:
            with mock.patch.object(crash, "die", die):
                outcome = self._carry_out(head, begins_late)
                return "crashed" if died else outcome
        except Crash:
            return "crashed"
        except Exception:
            if died:  # another thread came to know of it first
                return "crashed"
            raise
        finally:
            crash.arm(None)
            self._let_go(head)

    @contextlib.contextmanager
    def begun(self, command: Command | None = None) -> Iterator[Run]:
        """A run that has begun, and carried out no job."""
        with contextlib.chdir(self.library.root):
            head = self._head(command or Command())
            head.begin()
            try:
                yield head
            finally:
                os.environ.pop(run.RUN_VARIABLE, None)
                self._let_go(head)

    def play_to_death(self, run_id: str) -> str:
        """One plain command, by this name, in a process that a crash point really ends."""
        head = head_of(self.library, Command())
        vars(head.plan)["id"] = run_id
        return self._carry_out(head, begins_late=False)

    def collect_all(self) -> None:
        """Wait for every batch in flight, take it in and clear up, as a later run would."""
        with contextlib.chdir(self.library.root):
            head = self._head(Command())
            try:
                head.begin()
                for batch in head.session.ledger.batches.open(head.session.engine):
                    collect(head.session, batch.id)
                head.end(RunOutcome.FAILED)  # clears up too
            finally:
                os.environ.pop(run.RUN_VARIABLE, None)
                self._let_go(head)

    def _let_go(self, head: Run) -> None:
        if head.ahead:
            head.ahead.finish()
        head.session.ledger.close()
        if head._lock_file:
            head._lock_file.close()

    def _head(self, command: Command) -> Run:
        if isinstance(self.server, EmbeddedProcess):
            os.environ[connect.ADDRESS_VARIABLE] = self.server.base_url
            os.environ[TOKEN_VARIABLE] = self.server.token
        else:
            os.environ[connect.GEMINI_ADDRESS_VARIABLE] = self.server.base_url
        secrets = Secrets(gemini_api_key=SecretStr(self.key)) if self.key else Secrets()
        head = head_of(self.library, command, secrets)
        vars(head.plan)["id"] = f"run{next(self._numbers)}"  # its own goes by seconds
        return head

    def _carry_out(self, head: Run, begins_late: bool) -> str:
        books = head.session.dataset.books
        files = [file for book in books for file in head.session.book_files(book)]
        if not head.plan.wanted.keys and all(file.exists() for file in files):
            return "nothing"
        try:
            # What has no pages to read begins before its books, as there is nobody to catch it.
            if not (begins_late and list(head.plan.schedule.lanes)):
                try:
                    head.begin()
                except PagewaveError:
                    return "failed"
            return self._do_jobs(head)
        finally:
            os.environ.pop(run.RUN_VARIABLE, None)
            if head._started:
                self.forced.update(head.plan.wanted.forced)

    def _do_jobs(self, head: Run) -> str:
        failed = bool(head.plan.wanted.blocked)
        with ThreadPoolExecutor(self.at_once) as pool:
            lanes = [pool.submit(self._ride, head, lane) for lane in head.plan.schedule.lanes]
        for done in lanes:
            failed |= done.result()
        for book in head.session.dataset.books:
            if all(Path(file).exists() for file in head.plan.pages_of_book(book.id)):
                try:
                    head.write_book(book.id)
                except PagewaveError:
                    if head._started:
                        raise
                    failed = True  # of a run that its own jobs can't begin
        try:
            head.end(RunOutcome.FAILED if failed else RunOutcome.OK)
        except PagewaveError:
            failed = True
        return "failed" if failed else "ok"

    def _ride(self, head: Run, lane: int) -> bool:
        """All waves of a lane, with the pages that each brings; has something failed?"""
        failed = False
        for wave in itertools.count(1):
            keys = head.plan.schedule.members(lane, wave)
            if not keys:
                return failed
            assert wave < 60, f"no end to lane {lane}: {keys}"
            try:
                head.read_wave(lane, wave, head.plan.wave_file(lane, wave))
            except PagewaveError:
                return True
            for key in keys:
                if head.plan.schedule.wave_of(key) == wave:  # else it rides again
                    try:
                        head.write_page(head.session.dataset.page(key))
                    except PagewaveError:
                        failed = True
        return failed


def head_of(library: Library, command: Command, secrets: Secrets | None = None) -> Run:
    """A run, or the look at one, as the Snakefile makes it (in the library's folder)."""
    settings = load_settings(library.config, library.root)
    choice = settings.prompt
    return Run(
        settings,
        secrets or Secrets(),
        scan(settings),
        load_prompt(choice.registry_dir, choice.name, choice.template_file),
        command=lambda: command,
        is_dry=lambda: False,
        make_again=lambda files: None,
    )


def undone(library: Library) -> tuple[set[str], set[str]]:
    """Keys of pages that are to be read and may be, and of those that are dead or behind one."""
    with contextlib.chdir(library.root):
        head = head_of(library, Command())
        pending = {key for chain in head.plan.wanted.chains for key in chain}
        unread = set(head.plan.wanted.blocked) | head.session.dead_letters()
        head.session.ledger.close()
    return pending, unread
