"""Snakemake heads without their two seconds of imports: forked from a process that has done them.

`ForkedHead` takes the place of a `subprocess.Popen` of `python -m snakemake …`, or of `pagewave …`.
What is forked is a process of its own, in a session of its own, with the given folder, environment,
output and default signals; from there on the real command runs, as `python -m` would run it. The
package is loaded beforehand too, for heads of this project's own Snakefile; with another one a head
finds nothing of it, and imports what that Snakefile says. Jobs that are processes and the embedded
server of a head are forked as well, and so is what a test starts with `python()` in place of
`sys.executable`: their parent is forked_python.py.

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
import marshal
import os
import runpy
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
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
    *("PIL.PpmImagePlugin", "simplejpeg", "argparse_dataclass", "graphlib", "packaging.version"),
    *("platformdirs", "pydantic._internal._dataclasses", "encodings.utf_8_sig", "encodings.idna"),
    *("uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.h11_impl"),
)
"""What most of a head's start goes into, beside the package."""
OWN = (
    *("pagewave.workflow.snakefile", "pagewave.gemini.client", "pagewave.tracking.delivery"),
    *("pagewave.exports.summary.summary", "pagewave.remote.buckets", "pagewave.console"),
    *("pagewave.embedded.server.server", "pagewave.embedded.server.jobs", "pagewave.loopback"),
    *("pagewave.embedded.server.echo", "pagewave.commands.command", "pagewave.commands.selection"),
    *("pagewave.commands.past_runs", "pagewave.commands.trials.asking", "pagewave.plan.table"),
)
PLUGINS = ("executor", "storage", "report", "scheduler", "logger")
REPO = Path(__file__).parents[2]
POSSIBLE = sys.platform == "linux"
MOST_BYTES = 1_000_000
"""Of a message: an environment and a command line."""
SET_BY_IMPORTS: dict[str, str] = {}
"""What libraries put into the environment as they are imported, in the process that forks."""
PROGRAMS = {"snakemake": "snakemake", "pagewave": "pagewave.commands"}
"""What can be started, each with the module that it runs."""
MODULES = ("snakemake", "pagewave.embedded", "pagewave.commands")
"""What can be called with `python -m`, beside the package's scripts."""
PASSING_ON = str(Path(__file__).with_name("forked_python.py"))


class ForkedHead:
    """A running `snakemake ARGUMENTS`, with what of `subprocess.Popen` tests use.

    `output` is where it prints; three files are its standard input, output and errors. `own`: its
    Snakefile, whatever it is called, loads this project's package.
    """

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
                self.returncode = _forker().ask({"ended": self.pid})
            return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal to it alone; nothing happens where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def python() -> list[str]:
    """What a command begins with in place of `sys.executable`: such of MODULES and scripts only."""
    return _python(_forker().address) if POSSIBLE else [sys.executable]


def cpu_seconds() -> float:
    """Of all that was forked and has ended: the kernel counts them as children of another."""
    return float(_forker().ask({"cpu_seconds": None})) if _forker.cache_info().currsize else 0.0


