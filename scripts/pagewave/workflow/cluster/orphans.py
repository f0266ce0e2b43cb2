"""What a head tells its jobs on other machines, and the end of those that it left behind.

A head announces itself in the folder `jobs` beside its waves' manifests: whose run it is, under
which name Slurm knows its jobs, which books each job makes images of. All else that head and jobs
hand each other is in that folder too. A job without it does nothing. So when a head has died, the
next one takes the folder away, cancels what Slurm still has of it, and waits until that is gone,
before it looks which files are there: no file is written by two jobs, and what was still on its way
to Slurm finds out by itself that nobody waits for it any more.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from pydantic import BaseModel, ValidationError

from pagewave.atomic import write_atomically
from pagewave.errors import PagewaveError
from pagewave.ledger.lock import LockedError, take_lock
from pagewave.workspace import JOBS

LEFT_BEHIND = "jobs-left-behind"
"""The same folder while its jobs are being ended, so that a crash then does not forget them."""
ANNOUNCED = "announced.json"

ANSWER_SECONDS = 60.0
"""How long Slurm may take to answer; its own commands give up after some 10 to 60 seconds."""
GONE_SECONDS = 180.0
"""How long a cancelled job may take to end: Slurm kills it 30 seconds after it asked it to end."""
LOOK_SECONDS = 0.5


class Announcement(BaseModel):
    """What a head's jobs on other machines are told; `state_dir` is absolute."""

    state_dir: str
    slurm_name: str | None
    """The name that all Slurm jobs of this head have; None under another system than Slurm."""
    image_jobs: list[list[str]]
    """The books that each job makes images of; jobs count from 0."""


def announce(run: Path, announcement: Announcement) -> None:
    """Let jobs of the run whose folder this is do their work, from now on."""
    write_atomically(run / JOBS / ANNOUNCED, announcement.model_dump_json(indent=1) + "\n")


def announced(run: Path) -> Announcement:
    """What the head of the run with this folder has announced, for one of its jobs.

    Raises:
        PagewaveError: that run is over; its jobs must not write anything.
    """
    found = _read(run / JOBS)
    if found is None:
        raise PagewaveError(
            f"{run / JOBS} is not there: the run that wanted this job is over, and nothing was "
            "done. Nothing is to be done about it either."
        )
    return found


def withdraw(run: Path) -> None:
    """The run with this folder is over, and so are all of its jobs."""
    shutil.rmtree(run / JOBS, ignore_errors=True)


def end_orphans(runs: Path, state_dir: Path) -> None:
    """End the jobs of heads that died over this state folder; does nothing while one is alive.

    Args:
        runs: the folder that has a folder a run.

    Raises:
        PagewaveError: Slurm does not answer, or can't end them.
    """
    state = str(state_dir.resolve())
    folders = [*runs.glob(f"*/{JOBS}"), *runs.glob(f"*/{LEFT_BEHIND}")]
    if not (left := [each for each in folders if (a := _read(each)) and a.state_dir == state]):
        return
    try:
        lock = take_lock(state_dir)
    except LockedError:
        return  # as the run will say when it begins
    with lock:
        for folder in left:
            if found := _read(folder):  # it may have been taken away in the meantime
                withdrawn = folder.rename(folder.with_name(LEFT_BEHIND))
                if found.slurm_name:
                    _end(found.slurm_name, withdrawn)
                shutil.rmtree(withdrawn)
                shutil.rmtree(folder, ignore_errors=True)  # what a job still reported


def _read(folder: Path) -> Announcement | None:
    try:
        return Announcement.model_validate_json((folder / ANNOUNCED).read_bytes())
    except (OSError, ValidationError):
        return None


def _end(name: str, folder: Path) -> None:
    """Cancel all jobs of this name and wait until they are gone."""
    deadline = time.monotonic() + GONE_SECONDS
    ids = _living(name, folder)
    if ids:
        print(
            f"pagewave: ending {len(ids)} Slurm jobs of a run that died ({', '.join(ids)}); what "
            "they made is kept.",
            file=sys.stderr,
        )
        _ask(["scancel", "--name", name], name, folder)
    while ids:
        time.sleep(LOOK_SECONDS)
        if time.monotonic() > deadline:
            raise PagewaveError(_still_there(name, folder, "Slurm can't end them"))
        ids = _living(name, folder)


def _living(name: str, folder: Path) -> list[str]:
    """The numbers of jobs of this name that are queued, running or about to end."""
    return sorted(
        _ask(["squeue", "--noheader", "--format=%i", "--name", name], name, folder).split()
    )


def _ask(command: list[str], name: str, folder: Path) -> str:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS
        ).stdout
    except FileNotFoundError:
        reason = f"there is no {command[0]} here"
    except subprocess.TimeoutExpired:
        reason = f"{command[0]} did not answer"
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip() or f"{command[0]} ended with exit code {error.returncode}"
    raise PagewaveError(_still_there(name, folder, reason))


def _still_there(name: str, folder: Path, reason: str) -> str:
    return (
        f"Slurm jobs of a run that died may still be writing files, and can't be ended: {reason}. "
        "Run the same command again where Slurm answers. If you are sure that no job named "
        f"{name} is left, delete {folder}."
    )
