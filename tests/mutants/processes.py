"""Many short processes, a few at a time, each forked from this one: what they import is here.

Google's client, Braintrust's and pytest take three seconds to import, most mutants die in one. The
package itself is imported by the forked process alone, as it is there that it has a slip in it.
"""

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

HEAVY = (
    *("pytest", "_pytest.assertion.rewrite", "xdist.plugin", "hypothesis", "hypothesis.strategies"),
    *("google.genai", "google.genai.types", "google.genai.errors", "braintrust", "httpx2"),
    *("pydantic", "PIL.Image", "yaml", "jinja2", "rich.console", "rich.table", "tenacity"),
    *("starlette.applications", "starlette.routing", "uvicorn", "rapidfuzz.distance", "requests"),
    *("numpy", "pypdfium2", "websockets", "dotenv", "coverage", "sqlite3"),
)
LOOK_SECONDS = 0.02
TIMED_OUT = -1
"""Instead of an exit code."""


@dataclass(frozen=True)
class Task:
    """What a forked process does: `work` gets the folder that is its own meanwhile, and returns the
    exit code. It is killed after `seconds` of the clock, those that it queued for a processor not
    counted; all it prints goes to `output`."""

    name: str
    work: Callable[[Path], int]
    seconds: float
    output: Path


def load_heavy() -> None:
    """Import what every process would.

    Raises:
        RuntimeError: one of these started a thread, or imported the package: then a fork is unsafe,
            or would run without the slip.
    """
    for name in HEAVY:
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise RuntimeError(f"a fork would lose threads: {threading.enumerate()}")
    if any(name.partition(".")[0] == "pagewave" for name in sys.modules):
        raise RuntimeError("the package is imported already")


def work_off(tasks: Iterable[Task], folders: list[Path]) -> Iterator[tuple[Task, int, float]]:
    """Do the tasks, as many at a time as there are folders: each task, exit code and seconds of the
    processor, with all that it started and waited for, in the order in which they end. When it is
    left early, what still runs is killed."""
    waiting, free = iter(tasks), list(folders)
    running: dict[int, tuple[Task, Path, float]] = {}
    try:
        while True:
            while free and (task := next(waiting, None)):
                folder = free.pop()
                running[_fork(task, folder)] = (task, folder, time.monotonic())
            if not running:
                return
            for pid, code, seconds in _ended(running):
                task, folder, _ = running.pop(pid)
                free.append(folder)
                yield task, code, seconds
    finally:
        for pid in running:
            _kill(pid)


def _ended(running: dict[int, tuple[Task, Path, float]]) -> list[tuple[int, int, float]]:
    """Processes that have ended, or were killed as their time was over: with exit code, seconds."""
    while True:
        ended = []
        for pid, (task, _, started_at) in running.items():
            found, status, usage = os.wait4(pid, os.WNOHANG)
            if found:
                code = abs(os.waitstatus_to_exitcode(status))
                ended.append((pid, code, usage.ru_utime + usage.ru_stime))
            elif (late := _late(task, started_at)) > 0 and late > queued_seconds(pid):
                ended.append((pid, TIMED_OUT, _kill(pid)))
        if ended:
            return ended
        time.sleep(LOOK_SECONDS)


def _late(task: Task, started_at: float) -> float:
    return time.monotonic() - started_at - task.seconds


def queued_seconds(pid: int) -> float:
    """How long a process and what it started (all threads that live) could have worked and got no
    processor, as far as the kernel tells: on a busy machine most of the time that it takes."""
    nanoseconds = 0
    with suppress(psutil.NoSuchProcess):
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            for told in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
                with suppress(OSError):
                    nanoseconds += int(told.read_text().split()[1])
    return nanoseconds / 1e9


def _fork(task: Task, folder: Path) -> int:
    task.output.parent.mkdir(parents=True, exist_ok=True)
    if pid := os.fork():
        return pid
    try:
        os.setpgid(0, 0)  # not a session: its autogroup would have this one's low priority no more
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == 2 else signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = os.open(task.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(folder)
        code = task.work(folder)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        code = 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Not `exit`: what this process has from its parent is not for it to clear up.
        os._exit(code)


def _kill(pid: int) -> float:
    """A process, and all that it started; the seconds of the processor that it took."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    usage = os.wait4(pid, 0)[2]
    return usage.ru_utime + usage.ru_stime