class Forker:
    """The process that forks, one for each process of tests; it ends when that one does.

    At `address` others than that process can order something, too.
    """

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="forker-")
        self.address = f"{self._folder}/socket"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket = ours
        self._lock = threading.Lock()
        with theirs:
            # What a library makes of its environment as it is imported must suit every test.
            kept = {
                name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
            }
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__)), str(theirs.fileno()), self.address],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=kept | {"OPENBLAS_NUM_THREADS": "1"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        ours.recv(MOST_BYTES)  # it listens
        atexit.register(self.close)

    def close(self) -> None:
        """Let the process end."""
        self._socket.close()
        self._process.wait()
        shutil.rmtree(self._folder)

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


class Serving:
    """Forks what comes from the process of tests, and what comes by forked_python.py."""

    def __init__(self, orders: socket.socket, listening: socket.socket) -> None:
        self._orders, self._listening = orders, listening
        # Of those who called by forked_python.py: the handle of each process that still runs.
        self._called: dict[int, tuple[int, socket.socket]] = {}
        self._cpu_seconds = 0.0

    def serve(self) -> Mapping[str, Any] | None:
        """Fork what is ordered; in a new process returns its order, else None at the end of all."""
        while True:
            callers = {caller: pid for pid, caller in self._called.values()}
            watched = [self._orders, self._listening, *self._called, *callers]
            for ready in select.select(watched, [], [])[0]:
                if ready is self._orders:
                    data, files, _, _ = socket.recv_fds(self._orders, MOST_BYTES, 3)
                    if not data:
                        return None
                    message = json.loads(data)
                    if "ended" in message:
                        self._answer(self._wait(message["ended"]))
                    elif "cpu_seconds" in message:
                        self._answer(self._cpu_seconds)
                    elif pid := self._fork(message, files):
                        self._answer({"pid": pid})
                    else:
                        return dict(message)
                elif ready is self._listening:
                    caller, _ = self._listening.accept()
                    data, files, _, _ = socket.recv_fds(caller, MOST_BYTES, 3)
                    if not data:  # killed before it said what it wants
                        caller.close()
                        continue
                    message = marshal.loads(data)
                    if not (pid := self._fork(message, files)):
                        caller.close()
                        return dict(message)
                    self._called[os.pidfd_open(pid)] = pid, caller
                elif isinstance(ready, int):
                    pid, caller = self._called.pop(ready)
                    os.close(ready)
                    with caller, contextlib.suppress(OSError):  # killed in the meantime
                        caller.send(marshal.dumps(self._wait(pid)))
                elif ready.fileno() >= 0:
                    told = ready.recv(1)  # nothing: it was killed
                    os.kill(callers[ready], told[0] if told else signal.SIGKILL)

    def _fork(self, message: Mapping[str, Any], files: Sequence[int]) -> int:
        if pid := os.fork():
            for file in files:
                os.close(file)
            return pid
        self._orders.close()
        self._listening.close()
        for handle, (_, caller) in self._called.items():
            os.close(handle)
            caller.close()
        become(message["cwd"], message["environment"], files)
        for number in message.get("ignored", ()):
            signal.signal(number, signal.SIG_IGN)
        return 0

    def _answer(self, answer: Any) -> None:
        self._orders.send(json.dumps(answer).encode())

    def _wait(self, pid: int) -> int:
        _, status, usage = os.wait4(pid, 0)
        self._cpu_seconds += usage.ru_utime + usage.ru_stime
        return os.waitstatus_to_exitcode(status)


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
    importlib.import_module("new_ledgers").install()
    prepare()
    sys.path.remove(str(REPO / "scripts"))
    for kind in PLUGINS:
        registry = importlib.import_module(f"snakemake_interface_{kind}_plugins.registry")
        getattr(registry, f"{kind.title()}PluginRegistry")()
    SET_BY_IMPORTS.update(os.environ.items() - before.items())


def prepare() -> None:
    """Make what each head makes of templates and the prompt's page.py: some 40 ms."""
    from pagewave.exports.summary import template
    from pagewave.prompts.registry import load_prompt
    from pagewave.prompts.schema import response_schema

    for name in ("page.html.jinja", "waves.svg.jinja"):
        template(name)
    response_schema(load_prompt(REPO / "prompts", "page_ocr", "v1.jinja").page_model)


def suit(order: Mapping[str, Any]) -> None:
    """Let the package be as if it were loaded now; for another Snakefile it isn't loaded."""
    arguments, path = order["arguments"], os.environ.get("PYTHONPATH", "")
    own = order.get("own") or str(REPO / "Snakefile") in arguments
    # What is called by the package's name, or as its script, runs it in any case: is it this one?
    if "program" not in order and "snakemake" not in arguments[1:3]:
        scripts = str(REPO / "scripts")
        own = scripts in (path.split(os.pathsep)[0], str(Path(arguments[0]).parent))
    if own:
        crash_points = sys.modules["pagewave.crash_points"]
        crash_points.arm(os.environ.get(crash_points.VARIABLE))
        return
    for name in [name for name in sys.modules if name.startswith("pagewave")]:  # a page.py's too
        del sys.modules[name]


def run(program: str, arguments: Sequence[str]) -> None:
    """Be this program from here on."""
    sys.argv[:] = [program, *arguments]
    runpy.run_module(PROGRAMS[program], run_name="__main__", alter_sys=True)


def called(words: Sequence[str]) -> None:
    """Be what `python` is when it is called with these words, from here on."""
    if words[0] == "-P":
        del sys.path[0]
        words = words[1:]
    if words[0] == "-m":
        assert words[1] in MODULES, words
        sys.argv[:] = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = words
        sys.path[0] = str(Path(words[0]).parent)
        runpy.run_path(words[0], run_name="__main__")


def fork_children(address: str) -> None:
    """Let jobs that are processes, and the embedded server, be forked too."""
    start = subprocess.Popen.__init__
    forked = _python(address)

    def start_forked(
        popen: subprocess.Popen[bytes], arguments: str | Sequence[str], *rest: Any, **options: Any
    ) -> None:
        if isinstance(arguments, str):  # a job's, for the shell
            typed = f"{sys.executable} -m snakemake "
            arguments = arguments.replace(typed, f"{shlex.join(forked)} -m snakemake ")
        elif [*arguments[:2]] == [sys.executable, "-m"] and arguments[2] in MODULES:
            arguments = [*forked, *arguments[1:]]
        start(popen, arguments, *rest, **options)

    subprocess.Popen.__init__ = start_forked


def _python(address: str) -> list[str]:
    return [sys.executable, "-IS", PASSING_ON, address]


def instead(_: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    """What `pagewave run` calls to become `python -P -m snakemake`: that is imported already."""
    os.environ.clear()
    os.environ.update(environment)
    called(words[1:])
    raise SystemExit(0)


def end(code: int) -> None:
    """End as Python does, but leave the memory to the kernel: to take its imports apart would copy
    all of what is shared with the process that forks, which costs more than most heads do."""
    with contextlib.suppress(KeyboardInterrupt):  # as it is then
        threading._shutdown()
    atexit._run_exitfuncs()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except (OSError, ValueError):
        raise SystemExit(code) from None  # Python says it
    os._exit(code & 0xFF)


if __name__ == "__main__":
    with (
        socket.socket(fileno=int(sys.argv[1])) as given,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening,
    ):
        load()
        assert len([*Path("/proc/self/task").iterdir()]) == 1  # threads would be lost in heads
        listening.bind(sys.argv[2])
        listening.listen(100)
        given.send(b"listening")
        gc.freeze()  # heads share these pages of memory as long as nobody touches them
        order = Serving(given, listening).serve()
    if order is not None:
        suit(order)
        fork_children(sys.argv[2])
        os.execve = instead
        try:
            if "program" in order:
                run(order["program"], order["arguments"])
            else:
                called(order["arguments"])
        except SystemExit as ended:
            if not isinstance(ended.code, int | None):
                raise
            end(ended.code or 0)
        end(0)
