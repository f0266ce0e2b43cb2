"""Snakemake heads without their two seconds of imports: forked from a process that has done them.

`ForkedHead` takes the place of a `subprocess.Popen` of `python -m snakemake …`, or of `pagewave …`.
What is forked is a process of its own, in a session of its own, with the given folder, environment,
output and default signals; from there on the real command runs, as `python -m` would run it. The
package is loaded beforehand too, for heads of this project's own Snakefile; with another one a head
finds nothing of it, and imports what that Snakefile says.

The process that forks (this file, run as a program) has one thread and no state but its imports. It
leaves heads that ended to be asked for, so that no process id comes to mean somebody else. Linux
only: elsewhere, and for tests about the start itself, `Library` starts the command.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

IMPORTS = (
    *("snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter", "snakemake.storage"),
    *("google.genai", "google.auth.aio.credentials", "httpcore2", "requests", "smart_open"),
    *("rich.table", "rapidfuzz", "PIL.ImageOps", "PIL.TiffImagePlugin", "pypdfium2", "difflib"),
)
"""What most of a head's start goes into, beside the package."""
OWN = ("pagewave.workflow.snakefile", "pagewave.gemini.client", "pagewave.tracking.delivery")
PLUGINS = ("executor", "storage", "report", "scheduler", "logger")
REPO = Path(__file__).parents[2]
POSSIBLE = sys.platform == "linux"
MOST_BYTES = 1_000_000
"""Of a message: an environment and a command line."""
SET_BY_IMPORTS: dict[str, str] = {}
"""What libraries put into the environment as they are imported, in the process that forks."""


PROGRAMS = {"snakemake": "snakemake", "pagewave": "pagewave.commands"}
"""What can be started, each with the module that it runs."""


class ForkedHead:
    """A running `snakemake ARGUMENTS`, with what of `subprocess.Popen` tests use.

    `output` is where it prints; three files are its standard input, output and errors. `own`: its
    Snakefile, whatever it is called, loads this project's package.
    """

    cpu_seconds_of_all = 0.0
    """Of all that ended in this process's name: the kernel counts them as children of another."""

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        environment: Mapping[str, str],
        *output: int,
        program: str = "snakemake",
        own: bool = False,
    ) -> None:
        self.returncode: int | None = None
        self._lock = threading.Lock()
        order = {"arguments": list(arguments), "cwd": str(cwd), "environment": dict(environment)}
        order |= {"program": program, "own": own or str(REPO / "Snakefile") in arguments}
        self.pid: int = _forker().ask(order, *output)["pid"]
        self._handle = os.pidfd_open(self.pid)
        weakref.finalize(self, os.close, self._handle)

    def poll(self) -> int | None:
        """Its exit code, minus a signal's number where one ended it; None: it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended; raises TimeoutExpired after so many seconds."""
        if not select.select([self._handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("snakemake", timeout or 0.0)
        with self._lock:
            if self.returncode is None:
                ended = _forker().ask({"ended": self.pid})
                ForkedHead.cpu_seconds_of_all += ended["cpu_seconds"]
                self.returncode = ended["code"]
            return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal to it alone; nothing happens where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Forker:
    """The process that forks, one for each process of tests; it ends when that one does."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        self._lock = threading.Lock()
        with theirs:
            # What a library makes of its environment as it is imported must suit every test.
            kept = {
                name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
            }
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__)), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=kept | {"OPENBLAS_NUM_THREADS": "1"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self.close)

    def close(self) -> None:
        """Let the process end."""
        self._socket.close()
        self._process.wait()

    def ask(self, message: Mapping[str, Any], *files: int) -> Any:
        """The answer to a message that hands over these open files."""
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(message).encode()], files)
            answer = self._socket.recv(MOST_BYTES)
        assert answer, "the process that forks heads has ended"
        return json.loads(answer)


@functools.cache
def _forker() -> Forker:
    return Forker()


# In the process that forks


def serve(orders: socket.socket) -> Mapping[str, Any] | None:
    """Fork what is ordered; in a new head returns its order, else None at the end of all."""
    while True:
        data, files, _, _ = socket.recv_fds(orders, MOST_BYTES, 3)
        if not data:
            return None
        message = json.loads(data)
        if "ended" in message:
            _, status, usage = os.wait4(message["ended"], 0)
            code, seconds = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
            answer = {"code": code, "cpu_seconds": seconds}
        elif pid := os.fork():
            for file in files:
                os.close(file)
            answer = {"pid": pid}
        else:
            orders.close()
            become(message["cwd"], message["environment"], files)
            return dict(message)
        orders.send(json.dumps(answer).encode())


def become(cwd: str, environment: Mapping[str, str], files: Sequence[int]) -> None:
    """Be what `python -m snakemake` is when it begins."""
    os.setsid()
    os.chdir(cwd)
    for number, file in zip((1, 2) if len(files) == 1 else (0, 1, 2), files * 2, strict=False):
        os.dup2(file, number)
    for file in files:
        os.close(file)
    os.environ.clear()
    os.environ.update(SET_BY_IMPORTS | dict(environment))
    time.tzset()
    first = [cwd, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    # An installed package's folder stands in the path once, as `site` sees to it.
    sys.path[:] = [*first, *(folder for folder in sys.path[1:] if folder not in first)]


def load() -> None:
    """Import what heads need, and look for Snakemake's plugins among all packages."""
    before = dict(os.environ)
    sys.path.insert(0, str(REPO / "scripts"))
    for module in (*IMPORTS, *OWN):
        importlib.import_module(module)
    sys.path.remove(str(REPO / "scripts"))
    for kind in PLUGINS:
        registry = importlib.import_module(f"snakemake_interface_{kind}_plugins.registry")
        getattr(registry, f"{kind.title()}PluginRegistry")()
    SET_BY_IMPORTS.update(os.environ.items() - before.items())


def suit(own: bool) -> None:
    """Let the package be as if it were loaded now; for another Snakefile it isn't loaded."""
    if own:
        crash_points = sys.modules["pagewave.crash_points"]
        crash_points.arm(os.environ.get(crash_points.VARIABLE))
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "pagewave"]:
        del sys.modules[name]


def run(program: str, arguments: Sequence[str]) -> None:
    """Be this program from here on."""
    sys.argv[:] = [program, *arguments]
    runpy.run_module(PROGRAMS[program], run_name="__main__", alter_sys=True)


def instead(_: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    """What `pagewave run` calls to become `python -P -m snakemake`: that is imported already."""
    assert words[1:4] == ["-P", "-m", "snakemake"]
    os.environ.clear()
    os.environ.update(environment)
    run("snakemake", words[4:])
    raise SystemExit(0)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        load()
        assert len([*Path("/proc/self/task").iterdir()]) == 1  # threads would be lost in heads
        gc.freeze()  # heads share these pages of memory as long as nobody touches them
        order = serve(listening)
    if order is not None:
        suit(order["own"])
        os.execve = instead
        run(order["program"], order["arguments"])
