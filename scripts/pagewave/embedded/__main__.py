"""Starts the server: `python -m pagewave.embedded --port N`."""

import argparse
import fcntl
import importlib.util
import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from pagewave.embedded.server import answers, echo, faults
from pagewave.embedded.server.events import EventLog
from pagewave.embedded.server.jobs import Jobs, Pace
from pagewave.embedded.server.page_names import PageNames
from pagewave.embedded.server.server import build_app
from pagewave.embedded.server.store import Store
from pagewave.loopback import bind

ABOUT = """\
A local stand-in for Gemini's File and Batch services. The unmodified google-genai client talks to
it: give the client http://127.0.0.1:PORT as base_url and the token as its key. Serves this machine
only. Prints one line of JSON when it listens: {"event": "ready", "port": ..., ...}; where the
variable of the token is not set, it makes a token and says it in that line.

Jobs, files and results are kept in the state folder: a batch outlives the server, even kill -9, and
the next server goes on with it without reading again what was read. log.jsonl in that folder has a
line for every upload, create, call, start, inference, finish, get, list, download, cancel, delete,
fault and refusal. With the token, GET /control/stats tells what was read, POST /control/faults
replaces the faults by a JSON list of them, and DELETE /control/delays ends all delays that have
begun, such as a batch that is held.

Ends when its standard input ends, so that it never outlives the program that started it (--stay:
goes on without), and at once on SIGTERM or SIGINT.

  PAGEWAVE_EMBEDDED_TOKEN=secret python -m pagewave.embedded --state state/embedded --stay \\
      --reader echo --batch-seconds 1 --fault 'record-error:match=:2$,times=1'"""
OLD_SERVER_SECONDS = 5.0  # how long to wait for an ending server to let go of the state folder


class Server(uvicorn.Server):
    """uvicorn, which says when it listens, ends at once, and can cut a connection."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self.ready, flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Signals land here. There is nothing to tidy: all that counts is on disk already."""
        os._exit(0)

    def cut(self, scope: Scope) -> None:
        """Drops the connection of a request."""
        for connection in self.server_state.connections:
            if isinstance(connection, H11Protocol) and connection.client == scope["client"]:
                connection.transport.abort()
                return


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; exits with code 2 and a message when it is wrong."""
    pace = Pace()
    parser = argparse.ArgumentParser(
        prog="python -m pagewave.embedded",
        description=ABOUT,
        epilog=faults.describe(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def add(option: str, what: str, **options: Any) -> None:
        shown = " (%(default)s)" if options.get("default") else ""
        parser.add_argument(option, help=what + shown, **options)

    seconds: dict[str, Any] = {"type": float, "metavar": "S"}
    what = "folder of all it must not forget"
    add("--state", what, type=Path, default=Path("embedded-state"), metavar="DIR")
    add("--port", "0 is any free port, and the default", type=int, default=0)
    add("--reader", "echo: pages that say their key", choices=("ocr", "echo"), default="ocr")
    add("--workers", "threads that read", type=int, default=pace.workers, metavar="N")
    add("--running", "batches at the same time", type=int, default=pace.running, metavar="N")
    add("--active", "jobs not ended before 429", type=int, default=pace.active, metavar="N")
    what = "a batch takes at least so long; default 0"
    add("--batch-seconds", what, default=pace.batch_seconds, **seconds)
    what = "half of the single calls take so long; default 0"
    add("--call-seconds", what, default=pace.call_seconds, **seconds)
    what = "how far they differ: sigma of a log-normal distribution"
    add("--call-sigma", what, type=float, default=pace.call_sigma, metavar="X")
    what = "a file that is no image is PROCESSING so long"
    add("--file-seconds", what, default=pace.file_seconds, **seconds)
    add("--file-lifetime", "a file is gone after", default=pace.file_lifetime, **seconds)
    add("--seed", "of the order of result lines; default 0", type=int, default=0, metavar="N")
    what = "folder of images, by which a single call is told which page it shows; repeatable"
    add("--pages", what, type=Path, action="append", default=[], metavar="DIR")
    what = "how many folders deep a book lies in it; default 3"
    add("--levels", what, type=int, default=3, metavar="N")
    add("--fault", "repeatable; see below", action="append", default=[], metavar="SPEC")
    what = "variable that holds the token"
    add("--token-env", what, default="PAGEWAVE_EMBEDDED_TOKEN", metavar="NAME")
    add("--stay", "do not end when standard input ends", action="store_true")
    arguments = parser.parse_args(argv)
    for name in ("workers", "running", "active"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} must be at least 1")
    try:
        faults.Faults(arguments.fault)
    except faults.FaultError as error:
        parser.error(str(error))
    if arguments.reader == "ocr" and importlib.util.find_spec("tesserocr") is None:
        parser.error("--reader ocr needs tesserocr: pip install -e '.[embedded]'")
    return arguments


def claim(folder: Path) -> IO[str]:
    """Locks the state folder for as long as the result is open; the kernel frees it with us."""
    lock = (folder / "lock").open("a")
    deadline = time.monotonic() + OLD_SERVER_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(f"another server uses {folder}: end it, or give another --state")
            time.sleep(0.05)
        else:
            return lock


def make_reader(name: str) -> answers.Read:
    """The reader behind the server. The one that recognizes letters loads with the first page."""
    if name == "echo":
        return lambda key, _image, prompt, reading: echo.read(key, prompt, reading)

    lock = threading.Lock()
    loaded: list[Callable[[bytes, str], str]] = []

    def read(_key: str, image: bytes, prompt: str, _reading: int) -> str:
        with lock:
            if not loaded:
                from pagewave.embedded.reader.reader import Reader

                loaded.append(Reader().read)
        return loaded[0](image, prompt)

    return read


def end_with_stdin() -> None:
    """Ends the process when its standard input ends."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the server until it is told to end."""
    arguments = parse_arguments(argv)
    os.umask(0o077)  # the pages may be nobody else's business
    arguments.state.mkdir(parents=True, exist_ok=True)
    lock = claim(arguments.state)
    try:
        listener = bind(arguments.port)
    except OSError as error:
        sys.exit(f"cannot listen on port {arguments.port}: {error.strerror}; try --port 0")
    ready = {
        "event": "ready",
        "port": listener.getsockname()[1],
        "pid": os.getpid(),
        "token_env": arguments.token_env,
    }
    token = os.environ.get(arguments.token_env)
    if not token:
        token = ready["token"] = secrets.token_hex(16)
    pace = Pace(**{name: getattr(arguments, name) for name in Pace.__dataclass_fields__})
    jobs = Jobs(
        Store(arguments.state),
        EventLog(arguments.state / "log.jsonl"),
        faults.Faults(arguments.fault),
        make_reader(arguments.reader),
        pace,
        PageNames(arguments.pages, arguments.levels),
    )
    app = build_app(jobs, token, lambda scope: server.cut(scope))
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        log_level="error",
        access_log=False,
        timeout_keep_alive=3600,
        date_header=False,  # uvicorn's is up to a second old; server.py has its own
    )
    server = Server(config, json.dumps(ready))
    if not arguments.stay:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    server.run(sockets=[listener])
    lock.close()


if __name__ == "__main__":
    main()
