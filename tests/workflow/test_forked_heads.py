"""A forked head (helpers/forked_heads.py) is what a started one is: tests may use either."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from helpers.embedded_process import wait_for
from helpers.forked_heads import POSSIBLE, ForkedHead
from helpers.library import REPO, Library
from pagewave import crash_points as crash

pytestmark = pytest.mark.skipif(not POSSIBLE, reason="only Linux has handles of processes")

BOOKS = {"Ohio/Ashgrove/1852": 1}
SNAKEFILE = """
import atexit, json, os, signal, sys, threading, time

seen = {
    "folder": os.getcwd(),
    "leads its session": os.getsid(0) == os.getpid() == os.getpgid(0),
    "environment": dict(os.environ),
    "arguments": sys.argv,
    "path": sys.path,
    "main module": sys.modules["__main__"].__file__,
    "signals": [str(signal.getsignal(number)) for number in signal.valid_signals()],
    "threads": [threading.active_count(), len(os.listdir("/proc/self/task"))],
    "files": sorted(os.readlink(f"/proc/self/fd/{number}") for number in range(3)),
    "encodings": [sys.stdout.encoding, sys.stderr.encoding, sys.getfilesystemencoding()],
    "is terminal": [sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty()],
    "time zone": time.tzname,
    "limits": open("/proc/self/limits").read(),
    "pagewave": [name for name in sys.modules if name.startswith("pagewave")],
}
print("seen", json.dumps(seen))
atexit.register(print, "said at its end")
threading.Timer(0.2, print, ["said by a thread"]).start()

rule all:
    run:
        pass
"""
"""Says what it can see of its process."""


def seen_by_head(library: Library, forks: bool) -> Any:
    """What the Snakefile of a dry run says."""
    vars(library)["forks"] = forks
    output = library.run("-n")
    assert isinstance(library.heads[-1].process, ForkedHead) == forks
    assert output.index("said by a thread") < output.index("said at its end")
    (line,) = [line for line in output.splitlines() if line.startswith("seen ")]
    return json.loads(line.removeprefix("seen ").replace("/output/1.txt", "/output/0.txt"))


def test_a_snakefile_can_not_tell_that_its_head_was_forked(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Snakefile").write_text(SNAKEFILE)
    (project / "profiles").symlink_to(REPO / "profiles")
    with Library(tmp_path, BOOKS) as library:
        library.project = project
        library.environment = {"TZ": "Pacific/Apia", "ODD": "\N{LATIN SMALL LETTER U}=1"}
        started, forked = (seen_by_head(library, forks) for forks in (False, True))
    assert started.keys() == forked.keys() and len(started) > 10
    # A started one also has those of numpy, as many as there are cores.
    assert forked.pop("threads") == [1, 1] and started.pop("threads")[0] == 1
    assert forked == started
    assert not forked["pagewave"]


def test_it_ends_with_codes_and_by_signals_as_others_do(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, embedded={"batch_seconds": 3600}) as library:
        assert library.run("-n") and library.heads[-1].process.poll() == 0
        library.run("no such target", code=1)
        library.crash("run-begun")
        head = library.start()
        head.wait_for_create(library)
        process = psutil.Process(head.process.pid)
        assert process.status() != psutil.STATUS_ZOMBIE and head.process.poll() is None
        server = process.children()
        assert len(server) == 1
        head.kill()
        assert head.wait()[0] == -signal.SIGKILL
        head.kill()
        assert not process.is_running()
        wait_for(lambda: not server[0].is_running())
    assert crash.VARIABLE not in os.environ
