"""Disks that get full and files that may not be written, for real, also for root."""

import contextlib
import ctypes
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.lasting import Lasting

BLOCK = 4096  # bytes, of a tmpfs
PR_CAPBSET_DROP = 24  # prctl.h
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2  # capability.h: root's right to pass permissions by


class SmallDisk(Lasting):
    """A file system of a few megabytes at `place`, from `with` to its end."""

    def __init__(self, place: Path, megabytes: int = 8) -> None:
        self.place = place
        self._options = f"size={megabytes}m"
        self._filler = place / "filler"

    def open(self) -> None:
        """Mounts it; skips the test where that is not allowed."""
        self.place.mkdir(parents=True, exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", self._options, "tmpfs", str(self.place)]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"needs the right to mount a small disk: {done.stderr.strip()}")

    def close(self) -> None:
        """Unmounts it."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)

    def fill(self, blocks_left: int = 0) -> None:
        """Leaves room for so many blocks."""
        with self._filler.open("ab", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while filler.write(bytes(BLOCK)):
                    pass
            size = self._filler.stat().st_size // BLOCK * BLOCK
            filler.truncate(size - blocks_left * BLOCK)

    def free(self) -> None:
        """Removes what `fill` wrote."""
        self._filler.unlink()


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size` bytes, as if the disk ended there."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def obey_permissions() -> None:
    """Before a process starts: permissions are to count for it although it belongs to root."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")
