"""What only one may do at a time, be it a thread or a process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from helpers.embedded_process import SCRIPTS, wait_for
from pagewave.ledger.lock import LockedError, holder, one_at_a_time, take_lock

HOLD = """\
import sys
from pathlib import Path
from pagewave.ledger.lock import one_at_a_time
print("waits", flush=True)
with one_at_a_time(Path(sys.argv[1])):
    print("inside", flush=True)
    sys.stdin.read()
"""


@contextmanager
def other(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that wants to get in, and stays there until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        env={"PYTHONPATH": str(SCRIPTS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout and process.stdout.readline() == "waits\n"
        yield process
        process.kill()


def waits(process: subprocess.Popen[str]) -> bool:
    """Does the kernel know it as one who waits?"""
    return f" -> FLOCK  ADVISORY  WRITE {process.pid} " in Path("/proc/locks").read_text()


def test_a_process_waits_until_another_is_out(tmp_path: Path) -> None:
    path = tmp_path / "results" / "1.lock"
    with ExitStack() as stack:
        with one_at_a_time(path):
            process = stack.enter_context(other(path))
            wait_for(lambda: waits(process))
            # Another file is another matter.
            with other(path.with_name("2.lock")) as third:
                assert third.stdout and third.stdout.readline() == "inside\n"
            assert waits(process)
        assert process.stdout and process.stdout.readline() == "inside\n"


def test_it_is_free_once_its_holder_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "1.lock"
    with other(path) as process:
        assert process.stdout and process.stdout.readline() == "inside\n"
        process.kill()
        process.wait()
        with one_at_a_time(path):
            pass


# The state folder's


def test_whoever_looks_is_told_who_holds_the_lock_and_takes_nothing(tmp_path: Path) -> None:
    assert holder(tmp_path / "no folder") is None
    with take_lock(tmp_path, "A command"):
        assert holder(tmp_path) == os.getpid()
        with pytest.raises(LockedError, match=rf"A command is using .*process {os.getpid()}\)"):
            take_lock(tmp_path)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()} A command"
    assert holder(tmp_path) is None
    with take_lock(tmp_path):
        pass


@pytest.mark.parametrize("said", ["", "nobody at all"])
def test_a_holder_that_does_not_say_who_it_is_holds_the_lock_all_the_same(
    tmp_path: Path, said: str
) -> None:
    with take_lock(tmp_path):
        (tmp_path / "lock").write_text(said)
        assert holder(tmp_path) == 0
        with pytest.raises(LockedError, match=r"\(process unknown\)") as held:
            take_lock(tmp_path)
        assert held.value.holder == 0
